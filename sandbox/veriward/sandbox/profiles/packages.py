"""Where the packages of a profile lie, so that its programs can be shown them and nothing else of the environment.

A distribution brings what it requires, as its metadata says; what no installed file says (extras, other systems) is
left out. Not covered: packages whose libraries lie outside `site-packages`, as conda's do, and editable installs.
"""

import importlib.metadata
import os
import re
import stat
import sys
from collections.abc import Sequence

from veriward.sandbox.launch import PACKAGES_VARIABLE
from veriward.sandbox.profiles.profile import Profile

MAX_ENTRIES = 300  # each is a mount, and every child copies them
_PYTHON = f"python{sys.version_info[0]}.{sys.version_info[1]}"
_NAME = re.compile(r"[A-Za-z0-9._-]+")
Entry = tuple[str, str]
"""A path and its name among the packages; "" where the whole directory is meant."""


class NotInstalled(Exception):
    """The profile's packages are not here; the message says which and what to do."""


def entries(profile: Profile, directories: Sequence[str] | None = None) -> tuple[Entry, ...]:
    """What the profile's programs may import beside the standard library. Raises `NotInstalled`.

    `directories` are those of Veriward's own packages, where the profile names no environment.
    """
    if not profile.has_packages:
        return ()
    if profile.environment:
        directories = [_site_packages(profile)]
    elif directories is None:
        directories = [path for path in os.environ.get(PACKAGES_VARIABLE, "").split(os.pathsep) if path]
    found = sorted(_closure(profile, directories).items()) if profile.requirements else [("", directories[0])]
    if len(found) > MAX_ENTRIES:
        raise NotInstalled(
            f"profile {profile.name!r} has {len(found)} packages, over {MAX_ENTRIES}: "
            "give it an environment of its own and no requirements"
        )
    for _, path in found:
        if os.geteuid() == 0 and not os.stat(path).st_mode & stat.S_IROTH:  # programs have users of their own
            raise NotInstalled(f"profile {profile.name!r}: {path} can't be read by others. To do: chmod -R o+rX {path}")
    return tuple((path, name) for name, path in found)


def _site_packages(profile: Profile) -> str:
    """Of a virtual environment, or the directory itself where packages were installed by `pip --target`."""
    library = f"{profile.environment}/lib"
    if os.path.isdir(f"{library}/{_PYTHON}/site-packages"):
        return f"{library}/{_PYTHON}/site-packages"
    others = [name for name in os.listdir(library) if name.startswith("python")] if os.path.isdir(library) else []
    if others:
        raise NotInstalled(f"profile {profile.name!r}: {profile.environment} is for {others[0]}, this is {_PYTHON}")
    if not os.path.isdir(profile.environment):
        raise NotInstalled(f"profile {profile.name!r}: there is no {profile.environment}")
    return profile.environment


def _closure(profile: Profile, directories: Sequence[str]) -> dict[str, str]:
    """By name, the path of every file and directory that the distributions and their requirements have on top."""
    missing: list[str] = []
    found: dict[str, str] = {}
    seen: set[str] = set()
    todo = [(name, version, True) for name, version in profile.requirements]
    while todo:
        name, version, is_asked_for = todo.pop()
        if _normal(name) in seen:
            continue
        seen.add(_normal(name))
        distribution = next(iter(importlib.metadata.distributions(name=name, path=list(directories))), None)
        if distribution is None or (version and distribution.version != version):
            if is_asked_for:
                missing.append(f"{name}=={version}" if version else name)
            continue
        for path in distribution.files or ():
            top = path.parts[0]
            if top not in ("..", "__pycache__"):
                found[top] = str(distribution.locate_file(top))
        todo += [(needed, "", False) for needed in _required(distribution)]
    if missing:
        raise NotInstalled(
            f"profile {profile.name!r} needs {', '.join(sorted(missing))}, which this server lacks. "
            f"To do: {profile.install}, then start it again"
        )
    return {top: path for top, path in found.items() if os.path.exists(path)}


def _required(distribution: importlib.metadata.Distribution) -> list[str]:
    names = []
    for line in distribution.requires or ():
        requirement, _, marker = line.partition(";")
        if "extra" not in marker and (match := _NAME.match(requirement.strip())):
            names.append(match[0])
    return names


def _normal(name: str) -> str:
    """As in the index of packages (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
