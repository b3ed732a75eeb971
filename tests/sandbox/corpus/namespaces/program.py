import os

for name in ("user", "mnt", "pid", "net", "ipc", "uts"):
    print(os.readlink(f"/proc/self/ns/{name}"))
