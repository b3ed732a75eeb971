"""How well this host isolates: a level, found by programs that try to get out, and what to change for a better one.

L4  L3 on a kernel of its own: containers of a runtime that brings one
L3  namespaces, seccomp, Landlock, rlimits, no capabilities, and a memory and pids cgroup per program
L2  the same without cgroups or without Landlock: memory is bound per process only
L1  no namespaces: Landlock with scopes, seccomp and rlimits; `stat` sees the host, no box and no processes to start
L0  less than that
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from veriward.sandbox.backends import EMBEDDED, Backend
from veriward.sandbox.errors import IsolationUnavailable
from veriward.sandbox.execution import Isolation
from veriward.sandbox.keeper_process import start_keeper

LEVELS = ("L0", "L1", "L2", "L3", "L4")
DEFAULT_MINIMUM = "L2"

NAMESPACES = ("user_namespace", "mount_namespace", "pid_namespace", "network_namespace", "ipc_namespace")
CGROUPS = ("cgroup_memory", "cgroup_pids")
CPU = "cgroup_cpu"
"""Worth having, yet no level needs it: without it, time that is hidden from the books still ends at the wall limit."""
OWN_KERNEL = "own_kernel"
_ALWAYS = ("seccomp", "rlimits", "capabilities")
_L3 = {*NAMESPACES, *_ALWAYS, *CGROUPS, "landlock"}
_NEEDS = {
    "L4": {*_L3, OWN_KERNEL},
    "L3": _L3,
    "L2": {*NAMESPACES, *_ALWAYS},
    "L1": {*_ALWAYS, "landlock", "landlock_scopes"},
}
_CONTAINER = (
    "in a container, without privileges: `cap_drop: [ALL]` and `security_opt: [no-new-privileges:true, "
    "seccomp=seccomp-sandbox.json, systempaths=unconfined]` in docker-compose.yml"
)
_NAMESPACES_REMEDY = (
    "allow user namespaces: on the host `sysctl -w user.max_user_namespaces=65536` and, where these exist, "
    "`kernel.unprivileged_userns_clone=1` (Debian) and `kernel.apparmor_restrict_unprivileged_userns=0` (Ubuntu); "
    + _CONTAINER
)
_CGROUPS_REMEDY = (
    "give the process a writable cgroup with the memory and pids controllers: run it as root, or under "
    "`systemd-run --user --scope -p Delegate=yes`"
)
REMEDIES = {
    **dict.fromkeys(NAMESPACES, _NAMESPACES_REMEDY),
    **dict.fromkeys(CGROUPS, _CGROUPS_REMEDY),
    "landlock": "boot a kernel (5.13 or later) with CONFIG_SECURITY_LANDLOCK=y and `landlock` in its `lsm=` list",
    "landlock_scopes": "boot Linux 6.12 or later, whose Landlock bounds signals",
    "seccomp": "boot a kernel with CONFIG_SECCOMP_FILTER=y, on x86_64 or aarch64",
    "rlimits": "do not run under a supervisor that blocks prlimit(2)",
    OWN_KERNEL: "set sandbox_backend to docker and docker_runtime to one with a kernel of its own, such as Kata's",
    "capabilities": "do not run under a supervisor that blocks capset(2)",
}


@dataclass(frozen=True, slots=True)
class Report:
    """What a live probe found. `missing` are the layers that level L3 would need, `remedy` how to get them.

    `obstacle` says why the backend runs nothing at all, and what to do: its level is then below any other.
    """

    level: str
    layers: tuple[str, ...]
    missing: tuple[str, ...]
    failure: str = ""
    backend: str = EMBEDDED.name
    obstacle: str = ""

    @classmethod
    def of(cls, layers: Sequence[str], failure: str = "", backend: str = EMBEDDED.name) -> "Report":
        """`failure` is what the kernel said when namespaces were tried."""
        level = next((level for level, needs in _NEEDS.items() if needs <= set(layers)), "L0")
        return cls(level, tuple(layers), _missing("L3", layers), failure, backend)

    @classmethod
    def of_nothing(cls, obstacle: str, backend: str) -> "Report":
        return cls("", (), (), "", backend, obstacle)

    @property
    def remedy(self) -> str:
        return self.obstacle or self.remedy_for(self.missing)

    def remedy_for(self, missing: Iterable[str]) -> str:
        said = f" (the kernel said: {self.failure})" if self.failure else ""
        return "; ".join(dict.fromkeys(REMEDIES[layer] for layer in missing)) + said

    @property
    def isolation(self) -> Isolation:
        return Isolation(self.level, self.layers, self.backend)

    def pack(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def unpack(cls, payload: bytes) -> "Report":
        head = json.loads(payload)
        return cls(**{**head, "layers": tuple(head["layers"]), "missing": tuple(head["missing"])})


def require(report: Report, minimum: str) -> None:
    """Raises `IsolationUnavailable`, with the layers that `minimum` lacks and how to get them, if it is not reached."""
    if report.obstacle:
        raise IsolationUnavailable(report.obstacle, remedy=report.obstacle)
    if report.level >= minimum:
        return
    if report.backend == "none":
        remedy = f"set min_isolation to {LEVELS[0]} as well, or sandbox_backend to embedded or docker, which isolate"
        message = f"backend none isolates nothing, and {minimum} is asked for. To do: {remedy}"
        raise IsolationUnavailable(message, remedy=remedy)
    missing = _missing(minimum, report.layers)
    remedy = report.remedy_for(missing)
    raise IsolationUnavailable(
        f"this host gives isolation {report.level}, {minimum} is asked for; missing: {', '.join(missing)}. "
        f"To do: {remedy}. Or ask for less: --min-isolation {report.level}",
        missing=missing,
        remedy=remedy,
    )


def _missing(level: str, layers: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(_NEEDS[level] - set(layers)))


def probe(python: Sequence[str] | None = None, backend: Backend = EMBEDDED) -> Report:
    """Try it on this host, in about half a second; leaves nothing running."""
    process, sock, hello = start_keeper(python, minimum=LEVELS[0], backend=backend)
    with sock:
        report = Report.unpack(hello)
    process.wait()
    return report
