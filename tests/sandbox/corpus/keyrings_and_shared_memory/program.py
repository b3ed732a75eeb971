import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)


def refused(*arguments):
    return libc.syscall(*arguments) == -1


numbers = {"x86_64": (250, 248, 29, 64, 68, 240), "aarch64": (219, 217, 194, 190, 186, 180)}[os.uname().machine]
held = [refused(number, 0x7654, 4096, 0o1600, 0, 0) for number in numbers]
held.append(not os.path.exists("/dev/mqueue") and not os.path.exists("/proc/loadavg"))
print("stopped" if all(held) else held)
