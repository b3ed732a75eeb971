xs = [3, 1, 2]
f(xs)
assert xs == [1, 2, 3]
