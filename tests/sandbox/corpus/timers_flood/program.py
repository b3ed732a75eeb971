import ctypes

libc = ctypes.CDLL(None, use_errno=True)
made = 0
timer = ctypes.c_void_p()
while made < 20_000 and libc.timer_create(1, None, ctypes.byref(timer)) == 0:
    made += 1
print("stopped" if made < 20_000 else f"{made} timers")
