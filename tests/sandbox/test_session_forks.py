"""A fork begins with the state and the files of its session, and shares nothing with it, or with its like, after."""

from collections.abc import Iterator

import pytest

from veriward.sandbox.errors import SandboxError
from veriward.sandbox.session import MAX_GENERATIONS, ForkRefused, SessionLost
from veriward.sandbox.session_client import LocalSessions, Session

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def sessions() -> Iterator[LocalSessions]:
    with LocalSessions(most=200) as sessions:
        yield sessions


@pytest.fixture
def session(sessions: LocalSessions) -> Iterator[Session]:
    with sessions.open() as session:
        yield session


SAME = {
    "names": ("x = [1, 2]", "x", "[1, 2]"),
    "functions and their sources": (
        "def f(): return 7",
        "import inspect; f(), inspect.getsource(f)",
        "(7, 'def f(): return 7')",
    ),
    "modules": ("import math; math.answer = 42", "math.answer", "42"),
    "the random generator": ("import random; random.seed(5)", "random.random()", "0.6229016948897019"),
    "the number of the cell": ("1", "import sys; sys._getframe().f_code.co_filename", "'<cell 2>'"),
    "files and directories": (
        "import os; os.makedirs('a/b'); open('a/b/c', 'w').write('x'); os.chmod('a/b/c', 0o640)",
        "open('/tmp/a/b/c').read(), oct(os.stat('a/b/c').st_mode)",
        "('x', '0o100640')",
    ),
    "files that nobody may read": (
        "import os; open('f', 'w').write('x'); os.chmod('f', 0)",
        "os.chmod('f', 0o600); open('f').read()",
        "'x'",
    ),
    "links": ("import os; os.symlink('nowhere', 'l')", "os.readlink('l')", "'nowhere'"),
    "the working directory": ("import os; os.mkdir('d'); os.chdir('d')", "os.getcwd()", "'/box/home/d'"),
    "an open file and how far it was read": (
        "open('f', 'w').write('abcdef'); f = open('f'); f.read(1); f.seek(2);",
        "f.read()",
        "'cdef'",
    ),
    "an open file that was deleted": (
        "import os; f = open('f', 'w+'); f.write('abc'); f.flush(); f.seek(1); os.unlink('f')",
        "f.read()",
        "'bc'",
    ),
    "who it is": (
        "import os; me = os.getpid(), os.getuid(), os.getgid()",
        "(os.getpid(), os.getuid(), os.getgid()) == me",
        "True",
    ),
    "its own processes in /proc": ("1", "import os; [name for name in os.listdir('/proc') if name.isdigit()]", "['1']"),
    "subprocesses": (
        "1",
        "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(7)'], capture_output=True).stdout",
        "b'7\\n'",
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_a_fork_has_what_the_session_has(name: str, session: Session) -> None:
    before, after, value = SAME[name]
    session.run(before)
    first, second = session.fork(2)
    for one in (first, second, session):
        assert one.run(after).value == value


APART = {
    "names": ("x = 1", "x = 2", "x", "1"),
    "objects": ("x = [1]", "x.append(2)", "x", "[1]"),
    "files": ("open('f', 'w').write('a')", "open('f', 'w').write('b')", "open('f').read()", "'a'"),
    "new files": ("import os", "open('g', 'w').write('b')", "os.path.exists('g')", "False"),
    "removed files": ("import os; open('f', 'w').write('a')", "os.unlink('f')", "os.path.exists('f')", "True"),
    "a file held open": (
        "f = open('f', 'w+'); f.write('a'); f.flush()",
        "f.write('b'); f.flush()",
        "f.seek(0); f.read()",
        "'a'",
    ),
    "a pipe": (
        "import os; r, w = os.pipe(); os.set_blocking(r, False)",
        "os.write(w, b'secret')",
        "os.read(r, 10)",
        "b''",
    ),
    "a memory file": (
        "import os; m = os.memfd_create('m')",
        "os.pwrite(m, b'secret', 0)",
        "os.pread(m, 10, 0)",
        "b''",
    ),
}


@pytest.mark.parametrize("name", APART)
def test_what_one_does_no_other_sees(name: str, session: Session) -> None:
    before, change, look, value = APART[name]
    session.run(before)
    first, second = session.fork(2)
    assert first.run(change).error == ""
    assert [one.run(look).value for one in (second, session)] == [value, value]
    (third,) = session.fork(1)
    assert session.run(change).error == ""
    assert third.run(look).value == value


REFUSED = {
    "threads": "import threading, time; threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()",
    "memory that is shared": "import mmap; shared = mmap.mmap(-1, 4096); shared[0] = 1",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_forked(name: str, session: Session) -> None:
    session.run(f"kept = 1\n{REFUSED[name]}")
    with pytest.raises(ForkRefused):
        session.fork(2)
    assert session.run("kept").value == "1"


def test_a_fork_outlives_its_session_and_its_like(session: Session) -> None:
    session.run("x = 1")
    first, second, third = session.fork(3)
    session.close()
    assert first.run("x").value == "1"
    assert second.run("import os; os._exit(0)").lost == "ended"
    with pytest.raises(SessionLost):
        second.run("x")
    (fourth,) = first.fork(1)
    first.close()
    assert [one.run("x").value for one in (third, fourth)] == ["1", "1"]


def test_forks_of_forks_to_the_bound(session: Session) -> None:
    for generation in range(MAX_GENERATIONS):
        session.run(f"x = {generation}")
        (other,) = session.fork(1)
        assert other.run("x").value == str(generation)
        other.close()
    session.run("x += 1")
    with pytest.raises(ForkRefused):
        session.fork(1)
    assert session.run("x").value == str(MAX_GENERATIONS)


def test_forks_without_cells_between_are_of_one_generation(sessions: LocalSessions, session: Session) -> None:
    session.run("x = 1")
    for _ in range(3):
        session.fork(1)[0].close()
    told, _ = sessions.ask({"op": "look", "session": session.name}, [])
    assert told["generation"] == 1


def test_more_forks_than_one_order_carries(session: Session) -> None:
    session.run("import os; x = 5")
    forks = session.fork(20)
    for at, fork in enumerate(forks):
        fork.run(f"x += {at}")
    assert [fork.run("x").value for fork in forks] == [str(5 + at) for at in range(20)]
    for fork in forks:
        fork.close()


HOSTILE = {
    "kills everybody": "import os, signal\ntry: os.kill(-1, 9)\nexcept OSError: pass",
    "kills its group": "import os, signal; signal.signal(15, signal.SIG_IGN); os.killpg(0, 15)",
    "kills every number": (
        "import os\nfor pid in range(2, 40000):\n    try: os.kill(pid, 9)\n    except OSError: pass"
    ),
    "writes to every memory it can open": (
        "import glob\nfor kind in ('mem', 'fd/*', 'root/box/home'):\n    for path in glob.glob('/proc/*/' + kind):\n"
        "        if not path.startswith(('/proc/self', '/proc/thread-self', '/proc/1/')): raise SystemError(path)"
    ),
    "walks to the stem's box": (
        "import os\nfor path in ('/proc/1/root/../..', '/proc/1/cwd/../../..'):\n"
        "    for top, _, names in os.walk(path + '/box'):\n        assert 'planted' not in names, top"
    ),
    "ends the process": "import os; os._exit(1)",
    "fills the box": "try: open('f', 'wb').write(bytes(1 << 30))\nexcept (OSError, MemoryError): pass",
    "forks to its bound": "import os, time\ntry:\n    while os.fork(): pass\nexcept OSError: pass",
    "asks for namespaces": "import ctypes; assert ctypes.CDLL(None).unshare(0x38020000) == -1",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_fork_harms_no_other(name: str, session: Session) -> None:
    session.run("x = 'untouched'")
    hostile, *others = session.fork(3)
    session.run("open('planted', 'w').write('mine')")
    result = hostile.run(HOSTILE[name])
    assert "SystemError" not in result.error
    assert "AssertionError" not in result.error
    for other in (*others, session):
        assert other.run("x").value == "'untouched'"
    assert session.run("open('planted').read()").value == "'mine'"
    assert session.fork(1)[0].run("x").value == "'untouched'"


SABOTAGE = {
    "is not forked": "import os; os.fork = lambda: os._exit(0)",
    "keeps its group": "import os; os.setsid = lambda: None",
    "keeps its capabilities": (
        "import sys; kernel = sys.modules['veriward.sandbox.kernel']; kernel.drop_capabilities = lambda: None"
    ),
    "keeps what it has open": (
        "import os, sys; branch = sys.modules['veriward.sandbox.session_branch']\n"
        "r, w = os.pipe(); branch._held = lambda _: []; branch._close = lambda _: None"
    ),
    "asks for other namespaces": (
        "import sys; branch = sys.modules['veriward.sandbox.session_branch']; branch.BRANCH_NAMESPACES = 0x10000000"
    ),
    "says nothing": (
        "import os; split = os.fork\ndef fork():\n    pid = split()\n    if not pid: os._exit(0)\n    return pid\n"
        "os.fork = fork"
    ),
}


@pytest.mark.parametrize("name", SABOTAGE)
def test_a_session_that_hinders_its_own_forks(name: str, sessions: LocalSessions, session: Session) -> None:
    """No branch lives that is not what it should be; whatever becomes of the session, others are as they were."""
    with sessions.open() as other:
        other.run("x = 1")
        session.run(SABOTAGE[name])
        with pytest.raises((ForkRefused, SessionLost, SandboxError)):
            session.fork(2)
        assert [fork.run("x").value for fork in other.fork(2)] == ["1", "1"]
