import sys

sys.stdout.writelines(sorted(sys.stdin))
