"""Which keeper runs the programs: all of them speak the frames of `frames.py` over an inherited socket.

embedded   this host's kernel isolates them (`keeper.py`)
docker     a container engine does, and inside its containers a keeper like the embedded one (`docker_keeper.py`)
none       nobody does: plain processes (`unconfined.py`); for machines that give nothing else, and asked for by name
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from veriward.sandbox import launch

Name = Literal["embedded", "docker", "none"]
DEFAULT_IMAGE = "veriward-sandbox"
_MODULES: dict[Name, str] = {"embedded": "keeper", "docker": "docker_keeper", "none": "unconfined"}
ENGINE_VARIABLES = ("DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")
"""By which every client finds an engine where none is named."""


@dataclass(frozen=True, slots=True)
class Backend:
    """All but `name` are the docker backend's.

    `image`     holds a Python of version 3.11 or later, as python3, and the compilers that programs may use
    `runtime`   of the engine's: `runc`, `runsc` (gVisor); "" is the engine's default
    `per_run`   a new container for every execution, instead of one that stays
    `engine`    its address; "" is what DOCKER_HOST says, or the usual socket
    """

    name: Name = "embedded"
    image: str = DEFAULT_IMAGE
    runtime: str = ""
    per_run: bool = False
    engine: str = ""

    def command(self, descriptor: int, *options: str, parent: int, python: Sequence[str] | None = None) -> list[str]:
        """What starts its keeper, which speaks over `descriptor` and ends with `parent`, if that is not 0."""
        arguments = (str(parent), str(descriptor), *options)
        if self.name != "docker":
            return launch.command(_MODULES[self.name], python, *arguments)
        named = {"image": self.image, "runtime": self.runtime, "engine": self.engine}
        own = [f"--{name}={value}" for name, value in named.items() if value] + ["--per-run"] * self.per_run
        # The virtual environment's interpreter: the engine's client is a package of it.
        return launch.command(_MODULES[self.name], [sys.executable], *arguments, *own, packages=True)

    def environment(self) -> dict[str, str]:
        """What its keeper may know."""
        if self.name != "docker":
            return launch.keeper_environment()
        found = {name: os.environ[name] for name in ENGINE_VARIABLES if name in os.environ}
        return {**launch.keeper_environment(), **found}


EMBEDDED = Backend()
