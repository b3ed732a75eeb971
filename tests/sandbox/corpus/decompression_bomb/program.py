import zlib

packed = zlib.compress(bytes(64 << 20))
block = b"".join(zlib.decompress(packed) for _ in range(100))
