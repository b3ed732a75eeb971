"""Slots: named after their owner, found again when he is dead, and empty for whoever comes next."""

import os
from collections.abc import Iterator

import pytest

from veriward.sandbox import cgroups
from veriward.sandbox.cgroups import Slot
from veriward.sandbox.execution import MIB

pytestmark = [pytest.mark.sandbox, pytest.mark.root]
BASES = [path for path in ("/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids", "/sys/fs/cgroup") if os.path.isdir(path)]


@pytest.fixture
def slot() -> Iterator[Slot]:
    slots = cgroups.make_slots(1)
    if not slots:
        pytest.skip("this host gives no writable memory and pids cgroups")
    yield slots[0]
    slots[0].remove()


def named(prefix: str) -> list[str]:
    return [f"{base}/{name}" for base in BASES for name in os.listdir(base) if name.startswith(prefix)]


def run_in(slot: Slot, allocate_bytes: int) -> int:
    pid = os.fork()
    if not pid:
        for join in slot.joins:
            os.write(join, b"0")
        bytearray(allocate_bytes)[::4096] = b"x" * len(range(0, allocate_bytes, 4096))
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_slot_is_named_after_its_owner(slot: Slot) -> None:
    assert named(f"veriward-{os.getpid()}-")


def test_a_removed_slot_leaves_nothing() -> None:
    for slot in cgroups.make_slots(2):
        slot.remove()
    assert named(f"veriward-{os.getpid()}-") == []


def test_peaks_and_kills_are_of_the_last_child_alone(slot: Slot) -> None:
    slot.limit(128 * MIB, 8)
    slot.reset()
    assert run_in(slot, 40 * MIB) == 0
    assert 40 * MIB <= slot.peak_bytes() <= 128 * MIB
    assert not slot.out_of_memory()
    slot.reset()
    assert run_in(slot, 200 * MIB) == -9
    assert slot.out_of_memory()
    slot.reset()
    assert slot.peak_bytes() < 20 * MIB
    assert not slot.out_of_memory()
    assert slot.empty()


def test_a_slot_that_holds_a_process_is_not_empty(slot: Slot) -> None:
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(writer)
        for join in slot.joins:
            os.write(join, b"0")
        os.write(slot.joins[0], b"")
        os.read(reader, 1)
        os._exit(0)
    while slot.empty():
        pass
    os.close(writer)
    os.waitpid(pid, 0)
    os.close(reader)
    assert slot.empty()


def test_slots_of_dead_owners_are_removed_and_of_living_ones_kept() -> None:
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)
    slots = cgroups.make_slots(1)
    if not slots:
        pytest.skip("this host gives no writable memory and pids cgroups")
    base = os.path.dirname(named(f"veriward-{os.getpid()}-")[0])
    dead, reused, alive = (
        f"{base}/veriward-{pid}-1-0",
        f"{base}/veriward-{os.getpid()}-1-0",  # a number that another process had before
        f"{base}/veriward-1-{cgroups.start_time(1)}-0",
    )
    for path in (dead, reused, alive):
        os.mkdir(path)
    try:
        cgroups.make_slots(0)
        assert [os.path.isdir(path) for path in (dead, reused, alive)] == [False, False, True]
    finally:
        os.rmdir(alive)
        slots[0].remove()
