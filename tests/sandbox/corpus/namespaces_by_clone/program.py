import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)


def refused(*arguments):
    return libc.syscall(*arguments) == -1


clone = {"x86_64": 56, "aarch64": 220}[os.uname().machine]
held = [refused(clone, 0x10000000 | 17, 0, 0, 0, 0), refused(435, 0, 0)]
print("stopped" if all(held) else held)
