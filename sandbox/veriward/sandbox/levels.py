"""How well this host isolates: a level, found by programs that try to get out, and what to change for a better one.

L3  namespaces, seccomp, Landlock, rlimits, no capabilities, and a memory and pids cgroup per program
L2  the same without cgroups or without Landlock: memory is bound per process only
L1  no namespaces: Landlock with scopes, seccomp and rlimits; `stat` sees the host
L0  less than that
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from veriward.sandbox import launch
from veriward.sandbox.errors import IsolationUnavailable
from veriward.sandbox.execution import Isolation

LEVELS = ("L0", "L1", "L2", "L3")
DEFAULT_MINIMUM = "L2"

NAMESPACES = ("user_namespace", "mount_namespace", "pid_namespace", "network_namespace", "ipc_namespace")
CGROUPS = ("cgroup_memory", "cgroup_pids")
_ALWAYS = ("seccomp", "rlimits", "capabilities")
_NEEDS = {
    "L3": {*NAMESPACES, *_ALWAYS, *CGROUPS, "landlock"},
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
    "capabilities": "do not run under a supervisor that blocks capset(2)",
}


@dataclass(frozen=True, slots=True)
class Report:
    """What a live probe found. `missing` are the layers that level L3 would need, `remedy` how to get them."""

    level: str
    layers: tuple[str, ...]
    missing: tuple[str, ...]
    remedy: str

    @classmethod
    def of(cls, layers: Sequence[str]) -> "Report":
        level = next((level for level, needs in _NEEDS.items() if needs <= set(layers)), "L0")
        missing = tuple(sorted(_NEEDS["L3"] - set(layers)))
        remedies = dict.fromkeys(REMEDIES[layer] for layer in missing)
        return cls(level, tuple(layers), missing, "; ".join(remedies))

    @property
    def isolation(self) -> Isolation:
        return Isolation(self.level, self.layers)

    def pack(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def unpack(cls, payload: bytes) -> "Report":
        head = json.loads(payload)
        return cls(head["level"], tuple(head["layers"]), tuple(head["missing"]), head["remedy"])


def require(report: Report, minimum: str) -> None:
    """Raises `IsolationUnavailable`, with the layers that `minimum` lacks and how to get them, if it is not reached."""
    if report.level >= minimum:
        return
    missing = tuple(sorted(_NEEDS[minimum] - set(report.layers)))
    remedy = "; ".join(dict.fromkeys(REMEDIES[layer] for layer in missing))
    raise IsolationUnavailable(
        f"this host gives isolation {report.level}, {minimum} is asked for; missing: {', '.join(missing)}. "
        f"To do: {remedy}. Or ask for less: --min-isolation {report.level}",
        missing=missing,
        remedy=remedy,
    )


def probe(python: Sequence[str] | None = None) -> Report:
    """Try it on this host, in about half a second; leaves nothing running."""
    process, sock, hello = launch.start_keeper(python, minimum=LEVELS[0])
    with sock:
        report = Report.unpack(hello)
    process.wait()
    return report
