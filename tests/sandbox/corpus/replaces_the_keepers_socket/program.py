import os


def f(x):
    os.dup2(1, 3)
    return 2
