import os
import socket
import time

END = b'D{"index":0,"status":"finished","reason":"","exit_code":0}'
keeper = socket.socket(fileno=3)
keeper.send(END.replace(b'0', b'7', 1))
time.sleep(60)
