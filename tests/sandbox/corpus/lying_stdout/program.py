import sys


class Liar:
    def write(self, text):
        return len(text)

    def flush(self):
        pass

    def __getattr__(self, name):
        return lambda *_: 0


sys.stdout = Liar()
print("answer")
