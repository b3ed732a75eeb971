import os
import socket
import time

END = b'D{"index":0,"status":"finished","reason":"","exit_code":0}'
keeper = socket.socket(fileno=3)
keeper.send(b'Q{"fn":"f"}')
time.sleep(60)
