import threading
import time


def late():
    time.sleep(0.05)
    while True:
        print("stray", flush=True)


given = input()
if given == "one":
    threading.Thread(target=late, daemon=True).start()
else:
    time.sleep(0.15)
print(given)
