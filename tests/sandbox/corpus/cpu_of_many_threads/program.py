import hashlib
import threading

data = bytes(1 << 24)


def burn():
    while True:
        hashlib.sha256(data)


for _ in range(3):
    threading.Thread(target=burn, daemon=True).start()
burn()
