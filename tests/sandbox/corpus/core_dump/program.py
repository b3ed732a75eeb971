import ctypes
import os
import resource

raised = False
try:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    raised = True
except (ValueError, OSError):
    pass
if not os.fork():
    ctypes.string_at(0)
_, status = os.wait()
dumped = os.WCOREDUMP(status) or os.listdir(".")
print("stopped" if os.WIFSIGNALED(status) and not dumped and not raised else (status, dumped, raised))
