import os
import tempfile

os.makedirs("a/b")
os.rename("a", "c")
with tempfile.TemporaryDirectory() as directory, open(os.path.join(directory, "x"), "w+") as file:
    file.write("fine")
    file.seek(0)
    print(file.read(), os.listdir("c"))
