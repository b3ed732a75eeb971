import sys

try:
    while True:
        sys.stderr.write("x" * 100_000)
except OSError:
    pass
print("answer")
