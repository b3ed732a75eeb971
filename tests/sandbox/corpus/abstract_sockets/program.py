import socket

done = []
left, right = socket.socketpair(type=socket.SOCK_DGRAM)
for attempt in (lambda: left.connect("\0x"), lambda: left.bind("\0x"), lambda: left.sendto(b"x", "\0x"), lambda: left.listen()):
    try:
        attempt()
        done.append(attempt)
    except OSError:
        pass
print("stopped" if not done else done)
