import os

os.execv("/bin/sh", ["sh", "-c", "echo answer; exit 3"])
