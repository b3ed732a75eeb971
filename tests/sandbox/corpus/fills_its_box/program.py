import os

written = 0
try:
    for number in range(20):
        with open(str(number), "wb") as file:
            for _ in range(15):
                written += file.write(b"x" * (1 << 20))
except OSError as error:
    print("stopped" if written <= 64 << 20 else written)
