"""What a session keeps from cell to cell, what it says of each, and when and why it is lost."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from veriward.sandbox import ExecutionRefused, Limits
from veriward.sandbox.execution import MAX_CODE_BYTES, MAX_LIMITS, MIB
from veriward.sandbox.session import (
    MAX_FETCHED,
    MAX_IDLE_SECONDS,
    MAX_VALUE_CHARS,
    CellLimits,
    CellResult,
    SessionLost,
    SessionPlan,
    SessionUnknown,
    TooManySessions,
)
from veriward.sandbox.session_client import LocalSessions, Session

pytestmark = pytest.mark.sandbox
SHORT = CellLimits(wall_seconds=0.3)
# Not to be interrupted: the interpreter looks for signals between two steps of its own, and this is one.
DEAF = "import itertools; 0 in itertools.repeat(1)"
FAKE_PYPLOT = {
    "matplotlib/__init__.py": b"",
    "matplotlib/pyplot.py": b"""
_open = []
class Figure:
    def __init__(self, content): self.content = content
    def savefig(self, stream, format, bbox_inches): stream.write(b"\\x89PNG\\r\\n\\x1a\\n" + self.content)
def draw(content): _open.append(Figure(content))
def get_fignums(): return list(range(len(_open)))
def figure(number): return _open[number]
def close(which): _open.clear()
""",
}


@pytest.fixture(scope="module")
def sessions() -> Iterator[LocalSessions]:
    with LocalSessions(most=40) as sessions:
        yield sessions


@pytest.fixture
def session(sessions: LocalSessions) -> Iterator[Session]:
    with sessions.open() as session:
        yield session


@dataclass(frozen=True)
class Told:
    """What must be so of the last cell; what is left out may be anything."""

    status: str = "finished"
    reason: str = ""
    value: str | None = None
    stdout: bytes | None = None
    error: str | None = None
    traceback: str | None = None
    lost: str = ""


CELLS: dict[str, tuple[list[str], Told]] = {
    "a name stays": (["x = 6", "x * 7"], Told(value="42")),
    "an import stays": (["import math", "math.floor(2.5)"], Told(value="2")),
    "a function sees names that are changed later": (["def f(): return x\nx = 1", "x = 2", "f()"], Told(value="2")),
    "the last value has a name": (["6 * 7", "_ + 1"], Told(value="43")),
    "None is not echoed": (["None"], Told(value=None, stdout=b"")),
    "an assignment is not echoed": (["x = 5"], Told(value=None)),
    "a semicolon silences the echo": (["5;"], Told(value=None)),
    "a semicolon within a comment does not": (["5 # or;"], Told(value="5")),
    "output and value are apart": (["print('a')\n'b'"], Told(value="'b'", stdout=b"a\n")),
    "an empty cell": ([""], Told(value=None, stdout=b"")),
    "a comment alone": (["# nothing"], Told(value=None)),
    "what is buffered comes with its cell": (["import sys; sys.stdout.write('a');", "print('b')"], Told(stdout=b"b\n")),
    "a closed stdout is open again": (["import sys; sys.stdout.close()", "print(1)"], Told(stdout=b"1\n")),
    "closed descriptors are open again": (["import os; os.close(1); os.close(0)", "print(1)"], Told(stdout=b"1\n")),
    "a replaced stdout is back": (["import sys, io; sys.stdout = io.StringIO()", "print(1)"], Told(stdout=b"1\n")),
    "stdin is empty": (["import sys; sys.stdin.read()"], Told(value="''")),
    "a traceback shows the cells alone": (
        ["def f(x):\n    return 1 / x", "f(0)"],
        Told(
            "runtime_error",
            "exception",
            error="ZeroDivisionError: division by zero",
            traceback=(
                'Traceback (most recent call last):\n  File "<cell 2>", line 1, in <module>\n    f(0)\n'
                '  File "<cell 1>", line 2, in f\n    return 1 / x\n'
                "ZeroDivisionError: division by zero\n"
            ),
        ),
    ),
    "what a cell did before it failed stays": (["y = 1\n1 / 0", "y"], Told(value="1")),
    "a cell that is not Python": (
        ["x = 3", "def"],
        Told("compile_error", "compile_error", error="SyntaxError: invalid syntax"),
    ),
    "and the state is kept": (["x = 3", "def", "x"], Told(value="3")),
    "exit() ends the cell alone": (["x = 3\nexit()", "x"], Told(value="3")),
    "an exit with a code is a failure": (["raise SystemExit(3)"], Told("runtime_error", "exit_code")),
    "a hostile __repr__ is the cell's": (
        ["class A:\n    def __repr__(self): 1 / 0", "A()"],
        Told("runtime_error", "exception", error="ZeroDivisionError: division by zero"),
    ),
    "an exception that cannot be shown": (
        ["class E(BaseException):\n    def __str__(self): raise E()", "raise E()"],
        Told("runtime_error", "exception"),
    ),
    "the source of a cell can be inspected": (
        ["def f(): return 1", "import inspect; inspect.getsource(f)"],
        Told(value="'def f(): return 1'"),
    ),
    "a class can be pickled": (
        ["import pickle\nclass A: pass", "type(pickle.loads(pickle.dumps(A()))) is A"],
        Told(value="True"),
    ),
    "memory that runs out within the address space": (
        ["x = 3", "b'x' * (1 << 40)"],
        Told("memory_limit", "memory_error"),
    ),
    "a subprocess runs": (
        ["import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(7)'], capture_output=True).stdout"],
        Told(value="b'7\\n'"),
    ),
    "a process left behind ends with its cell": (
        ["import subprocess; p = subprocess.Popen(['sleep', '1000'])", "p.wait() is not None"],
        Told(value="True"),
    ),
    "a thread rests between cells": (
        [
            "import threading, time\nn = 0\ndef count():\n    global n\n    while True:\n        n += 1\n"
            "        time.sleep(0.001)\nthreading.Thread(target=count, daemon=True).start()",
            "a = n\ntime.sleep(0.05)\nn > a",
        ],
        Told(value="True"),
    ),
    "a lone surrogate is shown with a mark": (["chr(0xD800)"], Told(value="'\\ud800'")),
    "a program that ends its process": (["import os; os._exit(0)"], Told("runtime_error", "early_exit", lost="ended")),
    "a program that kills its process": (
        ["import ctypes; ctypes.string_at(0)"],
        Told("runtime_error", "early_exit", lost="ended"),
    ),
    "a program that takes the keeper's socket": (["import os; os.close(3)"], Told("runtime_error", lost="ended")),
    "a program that speaks for its session": (
        ["import socket; socket.socket(fileno=3).send(b'D{\"index\": 99}')"],
        Told("runtime_error", "protocol", lost="ended"),
    ),
    "a fork of the program that reaches the cell's end": (
        ["import os\npid = os.fork()\npid and os.waitpid(pid, 0)[1]"],
        Told(value="0"),
    ),
    "namespaces are not to be had": (
        [
            "import ctypes; libc = ctypes.CDLL(None, use_errno=True)\n"
            "[libc.unshare(flags) for flags in (0x10000000, 0x38020000, 0x20000)], ctypes.get_errno()"
        ],
        Told(value="([-1, -1, -1], 1)"),
    ),
}


@pytest.mark.parametrize("name", CELLS)
def test_cells(name: str, sessions: LocalSessions) -> None:
    cells, told = CELLS[name]
    with sessions.open() as session:
        for code in cells:
            result = session.run(code)
        assert (result.status, result.lost) == (told.status, told.lost), result
        for field in ("reason", "value", "stdout", "error", "traceback"):
            expected = getattr(told, field)
            if expected is not None and (expected or field != "reason"):
                assert _without_carets(getattr(result, field)) == expected, result


def _without_carets(told: object) -> object:
    """Which Python versions draw differently."""
    if not isinstance(told, str):
        return told
    return "".join(line for line in told.splitlines(keepends=True) if line.strip(" ~^\n") or not line.strip())


LIMITS: dict[str, tuple[str, CellLimits, tuple[str, str, str]]] = {
    "a sleeper is interrupted": ("import time; time.sleep(60)", SHORT, ("time_limit", "wall", "")),
    "a burner is interrupted": ("while True: pass", CellLimits(30, 0.2), ("time_limit", "cpu", "")),
    "what cannot be interrupted is killed": (DEAF, SHORT, ("time_limit", "wall", "time_limit")),
    "what swallows the interrupt is killed": (
        "import time\nwhile True:\n    try: time.sleep(60)\n    except BaseException: pass",
        SHORT,
        ("time_limit", "wall", "time_limit"),
    ),
    "what ignores the signal is killed": (
        "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(60)",
        SHORT,
        ("time_limit", "wall", "time_limit"),
    ),
    "too much output is cut": ("print('x' * 1000)", CellLimits(output_bytes=10), ("output_limit", "output", "")),
}


@pytest.mark.parametrize("name", LIMITS)
def test_limits_of_a_cell(name: str, session: Session) -> None:
    code, limits, expected = LIMITS[name]
    session.run("kept = 1")
    result = session.run(code, limits=limits)
    assert (result.status, result.reason, result.lost) == expected, result
    if result.lost:
        with pytest.raises(SessionLost) as lost:
            session.run("kept")
        assert lost.value.reason == result.lost
    else:
        assert session.run("kept").value == "1"


def test_an_interrupt_does_not_reach_the_next_cell(session: Session) -> None:
    for _ in range(5):
        session.run("while True: pass", limits=CellLimits(wall_seconds=0.05))
        assert session.run("1").value == "1"


def test_memory_over_the_limit_ends_the_session(sessions: LocalSessions) -> None:
    if "cgroup_memory" not in sessions.isolation.layers:
        pytest.skip("needs a memory cgroup")
    with sessions.open(SessionPlan(limits=Limits(memory_bytes=64 * MIB))) as session:
        result = session.run("blocks = [b'x' * (1 << 20) for _ in range(100)]")
        assert (result.status, result.lost) == ("memory_limit", "memory_limit")


def test_a_session_without_use_is_evicted_and_told_so(sessions: LocalSessions) -> None:
    def look_for_ever() -> None:
        while True:
            sessions.ask({"op": "look", "session": session.name}, [])  # which is no use

    with sessions.open(SessionPlan(idle_seconds=0.05)) as session, pytest.raises(SessionLost) as lost:
        look_for_ever()
    assert lost.value.reason == "idle"


def test_use_puts_off_the_eviction(sessions: LocalSessions) -> None:
    with sessions.open(SessionPlan(idle_seconds=30)) as session:
        session.run("import time; time.sleep(0.1)")
        assert session.run("1").value == "1"


def test_a_closed_session_stays_closed(sessions: LocalSessions) -> None:
    session = sessions.open()
    session.close()
    with pytest.raises(SessionLost) as lost:
        session.run("1")
    assert lost.value.reason == "closed"
    session.close()


def test_a_session_that_never_was(sessions: LocalSessions) -> None:
    with pytest.raises(SessionUnknown):
        Session(sessions, "nobody").run("1")


def test_reset_leaves_nothing_but_the_files_given(session: Session) -> None:
    session.run("x = 1; open('old', 'w').close()")
    session.reset({"new": b"1"})
    assert session.run("import os; os.listdir('.'), 'x' in globals()").value == "(['new'], False)"


def test_files_in_and_out(session: Session) -> None:
    result = session.run(
        "data = open('in/a.bin', 'rb').read()[::-1]; open('out.bin', 'wb').write(data);",
        files={"in/a.bin": b"\x00\x01\xff"},
        fetch=["out.bin", "in/a.bin"],
    )
    assert result.files == {"out.bin": b"\xff\x01\x00", "in/a.bin": b"\x00\x01\xff"}


REFUSED_FILES = {
    "a file that is not there": ("", "there is no such file"),
    "a link": ("import os; os.symlink('/etc/passwd', 'f')", "a link is not followed"),
    "a link on the way": (
        "import os; os.mkdir('d'); open('d/g', 'w').close(); os.symlink('d', 'e')",
        "a link is not followed",
    ),
    "a directory": ("import os; os.mkdir('f')", "not a regular file"),
    "more than may be fetched": (
        "open('f', 'wb').write(bytes(8 * 1024 * 1024 + 1));",
        "over the 8,388,608 bytes that one cell can give",
    ),
}


@pytest.mark.parametrize("name", REFUSED_FILES)
def test_files_that_are_not_given(name: str, session: Session) -> None:
    code, why = REFUSED_FILES[name]
    wanted = "e/g" if "on the way" in name else "f"
    result = session.run(code, fetch=[wanted])
    assert (result.files, result.refused) == ({}, {wanted: why}), result


def test_a_file_cannot_be_put_through_a_link(session: Session) -> None:
    session.run("import os; os.symlink('/box/other', 'd')")
    assert session.run("1", files={"d/f": b"x"}).error.startswith("NotADirectoryError")
    session.run("os.symlink('/dev/null', 'f')")
    assert session.run("1", files={"f": b"x"}).error.startswith("OSError")


def test_figures_left_open_come_with_the_cell(sessions: LocalSessions) -> None:
    with sessions.open(SessionPlan(files=FAKE_PYPLOT)) as session:
        first = session.run("import matplotlib.pyplot as plt\nfor name in (b'a', b'b'): plt.draw(name)")
        assert [figure[8:] for figure in first.figures] == [b"a", b"b"]
        assert session.run("1").figures == ()


def test_figures_are_bounded(sessions: LocalSessions) -> None:
    with sessions.open(SessionPlan(files=FAKE_PYPLOT)) as session:
        result = session.run(
            "import matplotlib.pyplot as plt\nplt.draw(bytes(1 << 20))\nfor _ in range(9): plt.draw(b'x')"
        )
        assert len(result.figures) == 7
        assert b"3 figures left out" in result.stderr


def test_a_long_value_is_cut_in_its_middle(session: Session) -> None:
    value = session.run(f"'a' + 'x' * {MAX_VALUE_CHARS} + 'z'").value
    assert value is not None
    assert value.startswith("'ax")
    assert value.endswith("xz'")
    assert "characters left out" in value
    assert len(value) < MAX_VALUE_CHARS + 100


BOUNDS: dict[str, Callable[[LocalSessions], object]] = {
    "code": lambda sessions: sessions.open().run(" " * (MAX_CODE_BYTES + 1)),
    "files": lambda sessions: sessions.open().run("", files={"../f": b""}),
    "fetch": lambda sessions: sessions.open().run("", fetch=["/etc/passwd"]),
    "fetch too often": lambda sessions: sessions.open().run("", fetch=["a"] * 2),
    "fetch too many": lambda sessions: sessions.open().run("", fetch=[str(at) for at in range(MAX_FETCHED + 1)]),
    "limits.wall_seconds": lambda sessions: sessions.open().run(
        "", limits=CellLimits(wall_seconds=MAX_LIMITS.wall_seconds + 1)
    ),
    "limits.memory_bytes": lambda sessions: sessions.open(SessionPlan(limits=Limits(memory_bytes=1))),
    "idle_seconds": lambda sessions: sessions.open(SessionPlan(idle_seconds=MAX_IDLE_SECONDS + 1)),
    "count": lambda sessions: sessions.open().fork(0),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_bounds(name: str, sessions: LocalSessions) -> None:
    with pytest.raises(ExecutionRefused) as refused:
        BOUNDS[name](sessions)
    assert refused.value.field == name.split()[0]


def test_no_more_sessions_than_there_is_room_for() -> None:
    with LocalSessions(most=2) as sessions:
        first, _ = sessions.open(), sessions.open()
        with pytest.raises(TooManySessions):
            sessions.open()
        with pytest.raises(TooManySessions):
            first.fork(1)
        first.close()
        sessions.open()


def test_what_a_cell_is_charged(session: Session) -> None:
    result: CellResult = session.run(
        "t = __import__('time'); e = t.process_time() + 0.05\nwhile t.process_time() < e: pass"
    )
    assert result.usage.cpu_seconds >= 0.05
    assert session.run("1").usage.cpu_seconds < result.usage.cpu_seconds
    assert result.usage.memory_bytes > 0
    assert result.isolation.level >= "L2"
