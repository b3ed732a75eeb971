"""What a zygote is to hold before it forks: the modules of a profile, imported once for all its children."""

import importlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field

from veriward.sandbox import jail, kernel, runner

MAX_BYTES = 128 << 10
_CACHE_BYTES = 16 << 20
# A zygote that forks must have one thread, and one program runs per core.
_ONE_THREAD = (
    "BLIS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


class NotWarm(Exception):
    """A module could not be imported, or left a thread behind."""


@dataclass(frozen=True, slots=True)
class Warmup:
    """`packages` are paths and their names in the jail's directory of packages; `elsewhere` says which other profiles
    have a module."""

    profile: str
    imports: tuple[str, ...] = ()
    packages: tuple[tuple[str, str], ...] = ()
    elsewhere: Mapping[str, list[str]] = field(default_factory=dict)

    def pack(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def unpack(cls, message: bytes) -> "Warmup":
        head = json.loads(message)
        packages = tuple((path, name) for path, name in head["packages"])
        return cls(head["profile"], tuple(head["imports"]), packages, head["elsewhere"])

    def perform(self) -> None:
        """Import it all, in the zygote's jail. Raises `NotWarm`."""
        if self.packages:
            sys.path.append(jail.PACKAGES)
            os.environ["PYTHONPATH"] = jail.PACKAGES  # for interpreters that a program starts
            os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
        with _writable_box() if self.packages else nullcontext():
            for name in self.imports:
                self._import(name)
        runner.name_profile(self.profile, self.elsewhere)

    def _import(self, name: str) -> None:
        try:
            importlib.import_module(name)
        except Exception as fault:  # whatever a module does when imported: told, and no program is run
            raise NotWarm(f"profile {self.profile!r}: import {name}: {type(fault).__name__}: {fault}") from fault
        if _threads() > 1:
            raise NotWarm(f"profile {self.profile!r}: import {name} starts threads, which a fork would lose")


@contextmanager
def _writable_box() -> Iterator[None]:
    """A home for packages that keep caches, as matplotlib that of its fonts; what they leave is in memory, or gone."""
    kernel.mount("tmpfs", jail.BOX, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, f"size={_CACHE_BYTES},mode=700")
    try:
        yield
    finally:
        kernel.unmount(jail.BOX)


def _threads() -> int:
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:  # no /proc to tell
        return 1
