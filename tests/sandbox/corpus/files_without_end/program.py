made = 0
try:
    for made in range(5_000):
        open(str(made), "w").close()
except OSError:
    print("stopped" if made <= 1_000 else made)
