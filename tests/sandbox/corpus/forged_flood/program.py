import os
import socket
import time

END = b'D{"index":0,"status":"finished","reason":"","exit_code":0}'
keeper = socket.socket(fileno=3)
while True:
    try:
        keeper.send(b'Z{}')
    except OSError:
        break
time.sleep(60)
