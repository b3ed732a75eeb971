assert "seen" not in globals()
seen = int(input())
print(seen * seen)
