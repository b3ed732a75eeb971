import os

seen = []
for path in ("/etc/passwd", "/etc/shadow", "/etc/hostname", "/etc/resolv.conf", "/root/.bashrc", "/root/.ssh", "/var", "/srv", "/run", "/sys", "/boot"):
    try:
        os.stat(path)
        seen.append(path)
        print(open(path).read(2000))
    except OSError:
        pass
print("stopped" if not seen else seen)
