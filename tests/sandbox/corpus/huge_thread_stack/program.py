import threading

threading.stack_size(1 << 40)
threading.Thread(target=print).start()
