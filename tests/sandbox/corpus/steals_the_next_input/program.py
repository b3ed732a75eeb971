import socket
import threading

given = input()
if given == "one":
    keeper = socket.socket(fileno=3)
    threading.Thread(target=socket.recv_fds, args=(keeper, 1 << 16, 4), daemon=True).start()
print(given)
