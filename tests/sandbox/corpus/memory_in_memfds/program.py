import os

descriptors = []
for _ in range(20):
    descriptors.append(os.memfd_create("hoard"))
    for _ in range(15):
        os.write(descriptors[-1], b"x" * (1 << 20))
