import os
import threading

print("answer", flush=True)
threading.Thread(target=os._exit, args=(0,)).start()
