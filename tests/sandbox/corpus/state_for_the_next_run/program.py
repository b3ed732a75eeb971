import os

places = ("/box/home", "/tmp", "/dev/shm", os.environ["HOME"], os.environ["TMPDIR"])
found = [name for place in places for name in os.listdir(place)]
for place in places:
    open(f"{place}/left", "w").write("left")
print("stopped" if not found else found)
