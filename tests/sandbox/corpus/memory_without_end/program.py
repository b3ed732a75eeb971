blocks = []
while True:
    blocks.append(b"x" * (10 << 20))
