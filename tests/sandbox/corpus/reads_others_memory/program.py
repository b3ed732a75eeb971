import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)


def refused(*arguments):
    return libc.syscall(*arguments) == -1


numbers = {"x86_64": (101, 310, 311, 312, 438), "aarch64": (117, 270, 271, 272, 438)}[os.uname().machine]
ptrace, read, write, kcmp, getfd = numbers
held = [refused(ptrace, 16, pid, 0, 0) for pid in (1, 2, os.getpid())]
held += [refused(call, 1, 0, 0, 0, 0, 0) for call in (read, write, kcmp, getfd)]
print("stopped" if all(held) else held)
