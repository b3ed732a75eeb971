import os
import stat

made = []
for kind in (stat.S_IFCHR, stat.S_IFBLK):
    try:
        os.mknod("node", kind | 0o666, os.makedev(1, 3))
        made.append(kind)
    except OSError:
        pass
print("stopped" if not made else made)
