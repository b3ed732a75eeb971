"""Which profiles there are files for: those beside this module, and those of the operator's directories.

Whether the packages of one are installed is another question (`packages.py`).
"""

import os
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from veriward.sandbox.launch import PROFILES_VARIABLE
from veriward.sandbox.profiles.profile import Profile, read
from veriward.sandbox.strict_toml import files

STD = "std"
"""The profile that programs get unless they ask for another; its zygote is always warm."""


def known() -> Mapping[str, Profile]:
    """By name, `std` first. Raises `ValueError` for a faulty file.

    The environment's VERIWARD_PROFILES names more directories, separated by colons; a file there replaces one of the
    same name here.
    """
    return _scan(os.environ.get(PROFILES_VARIABLE, ""))


def holders(profiles: Iterable[Profile]) -> dict[str, list[str]]:
    """By top-level module, the names of those profiles with packages whose files promise it."""
    found: dict[str, list[str]] = {}
    for profile in profiles:
        if profile.has_packages:
            for module in sorted(profile.modules):
                found.setdefault(module, []).append(profile.name)
    return found


@cache
def _scan(directories: str) -> Mapping[str, Profile]:
    found = {name: read(name, text) for name, _, text in files(Path(__file__).parent, directories)}
    if found[STD].has_packages:
        raise ValueError(f"profile file {STD}.toml: {STD!r} is the standard library alone")
    return MappingProxyType({STD: found.pop(STD), **dict(sorted(found.items()))})
