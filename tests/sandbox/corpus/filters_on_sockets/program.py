import ctypes
import socket
import struct

left, right = socket.socketpair()
program = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))
done = []
for option in (26, 50, 51, 52):
    try:
        left.setsockopt(socket.SOL_SOCKET, option, struct.pack("HxxxxxxQ", 1, ctypes.addressof(program)))
        done.append(option)
    except OSError:
        pass
print("stopped" if not done else done)
