import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)


def refused(*arguments):
    return libc.syscall(*arguments) == -1


traceme = refused({"x86_64": 101, "aarch64": 117}[os.uname().machine], 0, 0, 0, 0)
print("stopped" if traceme else "escaped")
