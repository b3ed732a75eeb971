import os

reader, writer = os.pipe()
processes = 0
try:
    while processes < 40:
        if not os.fork():
            os.close(writer)
            os.read(reader, 1)
            os._exit(0)
        processes += 1
except OSError:
    pass
os.close(writer)
print("stopped" if processes < 30 else f"{processes} processes")
