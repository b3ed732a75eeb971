"""Version 2 cgroups that were delegated, on a tree that keeps the kernel's rules; hosts of the tests may have none."""

import errno
import os
import posixpath
from collections.abc import Callable
from pathlib import Path

import pytest

from veriward.sandbox import cgroups
from veriward.sandbox.delegation import LEAF, group_of, has_controllers

BASE = "/sys/fs/cgroup/user.slice/run.scope"


class Tree:
    """Groups with their processes and the controllers of their children; none may come to have both."""

    def __init__(self, *, processes: str = "", controllers: str = "cpu memory pids", delegated: bool = True) -> None:
        self.controllers = controllers
        self.delegated = delegated
        self.ended = {"30"}
        self.processes = {BASE: processes.split()}
        self.enabled: dict[str, set[str]] = {BASE: set()}

    def read(self, path: str) -> str:
        group, name = posixpath.split(path)
        if group not in self.processes:
            raise FileNotFoundError(errno.ENOENT, path)
        if name == "cgroup.procs":
            return "\n".join(self.processes[group])
        return self.controllers if name == "cgroup.controllers" else " ".join(self.enabled[group])

    def write(self, path: str, text: str) -> None:
        group, name = posixpath.split(path)
        if name == "cgroup.procs":
            if text in self.ended:
                raise ProcessLookupError(errno.ESRCH, text)
            for held in self.processes.values():
                held[:] = [pid for pid in held if pid != text]
            self.processes[group].append(text)
            return
        if set(self.processes[group]) - self.ended:
            raise OSError(errno.EBUSY, "processes")
        self.enabled[group] |= {word.removeprefix("+") for word in text.split()}

    def make(self, path: str) -> None:
        self.processes.setdefault(path, [])
        self.enabled.setdefault(path, set())

    def is_delegated(self, path: str) -> bool:
        return self.delegated


def test_an_empty_group_is_given_its_controllers() -> None:
    tree = Tree()
    assert has_controllers(BASE, files=tree)
    assert list(tree.processes) == [BASE]


def test_processes_of_a_delegated_group_move_into_a_leaf() -> None:
    tree = Tree(processes="10 20 30")
    assert has_controllers(BASE, files=tree)
    assert tree.processes[f"{BASE}/{LEAF}"] == ["10", "20"]


def test_what_is_all_that_we_see_is_ours() -> None:
    assert has_controllers(BASE, is_whole_view=True, files=Tree(processes="1", delegated=False))


def test_who_comes_second_finds_it_done() -> None:
    tree = Tree(processes="10")
    assert has_controllers(BASE, files=tree)
    assert has_controllers(BASE, files=tree)


REFUSED: dict[str, Callable[[], Tree]] = {
    "a group of somebody else's processes": lambda: Tree(processes="1 2", delegated=False),
    "a group without a memory controller": lambda: Tree(controllers="cpu pids"),
    "a group without a pids controller": lambda: Tree(controllers="memory"),
}


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED)
def test_what_is_not_ours_stays_as_it_is(make: Callable[[], Tree]) -> None:
    tree = make()
    before = {group: list(held) for group, held in tree.processes.items()}
    assert not has_controllers(BASE, files=tree)
    assert (tree.processes, tree.enabled) == (before, {BASE: set()})


def test_a_group_that_is_not_there_has_none() -> None:
    assert not has_controllers("/nowhere", files=Tree())


@pytest.mark.parametrize(("own", "group"), [("/a/b", "/a/b"), (f"/a/b/{LEAF}", "/a/b"), ("/", "/"), (f"/{LEAF}", "/")])
def test_a_process_that_was_moved_makes_its_slots_where_it_was(own: str, group: str) -> None:
    assert group_of(own) == group


V2_FILES = {
    "memory.max": "0",
    "memory.peak": "0",
    "memory.events": "low 0\noom 1\noom_kill 0\noom_group_kill 0\n",
    "memory.swap.max": "max",
    "cpu.stat": "usage_usec 0\nuser_usec 0\n",
    "pids.max": "0",
    "pids.current": "0",
    "cgroup.procs": "",
}


@pytest.fixture
def slot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> cgroups.Slot:
    """A slot in a directory where the kernel would have made the files of version 2."""
    path = tmp_path / "slot"
    path.mkdir()

    def make(directory: str) -> None:
        for name, text in V2_FILES.items():
            (Path(directory) / name).write_text(text)

    with monkeypatch.context() as patch:
        patch.setattr("os.mkdir", make)
        return cgroups.Slot(str(path), str(path), str(path), cgroups._V2, ())


def test_a_slot_of_version_2_writes_and_reads_its_files(slot: cgroups.Slot, tmp_path: Path) -> None:
    files = tmp_path / "slot"
    slot.limit(64 << 20, 16)
    names = ("memory.max", "memory.swap.max", "pids.max")
    assert [(files / name).read_text() for name in names] == ["67108864", "0", "16"]
    assert len(slot.joins) == 1
    (files / "cpu.stat").write_text("usage_usec 1500000\nuser_usec 1\n")
    (files / "memory.events").write_text("low 0\noom 2\noom_kill 1\noom_group_kill 0\n")
    (files / "memory.peak").write_text("4096")
    assert (slot.cpu_seconds(), slot.out_of_memory(), slot.peak_bytes()) == (1.5, True, 4096)
    slot.reset()
    assert (slot.cpu_seconds(), slot.out_of_memory()) == (0.0, False)
    assert os.listdir(tmp_path) == ["slot"]
