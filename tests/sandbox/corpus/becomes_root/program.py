import ctypes
import os
import struct

libc = ctypes.CDLL(None)
done = []
for attempt in (lambda: os.setuid(0), lambda: os.setresuid(0, 0, 0), lambda: os.setgid(0), lambda: os.setgroups([0])):
    try:
        attempt()
        done.append(attempt)
    except OSError:
        pass
full = libc.capset(struct.pack("Ii", 0x20080522, 0), b"\xff" * 24)
print("stopped" if not done and full == -1 and os.getuid() and os.geteuid() else (done, full, os.getuid()))
