import os
import socket
import time

END = b'D{"index":0,"status":"finished","reason":"","exit_code":0}'
keeper = socket.socket(fileno=3)
for _ in range(3):
    left, right = socket.socketpair()
    socket.send_fds(left, [b'x'], [right.fileno(), left.fileno()])
    left.close()
    right.close()
socket.send_fds(keeper, [END], [3])
time.sleep(60)
