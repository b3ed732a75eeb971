"""Slots: one memory, pids and, where there is one, cpuacct cgroup per child that may run at once, reused.

A slot's directory is named `veriward-<owner pid>-<owner start time>-<slot>`, so that whoever starts next can tell a
dead owner's and remove them. No existing group is changed, but for one that was delegated to us (`delegation.py`).
Version 1 (a tree per controller) and version 2 (one tree)
differ in file names only; where neither can be written there are no slots.
"""

import contextlib
import itertools
import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache

from veriward.sandbox.delegation import group_of, has_controllers

LENT_VARIABLE = "VERIWARD_LENT_CGROUP"
"""Set where all that runs is one keeper and its programs, in a group that somebody outside has bounded for them."""
_ROOT = "/sys/fs/cgroup"
_numbers = itertools.count()  # a process may have several sets of slots
_NAME = re.compile(r"veriward-(\d+)-(\d+)-(\d+)")


@dataclass(frozen=True, slots=True)
class _Files:
    memory_limit: str
    memory_peak: str
    memory_events: str
    no_swap: tuple[str, str]
    cpu_usage: str


_V1 = _Files(
    "memory.limit_in_bytes",
    "memory.max_usage_in_bytes",
    "memory.oom_control",
    ("memory.swappiness", "0"),
    "cpuacct.usage",
)
_V2 = _Files("memory.max", "memory.peak", "memory.events", ("memory.swap.max", "0"), "cpu.stat")


class Slot:
    """The cgroups of one child at a time. `reset` before each."""

    def __init__(self, memory: str, pids: str, cpu: str | None, files: _Files, without: Collection[str]) -> None:
        self._bounds_memory, self._bounds_pids = "cgroup_memory" not in without, "cgroup_pids" not in without
        self._directories = sorted({memory, pids, *([cpu] if cpu is not None else [])})
        for directory in self._directories:
            os.mkdir(directory)
        self._cpu = os.open(f"{cpu}/{files.cpu_usage}", os.O_RDONLY | os.O_CLOEXEC) if cpu is not None else None
        self._cpu_seconds_before = 0.0
        with contextlib.suppress(OSError):
            _write(f"{memory}/{files.no_swap[0]}", files.no_swap[1])
        self._memory_limit = os.open(f"{memory}/{files.memory_limit}", os.O_WRONLY | os.O_CLOEXEC)
        self._peak = _open_peak(f"{memory}/{files.memory_peak}")
        self._events = os.open(f"{memory}/{files.memory_events}", os.O_RDONLY | os.O_CLOEXEC)
        self._pids_limit = os.open(f"{pids}/pids.max", os.O_WRONLY | os.O_CLOEXEC)
        self._pids = os.open(f"{pids}/pids.current", os.O_RDONLY | os.O_CLOEXEC)
        self.joins = tuple(os.open(f"{path}/cgroup.procs", os.O_RDWR | os.O_CLOEXEC) for path in self._directories)
        self._limits = (0, 0)
        self._oom_kills_before = 0

    def limit(self, memory_bytes: int, processes: int) -> None:
        if self._limits != (memory_bytes, processes):
            if self._bounds_memory:
                os.pwrite(self._memory_limit, str(memory_bytes).encode(), 0)
            if self._bounds_pids:
                os.pwrite(self._pids_limit, str(processes).encode(), 0)
            self._limits = (memory_bytes, processes)

    def reset(self) -> None:
        """Forget the last child's peak and kills. The slot must be empty."""
        if self._peak is not None:
            os.pwrite(self._peak, b"0", 0)
        self._oom_kills_before = _oom_kills(self._events)
        self._cpu_seconds_before = self._cpu_seconds()

    @property
    def counts_cpu(self) -> bool:
        return self._cpu is not None

    def cpu_seconds(self) -> float:
        """What all its processes have used since `reset`, living or not; 0 where the kernel does not say."""
        return self._cpu_seconds() - self._cpu_seconds_before

    def peak_bytes(self) -> int:
        """Most memory held at once since `reset`; 0 where the kernel does not say."""
        return int(os.pread(self._peak, 32, 0)) if self._peak is not None else 0

    def out_of_memory(self) -> bool:
        """Whether the kernel killed a process of the slot for memory since `reset`."""
        return _oom_kills(self._events) > self._oom_kills_before

    def admit(self, pid: int) -> None:
        """Move a process into it."""
        for join in self.joins:
            os.pwrite(join, str(pid).encode(), 0)

    def was_short(self, peak_bytes: int) -> bool:
        """Whether it can have been out of memory: one that never held half its limit was not. 0: nobody knows."""
        return not 0 < 2 * peak_bytes < self._limits[0]

    def tasks(self) -> int:
        """How many processes and threads are in it."""
        return int(os.pread(self._pids, 32, 0))

    def empty(self) -> bool:
        """Opened anew each time: version 1 caches the list for as long as someone keeps reading it."""
        for directory in self._directories:
            with open(f"{directory}/cgroup.procs", "rb") as file:
                if file.read(1):
                    return False
        return True

    def remove(self) -> None:
        for descriptor in (self._memory_limit, self._events, self._pids_limit, self._pids, *self.joins):
            os.close(descriptor)
        for optional in (self._peak, self._cpu):
            if optional is not None:
                os.close(optional)
        for directory in self._directories:
            with contextlib.suppress(OSError):
                os.rmdir(directory)

    def _cpu_seconds(self) -> float:
        if self._cpu is None:
            return 0.0
        content = os.pread(self._cpu, 4096, 0)
        if content.startswith(b"usage_usec "):
            return int(content.split(None, 2)[1]) / 1e6
        return int(content) / 1e9


