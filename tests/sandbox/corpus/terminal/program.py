import fcntl
import os
import struct
import termios

found = []
for attempt in (
    lambda: os.open("/dev/tty", os.O_RDWR),
    lambda: fcntl.ioctl(0, termios.TIOCSTI, b"x"),
    lambda: fcntl.ioctl(0, 0x541C, struct.pack("b", 2)),
    lambda: os.openpty(),
):
    try:
        attempt()
        found.append(attempt)
    except OSError:
        pass
print("stopped" if not found and not os.isatty(0) else found)
