import os
import time

given = input()
others = [name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
if given == "one" and not os.fork():
    os.setsid()
    time.sleep(0.05)
    while True:
        os.write(1, b"stray")
        time.sleep(0.01)
time.sleep(0.1 if given == "two" else 0)
print(given, others)
