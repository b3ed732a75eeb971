import os
import shutil
import sys

descriptor = os.memfd_create("sh")
with open(shutil.which("sh"), "rb") as source:
    os.write(descriptor, source.read())
sys.stdout.flush()
if not os.fork():
    os.dup2(1, 2)
    os.execve(descriptor, ["sh", "-c", "read line < /etc/passwd && echo $line; echo > /usr/x && echo wrote; echo x > /dev/zero && echo wrote"], {})
os.wait()
print("stopped")
