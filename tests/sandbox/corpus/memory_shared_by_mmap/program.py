import mmap

maps = []
while True:
    maps.append(mmap.mmap(-1, 10 << 20))
    maps[-1].write(b"x" * (10 << 20))
