import builtins
import json
import os
import random

print(len("ab"), json.dumps([1]), os.getcwd(), random.random())
json.dumps = os.getcwd = random.random = None
builtins.len = lambda _: 7
