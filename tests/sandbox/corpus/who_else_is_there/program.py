import os

print("stopped" if os.getpid() == 1 and os.getppid() == 0 else (os.getpid(), os.getppid()))