class Lent:
    """The group of a container that holds a keeper alone: bounded from outside, only to be read from within."""

    def __init__(self, limit: int, events: int) -> None:
        self._limit = limit
        self._events = events

    @classmethod
    @cache
    def find(cls) -> "Lent | None":
        if LENT_VARIABLE not in os.environ:
            return None
        for memory, pids, names in ((f"{_ROOT}/memory", f"{_ROOT}/pids", _V1), (_ROOT, _ROOT, _V2)):
            with contextlib.suppress(OSError), open(f"{pids}/pids.max") as file:
                if file.read().strip() != "max":
                    paths = (f"{memory}/{names.memory_limit}", f"{memory}/{names.memory_events}")
                    return cls(*(os.open(path, os.O_RDONLY | os.O_CLOEXEC) for path in paths))
        return None

    def limit_bytes(self) -> int:
        """What all in it may hold now; 0 if there is no bound."""
        limit = os.pread(self._limit, 32, 0).strip()
        return int(limit) if limit.isdigit() else 0

    def oom_kills(self) -> int:
        return _oom_kills(self._events)


def make_slots(count: int, without: Collection[str] = (), *, reclaim: bool = True) -> list[Slot]:
    """`count` slots of this process, or none where the host gives no writable memory and pids controllers.

    `without` names what is to be left out: `cgroup_memory`, `cgroup_pids`, `cgroup_cpu`. `reclaim` removes those of
    dead owners first, which takes a look at every slot there is.
    """
    began = start_time(os.getpid())
    for memory, pids, cpu, files in _bases():
        bases = {memory, pids, *([cpu] if cpu is not None else [])}
        for base in bases if reclaim else ():
            _remove_stale(base)
        if "cgroup_cpu" in without:
            cpu = None
        slots: list[Slot] = []
        try:
            for number in itertools.islice(_numbers, count):
                name = f"veriward-{os.getpid()}-{began}-{number}"
                own_cpu = f"{cpu}/{name}" if cpu is not None else None
                slots.append(Slot(f"{memory}/{name}", f"{pids}/{name}", own_cpu, files, without))
        except OSError:
            for slot in slots:
                slot.remove()
            for base in bases:
                with contextlib.suppress(OSError):
                    os.rmdir(f"{base}/{name}")
            continue
        return slots
    return []


def _bases() -> list[tuple[str, str, str | None, _Files]]:
    """Where slots may be made, best first: the controllers' mounted roots (in a container, its own group)."""
    own = _own_groups()
    if "memory" in own and "pids" in own:
        memory, pids, cpu = (f"{_ROOT}/{name}" for name in ("memory", "pids", "cpuacct"))
        owns = memory + own["memory"], pids + own["pids"], cpu + own.get("cpuacct", "")
        return [
            (one[0], one[1], one[2] if os.access(one[2], os.W_OK) else None, _V1) for one in ((memory, pids, cpu), owns)
        ]
    group = group_of(own.get("", "/"))
    is_whole_view = group == "/" and os.path.exists(f"{_ROOT}/cgroup.type")  # the host's own root has no type
    unified = dict.fromkeys([f"{_ROOT}{group}".rstrip("/"), _ROOT])
    return [(base, base, base, _V2) for base in unified if has_controllers(base, is_whole_view=is_whole_view)]


def _own_groups() -> dict[str, str]:
    groups = {}
    with contextlib.suppress(OSError), open("/proc/self/cgroup") as file:
        for line in file:
            _, controllers, path = line.rstrip("\n").split(":", 2)
            for controller in controllers.split(","):
                groups[controller] = path
    return groups


def _remove_stale(base: str) -> None:
    """Remove the slots of dead owners. One that still holds processes stays for the next start."""
    with contextlib.suppress(OSError):
        for name in os.listdir(base):
            match = _NAME.fullmatch(name)
            if match and start_time(int(match[1])) != int(match[2]):
                with contextlib.suppress(OSError):
                    os.rmdir(f"{base}/{name}")


def _oom_kills(events: int) -> int:
    for line in os.pread(events, 4096, 0).splitlines():
        if line.startswith(b"oom_kill "):
            return int(line.split()[1])
    return 0


def start_time(pid: int) -> int:
    """Clock ticks after boot at which `pid` began, 0 if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[19])
    except OSError:
        return 0


def _open_peak(path: str) -> int | None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        os.pwrite(descriptor, b"0", 0)  # version 2 can forget its peak only since Linux 6.12
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)
