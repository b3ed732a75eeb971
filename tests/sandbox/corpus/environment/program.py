import os
import sys

known = {"HOME", "LANG", "LC_CTYPE", "LD_BIND_NOW", "LD_LIBRARY_PATH", "PATH", "PYTHONHASHSEED", "TMPDIR"}
print("stopped" if set(os.environ) <= known else sorted(os.environ))
for name in os.listdir("/proc"):
    if name.isdigit():
        print(open(f"/proc/{name}/environ").read().replace("\0", " "), file=sys.stderr)
