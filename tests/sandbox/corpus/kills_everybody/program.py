import os
import signal

reached = []
for pid in (-1, 0, 2, 3, 4, 100, 1000):
    try:
        if pid:
            os.kill(pid, signal.SIGKILL)
            reached.append(pid)
    except OSError:
        pass
print("stopped" if not reached else reached)
