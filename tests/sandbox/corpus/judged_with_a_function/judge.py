try:
    f(lambda x: x)
except TypeError:
    pass
