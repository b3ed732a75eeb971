import os

opened = 0
try:
    while opened < 500:
        os.open("/dev/null", os.O_RDONLY)
        opened += 1
except OSError:
    pass
print("stopped" if opened < 64 else opened)
