import os

depth = 0
try:
    while depth < 5_000:
        os.mkdir("d")
        os.chdir("d")
        depth += 1
except OSError:
    print("stopped" if depth <= 1_000 else depth)
