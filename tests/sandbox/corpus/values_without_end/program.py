def f(x):
    if x == 1:
        value = []
        value.append(value)
        return value
    if x == 2:
        value = []
        for _ in range(10**6):
            value = [value]
        return value
    if x == 3:
        return (n for n in range(3))
    return ["x" * 1000] * 100_000
