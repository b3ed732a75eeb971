import fcntl
import os

told = []
directory, file = os.open(os.path.dirname(os.__file__), os.O_RDONLY), os.open(os.__file__, os.O_RDONLY)
for attempt in (
    lambda: fcntl.fcntl(directory, fcntl.F_NOTIFY, fcntl.DN_ACCESS | fcntl.DN_MULTISHOT),
    lambda: fcntl.fcntl(file, 1024, fcntl.F_RDLCK),
    lambda: fcntl.fcntl(file, fcntl.F_SETOWN, 1),
    lambda: fcntl.fcntl(file, 10, 10),
):
    try:
        attempt()
        told.append(attempt)
    except OSError:
        pass
print("stopped" if not told else told)
