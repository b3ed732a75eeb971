made = 0
try:
    for made in range(5_000):
        open(b"\xff\n\x1b[31m" + str(made).encode().rjust(248, b"~"), "w").close()
except OSError:
    print("stopped" if made <= 1_000 else made)
