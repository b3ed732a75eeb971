"""How our own helper processes are started: isolated Python, explicit environment, nothing inherited.

The command line and the environment are all that an untrusted program could see of its ancestors in `/proc`, so both
are fixed: no secret of the server is in either.
"""

import contextlib
import os
import sys
from collections.abc import Sequence

_ENVIRONMENT = {
    "HOME": "/box/home",
    "LANG": "C.UTF-8",
    # Symbols are looked up once in the zygote instead of in every child.
    "LD_BIND_NOW": "1",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    # Same input, same verdict: also for a program that prints a set.
    "PYTHONHASHSEED": "0",
    "TMPDIR": "/box/home",
}
_PASSED_ON = "LD_LIBRARY_PATH"  # without which an unusual Python does not start
LANGUAGES_VARIABLE = "VERIWARD_LANGUAGES"
"""Names more directories of language files, for keepers and graders; see `languages/catalogue.py`."""
PROFILES_VARIABLE = "VERIWARD_PROFILES"
"""Names more directories of profile files; see `profiles/catalogue.py`."""
PACKAGES_VARIABLE = "VERIWARD_PACKAGES"
"""Where the packages of whoever started the keeper are installed; the keeper runs without any."""
SOURCE_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_BOOT = "import sys; sys.path.append({root!r}); from veriward.sandbox.{module} import main; main()"


def environment() -> dict[str, str]:
    """What programs may see."""
    return _ENVIRONMENT | _passed(_PASSED_ON)


def keeper_environment() -> dict[str, str]:
    """What a keeper may know beside it."""
    packages = os.pathsep.join(path for path in sys.path if path.endswith(("/site-packages", "/dist-packages")))
    return environment() | _passed(LANGUAGES_VARIABLE) | _passed(PROFILES_VARIABLE) | {PACKAGES_VARIABLE: packages}


def _passed(name: str) -> dict[str, str]:
    return {name: os.environ[name]} if name in os.environ else {}


def interpreter() -> list[str]:
    """The real interpreter, not a virtual environment's link to it: programs may start it again within the jail."""
    return [getattr(sys, "_base_executable", None) or sys.executable]


def command(module: str, python: Sequence[str] | None, *arguments: str, packages: bool = False) -> list[str]:
    """The command line that runs `main` of a module of this package, by `python` or by this interpreter.

    -P -s -S: neither the working directory nor, without `packages`, any site-packages is on `sys.path`.
    """
    boot = _BOOT.format(root=SOURCE_ROOT, module=module)
    return [*(python or interpreter()), "-P", "-s", *([] if packages else ["-S"]), "-c", boot, *arguments]


def name_process(name: str) -> None:
    """What `ps` and `top` show this process as, where the kernel lets it be named."""
    with contextlib.suppress(OSError), open("/proc/self/comm", "w") as file:
        file.write(name)
