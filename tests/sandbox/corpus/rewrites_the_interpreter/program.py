import os

changed = []
for attempt in (
    lambda: open("/proc/self/exe", "r+b").write(b"x"),
    lambda: os.truncate("/proc/self/exe", 0),
    lambda: os.rename(os.path.realpath("/proc/self/exe"), "/box/home/python"),
    lambda: os.chmod("/proc/self/exe", 0o777),
    lambda: os.utime(os.path.realpath("/proc/self/exe")),
):
    try:
        attempt()
        changed.append(attempt)
    except OSError:
        pass
print("stopped" if not changed else changed)
