import os

written = []
for path in ("/dev/zero", "/dev/urandom", "/dev/full", "/dev/tty", "/dev/mem", "/dev/kmsg"):
    try:
        os.open(path, os.O_WRONLY)
        written.append(path)
    except OSError:
        pass
open("/dev/null", "w").write("x")
print("stopped" if not written else written)
