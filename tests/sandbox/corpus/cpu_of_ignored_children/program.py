import os
import signal
import time

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for _ in range(4):
    if not os.fork():
        while time.process_time() < 0.15:
            pass
        os._exit(0)
try:
    os.wait()
except ChildProcessError:
    print("done")
