import signal

signal.signal(signal.SIGALRM, lambda *_: None)
signal.signal(signal.SIGXCPU, signal.SIG_IGN)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
