import os
import socket
import time

END = b'D{"index":0,"status":"finished","reason":"","exit_code":0}'
keeper = socket.socket(fileno=3)
keeper.send(b'Z{}')
time.sleep(60)
