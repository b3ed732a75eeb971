import os

os.execv("/bin/sh", ["sh"] + ["x" * 100_000] * 2_000)
