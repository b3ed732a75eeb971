import os
import time

for _ in range(4):
    if not os.fork():
        while time.process_time() < 0.15:
            pass
        os._exit(0)
for _ in range(4):
    os.wait()
print("done")
