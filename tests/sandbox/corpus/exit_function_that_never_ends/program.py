import atexit


@atexit.register
def loop():
    while True:
        pass


print("answer", flush=True)
