import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)


def refused(*arguments):
    return libc.syscall(*arguments) == -1


head = (ctypes.c_size_t * 3)(0xDEAD0000, 0, 0)
libc.syscall({"x86_64": 273, "aarch64": 99}[os.uname().machine], ctypes.byref(head), 24)
print("stopped")
