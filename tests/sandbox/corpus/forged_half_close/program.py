import socket

given = input()
if given == "0":
    keeper = socket.socket(fileno=3)
    keeper.shutdown(socket.SHUT_RD)
    keeper.detach()
print(given)
