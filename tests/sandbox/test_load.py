"""Verdicts depend neither on the load nor on the neighbours, and two thousand runs leave nothing behind."""

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import psutil
import pytest

from veriward.sandbox.execution import MIB, Run
from veriward.sandbox.local import LocalSandbox

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(240)]

HOSTILE_RUNS = 1_000
QUICK_SECONDS = 0.05  # a slower attack is made twice, not ten times
FLAT_BYTES = 8 * MIB


@pytest.fixture(scope="module")
def sandboxes() -> Iterator[list[LocalSandbox]]:
    """One per core, so that a running program has its own: what a worker does."""
    with ExitStack() as stack:
        yield [stack.enter_context(LocalSandbox()) for _ in range(len(os.sched_getaffinity(0)))]


def perform(entries: list[Any], sandboxes: list[LocalSandbox], at_once: int) -> list[tuple[Any, list[Run], float]]:
    """Every entry's runs and seconds, `at_once` of them in flight and one running per sandbox."""
    free: SimpleQueue[LocalSandbox] = SimpleQueue()
    for sandbox in sandboxes:
        free.put(sandbox)

    def one(entry: Any) -> tuple[Any, list[Run], float]:
        sandbox = free.get()
        began = time.monotonic()
        try:
            return entry, entry.perform(sandbox), time.monotonic() - began
        finally:
            free.put(sandbox)

    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(one, entries))


@pytest.fixture(scope="module")
def mixed(attacks: list[Any], honest_programs: list[Any], sandboxes: list[LocalSandbox]) -> list[Any]:
    """Every attack that can be made here, an honest program before each."""
    possible = [attack for attack in attacks if not attack.obstacle(sandboxes[0].isolation)]
    return [
        entry for at, attack in enumerate(possible) for entry in (honest_programs[at % len(honest_programs)], attack)
    ]


@pytest.fixture(scope="module")
def alone(mixed: list[Any], sandboxes: list[LocalSandbox]) -> list[tuple[Any, list[Run], float]]:
    return perform(mixed, sandboxes[:1], 1)


def verdicts(performed: list[tuple[Any, list[Run], float]]) -> Counter[tuple[str, tuple[str, ...]]]:
    return Counter((entry.name, entry.verdicts(runs)) for entry, runs, _ in performed)


def wrong(performed: list[tuple[Any, list[Run], float]]) -> list[str]:
    return [f"{entry.name}: {said}" for entry, runs, _ in performed for said in entry.complaints(runs)]


@pytest.mark.parametrize("at_once", [8, 64])
def test_verdicts_are_those_of_a_run_alone(
    at_once: int, mixed: list[Any], alone: list[tuple[Any, list[Run], float]], sandboxes: list[LocalSandbox]
) -> None:
    shuffled = random.Random(at_once).sample(mixed, len(mixed))
    crowded = perform(shuffled, sandboxes, at_once)
    assert wrong(crowded) == []
    assert verdicts(crowded) == verdicts(alone)


def test_a_thousand_attacks_among_a_thousand_honest_programs_leave_nothing(
    alone: list[tuple[Any, list[Run], float]],
    honest_programs: list[Any],
    sandboxes: list[LocalSandbox],
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = [(entry, seconds) for entry, _, seconds in alone if entry not in honest_programs]
    quick = [entry for entry, seconds in made if seconds < QUICK_SECONDS]
    slow = [entry for entry, seconds in made if seconds >= QUICK_SECONDS]
    attacks = (slow + quick * HOSTILE_RUNS)[:HOSTILE_RUNS]
    random.Random(20261120).shuffle(attacks)
    honest = (honest_programs * HOSTILE_RUNS)[:HOSTILE_RUNS]
    perform(honest_programs * 4, sandboxes, 8)
    before, size_before = counts(), size_bytes()
    began = time.monotonic()
    performed = perform([entry for pair in zip(honest, attacks, strict=True) for entry in pair], sandboxes, 8)
    seconds = time.monotonic() - began
    with capsys.disabled():
        print(f"\n  {len(performed)} executions in {seconds:.1f} s; keepers and zygotes grew by "
              f"{(size_bytes() - size_before) >> 10} KiB; left and found: {before}")  # fmt: skip
    assert wrong(performed) == []
    assert eventually(lambda: counts() == before), (before, counts())
    assert size_bytes() < size_before + FLAT_BYTES


def family() -> list[psutil.Process]:
    """The keepers of this process, their zygotes, and the children at hand."""
    return psutil.Process().children(recursive=True)


def counts() -> dict[str, int]:
    keepers = [process for process in family() if process.name() == "keeper"]
    zygotes = [process for process in family() if process.name() == "zygote"]
    slots = [path for path in Path("/sys/fs/cgroup").glob("**/veriward-*") if _owner(path) in {k.pid for k in keepers}]
    return {
        "processes": len(family()),
        "descriptors": sum(process.num_fds() for process in [psutil.Process(), *keepers]),
        "mounts": sum(len(Path(f"/proc/{pid}/mountinfo").read_text().splitlines()) for pid in ("self", zygotes[0].pid)),
        "cgroups": len(slots),
    }


def _owner(slot: Path) -> int:
    owner = slot.name.split("-")[1]
    return int(owner) if owner.isdigit() else 0  # another's


def size_bytes() -> int:
    return sum(process.memory_info().rss for process in family() if process.name() == "keeper")


def eventually(holds: Callable[[], bool], seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if holds():
                return True
        except (psutil.Error, OSError):
            pass  # it went away while it was looked at
        time.sleep(0.05)
    return False
