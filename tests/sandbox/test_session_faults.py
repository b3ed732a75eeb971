"""What is left of sessions when they, their zygote or their keeper die: nothing, and everybody is told."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from veriward.sandbox import Limits
from veriward.sandbox.errors import SandboxError
from veriward.sandbox.nursery import SPARES
from veriward.sandbox.session import CellLimits, SessionLost, SessionPlan
from veriward.sandbox.session_client import LocalSessions, Session

pytestmark = pytest.mark.sandbox
DEADLINE_SECONDS = 30.0
ROUNDS = 200
AT_REST = 2 + SPARES  # processes under a keeper: its zygote is two, and has children at hand
QUICK = CellLimits(wall_seconds=5, cpu_seconds=0.2)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def loss_of(session: Session, code: str) -> str:
    """Run it until the session is lost; why it is."""
    while True:
        try:
            session.run(code)
        except SessionLost as lost:
            return lost.reason


def keeper_of(sessions: LocalSessions) -> psutil.Process:
    assert sessions._process is not None
    return psutil.Process(sessions._process.pid)


def footprint(keeper: psutil.Process) -> dict[str, int]:
    """What the keeper holds beside what it is given when it starts."""
    zygote = keeper.children()[0].children()[0]
    mounts = Path(f"/proc/{zygote.pid}/mountinfo").read_text().splitlines()
    return {"descriptors": keeper.num_fds(), "mounts": len(mounts)}


def groups_of(pid: int) -> list[Path]:
    return [path for path in Path("/sys/fs/cgroup").glob(f"**/veriward-{pid}-*") if path.is_dir()]


def open_and_close(sessions: LocalSessions) -> Counter[str]:
    """One of each way that a session may come and go; returns how they went."""
    ends: Counter[str] = Counter()
    first = sessions.open(SessionPlan(files={"f": b"x"}))
    first.run("x = 1; import os, subprocess")
    fork, other = first.fork(2)
    ends[fork.run("os._exit(0)").lost] += 1
    other.run("subprocess.Popen(['sleep', '1000'])")
    first.reset()
    first.run("import threading, time; threading.Thread(target=time.sleep, args=(1000,)).start()")
    other.close()
    first.close()
    ends["closed"] += 2
    return ends


def test_sessions_leave_nothing() -> None:
    """Two sets of sessions of every kind: after the second there is not more of anything than after the first."""
    with LocalSessions(most=100) as sessions:
        keeper = keeper_of(sessions)
        seen = []
        for _ in range(2):
            ends: Counter[str] = Counter()
            for _ in range(ROUNDS // 2):
                ends += open_and_close(sessions)
            assert ends == Counter(ended=ROUNDS // 2, closed=ROUNDS)
            with sessions.open() as last:
                last.run("1")
            until(lambda: len(keeper.children(recursive=True)) == AT_REST)
            seen.append(footprint(keeper))
        assert seen[0] == seen[1]
        pid = keeper.pid
    assert not psutil.pid_exists(pid) or not groups_of(pid)
    assert groups_of(pid) == []


def test_a_dead_zygote_loses_its_sessions_and_says_so() -> None:
    with LocalSessions() as sessions:
        session, other = sessions.open(), sessions.open()
        session.run("x = 1")
        (fork,) = session.fork(1)
        zygote = keeper_of(sessions).children()[0]
        for process in zygote.children():
            process.kill()
        for one in (session, other, fork):
            assert loss_of(one, "1") == "sandbox"
        assert sessions.open().run("1 + 1").value == "2"


def test_a_zygote_that_dies_under_a_cell() -> None:
    with LocalSessions() as sessions:
        session = sessions.open()
        keeper = keeper_of(sessions)
        inner = keeper.children()[0].children()[0]
        killer = os.fork()
        if not killer:
            time.sleep(0.3)  # well within the cell; whenever it comes, the session must be told lost
            os.kill(inner.pid, signal.SIGKILL)
            os._exit(0)
        assert loss_of(session, "import time; time.sleep(1)") == "sandbox"
        os.waitpid(killer, 0)


def test_a_killed_keeper_loses_all_and_leaves_nothing() -> None:
    with LocalSessions() as sessions:
        session = sessions.open()
        session.run("x = 1")
        session.fork(2)
        keeper = keeper_of(sessions)
        below = keeper.children(recursive=True)
        keeper.kill()
        with pytest.raises(SessionLost) as lost:
            session.run("x")
        assert lost.value.reason == "sandbox"
        with pytest.raises(SandboxError):
            sessions.open()
        until(lambda: not any(process.is_running() for process in below))
    with LocalSessions() as sessions:  # whoever starts next removes the groups of the dead
        sessions.open()
        assert groups_of(keeper.pid) == []


@pytest.fixture(scope="module")
def sessions() -> Iterator[LocalSessions]:
    with LocalSessions(most=100) as sessions:
        yield sessions


def test_attacks_through_cells_harm_no_other_session(sessions: LocalSessions, attacks: list[Any]) -> None:
    """Every attack of the corpus that is a program by itself, each in a session of its own, beside three that watch."""
    with sessions.open() as witness:
        witness.run("x = 'untouched'; open('mine', 'w').write('kept')")
        forks = witness.fork(2)
        complaints = []
        for attack in attacks:
            if attack.execution.mode != "stdin" or attack.is_slow or attack.obstacle(sessions.isolation):
                continue
            complaints += attack_through(sessions, attack)
            for one in (witness, *forks):
                seen = one.run("x, open('mine').read()").value
                if seen != "('untouched', 'kept')":
                    complaints.append(f"{attack.name}: a witness sees {seen}")
        assert complaints == []


def attack_through(sessions: LocalSessions, attack: Any) -> list[str]:
    limits = attack.execution.limits
    plan = SessionPlan(limits=Limits(memory_bytes=limits.memory_bytes, processes=limits.processes))
    with sessions.open(plan) as session:
        result = session.run(attack.execution.code, limits=QUICK)
        told = result.stdout + result.stderr + result.traceback.encode()
        lacks = [text.encode() for text in attack.expected.get("lacks", ())]
        if attack.expected.get("lacks_our_namespaces"):
            lacks += [os.readlink(f"/proc/self/ns/{name}").encode() for name in os.listdir("/proc/self/ns")]
        return [f"{attack.name}: {text!r} is in the output" for text in lacks if text in told]
