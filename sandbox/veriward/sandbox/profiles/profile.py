"""What a profile is to the sandbox, and how its file is read."""

import re
import tomllib
from dataclasses import dataclass

from veriward.sandbox.strict_toml import Table

MAX_IMPORTS = 100
_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,29}")
_MODULE = re.compile(r"[A-Za-z_]\w{0,99}(\.[A-Za-z_]\w{0,99}){0,9}", re.ASCII)
_REQUIREMENT = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?)(?:==([A-Za-z0-9.!+_-]{1,100}))?")


@dataclass(frozen=True, slots=True)
class Profile:
    """Modules that a warm zygote of its own has imported, and the packages that its programs can import besides."""

    name: str
    summary: str
    imports: tuple[str, ...]
    requirements: tuple[tuple[str, str], ...] = ()
    """Distributions and the exact versions that are asked for, "" for any; what they require comes with them."""
    environment: str = ""
    """Where the distributions are installed, if not beside Veriward; without `requirements`, all that are there."""
    install: str = ""
    """The command that brings what is missing."""

    @property
    def has_packages(self) -> bool:
        return bool(self.requirements or self.environment)

    @property
    def modules(self) -> frozenset[str]:
        """The top-level modules that the file promises."""
        return frozenset(module.partition(".")[0] for module in self.imports)


def read(name: str, text: str) -> Profile:
    """The profile `name` from its file's text. Raises `ValueError`."""
    try:
        if not _NAME.fullmatch(name):
            raise ValueError("the name must be lower case letters, digits and _ . -")
        with Table(tomllib.loads(text)) as table:
            requirements = tuple(_requirement(line) for line in table.words("requirements", ()))
            environment = table.take("environment", str, "")
            if environment and not environment.startswith("/"):
                raise ValueError(f"environment = {environment!r} is not an absolute path")
            return Profile(
                name=name,
                summary=table.take("summary", str, ""),
                imports=_imports(table.words("imports", ())),
                requirements=requirements,
                environment=environment,
                install=table.take("install", str, _install(requirements, environment)),
            )
    except ValueError as fault:
        raise ValueError(f"profile file {name}.toml: {fault}") from None


def _requirement(line: str) -> tuple[str, str]:
    match = _REQUIREMENT.fullmatch(line)
    if match is None:
        raise ValueError(f"requirements: {line!r} is neither a distribution's name nor name==version")
    return match[1], match[2] or ""


def _imports(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(names) > MAX_IMPORTS:
        raise ValueError(f"{len(names)} imports are over {MAX_IMPORTS}")
    for name in names:
        if not _MODULE.fullmatch(name):
            raise ValueError(f"imports: {name!r} is not a module's name")
    return names


def _install(requirements: tuple[tuple[str, str], ...], environment: str) -> str:
    words = " ".join(f"'{name}=={version}'" if version else name for name, version in requirements)
    pip = f"{environment}/bin/python -m pip" if environment else "pip"
    return f"{pip} install {words}" if words else ""
