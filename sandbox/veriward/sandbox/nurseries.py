"""The nurseries of one keeper, a profile each: `std` from the start, others when first needed, while they are used."""

import select
import socket
import time
from dataclasses import dataclass

from veriward.sandbox import canaries
from veriward.sandbox.errors import ExecutionRefused, SandboxError
from veriward.sandbox.levels import Report
from veriward.sandbox.nursery import NotWarm, Nursery
from veriward.sandbox.profiles import STD, holders, known
from veriward.sandbox.profiles.packages import NotInstalled, entries
from veriward.sandbox.warmup import Warmup
from veriward.sandbox.watch import Watch

IDLE_SECONDS = 300.0
"""A zygote that nobody has asked for in this time goes: one of `sci` holds 100 MB."""


@dataclass(slots=True)
class _Warm:
    nursery: Nursery
    used: float


def warmup_of(name: str) -> Warmup:
    """What a zygote of a known profile is to hold. Raises `NotInstalled` if its packages are not here."""
    profile = known()[name]
    elsewhere = holders(other for other in known().values() if other.name != name)
    return Warmup(name, profile.imports, entries(profile), elsewhere)


class Nurseries:
    """`report` is what `std` was found to isolate: a zygote that isolates less is not used."""

    def __init__(self, std: Nursery, report: Report) -> None:
        self.std = std
        self._report = report
        self._warm: dict[str, _Warm] = {}
        self._unfit: dict[str, str] = {}
        self._in_use = std

    def of(self, profile: str, supervisor: socket.socket) -> Nursery:
        """The nursery of a known profile. Raises `ExecutionRefused` if its packages are not here, `SandboxError` if it
        does not start."""
        self._in_use = self.std
        if profile != STD:
            if profile not in self._warm:
                self._warm[profile] = _Warm(self._start(profile, supervisor), 0.0)
            self._warm[profile].used = time.monotonic()
            self._in_use = self._warm[profile].nursery
        return self._in_use

    def profiles(self) -> dict[str, str]:
        """By name, why its packages are not here; "" if they are."""
        return {name: self._obstacle(name) for name in known()}

    def renew(self) -> None:
        """Replace the zygote that was used last, if it is worn."""
        self._in_use.renew()

    def rest(self, supervisor: socket.socket) -> None:
        """Until the supervisor speaks, close what nobody has used for long."""
        while self._warm and not select.select([supervisor], [], [], self._seconds_left())[0]:
            for name in [name for name, warm in self._warm.items() if warm.used + IDLE_SECONDS <= time.monotonic()]:
                self._close(name)

    def close(self) -> None:
        """Close all but `std`."""
        for name in list(self._warm):
            self._close(name)

    def _start(self, name: str, supervisor: socket.socket) -> Nursery:
        if name in self._unfit:
            raise SandboxError(self._unfit[name])
        if self.std.failure:
            raise ExecutionRefused("profile", f"without namespaces there is no profile but {STD}")
        try:
            nursery = Nursery(self.std.without, warmup=warmup_of(name))
        except NotInstalled as fault:
            raise ExecutionRefused("profile", str(fault)) from None
        except NotWarm as fault:
            self._unfit[name] = str(fault)
            raise
        try:
            found = canaries.assess(nursery, Watch(supervisor, nursery))
            if missing := sorted(set(self._report.layers) - set(found.layers)):
                raise SandboxError(f"profile {name!r} isolates less than {STD}: {', '.join(missing)}")
        except BaseException:
            nursery.close()
            raise
        return nursery

    def _obstacle(self, name: str) -> str:
        if name in self._unfit:
            return self._unfit[name]
        if name != STD and self.std.failure:
            return "needs namespaces"
        try:
            entries(known()[name])
        except NotInstalled as fault:
            return str(fault)
        return ""

    def _seconds_left(self) -> float:
        first = min(warm.used for warm in self._warm.values())
        return max(0.0, first + IDLE_SECONDS - time.monotonic())

    def _close(self, name: str) -> None:
        warm = self._warm.pop(name)
        if self._in_use is warm.nursery:
            self._in_use = self.std
        warm.nursery.close()
