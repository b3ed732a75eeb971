import builtins

given = input()
print(len(given), sum([1, 2]), sorted("ba"))
builtins.len = builtins.sum = builtins.sorted = lambda *_: 7
