import os
import subprocess

gained = []
for path in ("/usr/bin/su", "/usr/bin/passwd", "/usr/bin/mount", "/usr/bin/newuidmap", "/usr/bin/sudo"):
    if os.path.exists(path) and not os.statvfs(path).f_flag & os.ST_NOSUID:
        gained.append(path)
status = open("/proc/self/status").read()
print("stopped" if not gained and "NoNewPrivs:\t1" in status else gained)
