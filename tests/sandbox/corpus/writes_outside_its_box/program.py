import os

written = []
for path in ("/x", "/box/x", "/usr/x", "/proc/x", "/dev/x", os.__file__, "/proc/self/exe", os.path.realpath("/proc/self/exe")):
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
        written.append(path)
    except OSError:
        pass
print("stopped" if not written else written)
