"""Which languages there are files for: those beside this module, and those of the operator's directories.

Whether one is installed is another question, which only the jail can answer (`workshop.py`).
"""

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from veriward.sandbox.languages.language import Language, read
from veriward.sandbox.launch import LANGUAGES_VARIABLE
from veriward.sandbox.strict_toml import files

PYTHON = "python"
"""The built-in language: needs no file, and is the only one with modes beside `stdin`."""


def known() -> Mapping[str, Language]:
    """By name, in order, without the built-in Python. Raises `ValueError` for a faulty file.

    The environment's VERIWARD_LANGUAGES names more directories, separated by colons; a file there replaces one of the
    same name here.
    """
    return _scan(os.environ.get(LANGUAGES_VARIABLE, ""))


@cache
def _scan(directories: str) -> Mapping[str, Language]:
    found = {}
    for name, path, text in files(Path(__file__).parent, directories):
        if name == PYTHON:
            raise ValueError(f"{path}: {PYTHON!r} is the built-in language's name")
        found[name] = read(name, text)
    return MappingProxyType(dict(sorted(found.items())))
