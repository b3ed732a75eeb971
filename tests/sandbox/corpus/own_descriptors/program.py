import os

kinds = sorted({os.readlink(f"/proc/self/fd/{name}").split(":")[0] for name in os.listdir("/proc/self/fd")
                if os.path.lexists(f"/proc/self/fd/{name}")})
print("stopped" if kinds == ["/memfd", "socket"] else kinds)
