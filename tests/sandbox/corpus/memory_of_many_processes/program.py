import os
import time

for _ in range(8):
    if not os.fork():
        block = b"x" * (20 << 20)
        time.sleep(0.5)
        os._exit(0)
for _ in range(8):
    os.wait()
print("fine")
