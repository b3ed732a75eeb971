import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)


def refused(*arguments):
    return libc.syscall(*arguments) == -1


held = []
for attempt in (
    lambda: os.nice(-5),
    lambda: os.setpriority(os.PRIO_PROCESS, 0, -10),
    lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
    lambda: os.sched_setaffinity(0, {0}),
):
    try:
        attempt()
    except OSError:
        held.append(True)
held.append(refused({"x86_64": 251, "aarch64": 30}[os.uname().machine], 1, 0, 1 << 13))
print("stopped" if len(held) == 5 and all(held) else held)
