import ctypes
import os
import signal
import struct

libc = ctypes.CDLL(None, use_errno=True)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGRTMIN})
value = ctypes.c_void_p(0)
sent = 0
while sent < 20_000 and libc.sigqueue(os.getpid(), signal.SIGRTMIN, value) == 0:
    sent += 1
print("stopped" if sent < 20_000 else f"{sent} signals")
