print(len(b'x' * (100 << 20)) >> 20)
