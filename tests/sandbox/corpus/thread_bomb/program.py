import threading

threads = 0
over = threading.Event()
try:
    while threads < 100:
        threading.Thread(target=over.wait, daemon=True).start()
        threads += 1
except RuntimeError:
    pass
over.set()
print("stopped" if threads < 40 else f"{threads} threads")
