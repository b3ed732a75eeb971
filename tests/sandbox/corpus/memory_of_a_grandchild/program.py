import os

if not os.fork():
    blocks = []
    while True:
        blocks.append(b"x" * (1 << 20))
os.wait()
print("fine")
