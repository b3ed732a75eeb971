import os
import sys

given = input()
sys.hoard = []
try:
    while True:
        sys.hoard.append(open("/dev/null"))
except OSError:
    pass
print(given)
