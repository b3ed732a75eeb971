import mmap
import os

given = os.read(0, 10)
changed = []
for attempt in (
    lambda: os.write(os.open("/proc/self/fd/0", os.O_RDWR), b"x"),
    lambda: os.truncate("/proc/self/fd/0", 0),
    lambda: mmap.mmap(os.open("/proc/self/fd/0", os.O_RDWR), 3),
    lambda: os.ftruncate(0, 1 << 20),
):
    try:
        attempt()
        changed.append(attempt)
    except OSError:
        pass
print(given.decode(), "stopped" if not changed else changed)
