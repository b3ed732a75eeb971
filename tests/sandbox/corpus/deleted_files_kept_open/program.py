import os

kept = []
written = 0
try:
    for _ in range(20):
        kept.append(open("gone", "wb"))
        os.unlink("gone")
        for _ in range(15):
            written += os.write(kept[-1].fileno(), b"x" * (1 << 20))
except OSError:
    print("stopped" if written <= 64 << 20 else written)
