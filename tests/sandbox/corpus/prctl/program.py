import ctypes

libc = ctypes.CDLL(None)
done = [option for option in (7, 8, 22, 24, 26, 28, 29, 35, 36, 41, 47, 50, 54, 59, 62) if libc.prctl(option, 2 if option == 22 else 1, 0, 0, 0) >= 0]
print("stopped" if not done else done)
