import os

os.symlink("/etc/passwd", "link")
seen = []
for path in ("link", "/proc/self/root/etc/passwd", "/proc/1/root/etc/passwd", "../../etc/passwd", "/box/../etc/passwd"):
    try:
        seen.append(open(path).read())
    except OSError:
        pass
for target in ("/etc/passwd", os.__file__):
    try:
        os.link(target, "hard")
        seen.append(target)
    except OSError:
        pass
print("stopped" if not seen else seen)
