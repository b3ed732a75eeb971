import os

os.execv("/bin/sh", ["sh", "-c", "echo guess; echo 'Dnonsense' >&3; sleep 60"])
