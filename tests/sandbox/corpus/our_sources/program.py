import os
import sys

found = [module.__file__ for module in list(sys.modules.values()) if getattr(module, "__file__", None)
         and "veriward" in module.__name__ and os.path.exists(module.__file__)]
found += [path for path in sys.path if "veriward" in path or "site-packages" in path]
for name in ("pytest", "pydantic", "veriward.server", "veriward.verifiers", "veriward.sandbox.keeper"):
    try:
        __import__(name)
        found.append(name)
    except ImportError:
        pass
print("stopped" if not found else found)
