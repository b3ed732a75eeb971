"""How each kind of program ends: the status and the reason, by what was measured and not by what it says."""

from collections.abc import Callable

import pytest

from veriward.sandbox.execution import MAX_STDERR_BYTES, MIB, Execution, Limits, Run, RunStatus
from veriward.sandbox.local import LocalSandbox

pytestmark = pytest.mark.sandbox

FINISHED, ERROR = RunStatus.FINISHED, RunStatus.RUNTIME_ERROR
TIME, MEMORY, OUTPUT = RunStatus.TIME_LIMIT, RunStatus.MEMORY_LIMIT, RunStatus.OUTPUT_LIMIT
SHORT = Limits(cpu_seconds=0.3, wall_seconds=2)
SLEEPY = Limits(wall_seconds=0.3)
SMALL = Limits(memory_bytes=96 * MIB)

STDIN = {
    "a program that prints": ("print(input()[::-1])", Limits(), FINISHED, ""),
    "the empty program": ("", Limits(), FINISHED, ""),
    "sys.exit() after the output": ("import sys; print('cba'); sys.exit()", Limits(), FINISHED, ""),
    "os._exit(0) after the output": ("import os; print('cba', flush=True); os._exit(0)", Limits(), FINISHED, ""),
    "exit code 3": ("raise SystemExit(3)", Limits(), ERROR, "exit_code"),
    "os._exit(3)": ("import os; os._exit(3)", Limits(), ERROR, "exit_code"),
    "an exception": ("1/0", Limits(), ERROR, "exception"),
    "KeyboardInterrupt": ("raise KeyboardInterrupt", Limits(), ERROR, "exception"),
    "not Python": ("def f(:", Limits(), RunStatus.COMPILE_ERROR, "compile_error"),
    "a lone surrogate in the source": ("print('\ud800')", Limits(), RunStatus.COMPILE_ERROR, "compile_error"),
    "a lone surrogate printed": ("print(chr(0xD800))", Limits(), ERROR, "exception"),
    "a busy loop": ("while True: pass", SHORT, TIME, "cpu"),
    "a busy loop that ignores signals": (
        "import signal\nfor n in (1, 2, 14, 15, 24): signal.signal(n, signal.SIG_IGN)\nwhile True: pass",
        SHORT,
        TIME,
        "cpu",
    ),
    "a loop that swallows every exception": (
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        SHORT,
        TIME,
        "cpu",
    ),
    "two busy processes that are waited for": (
        "import os, time\npid = os.fork()\nwhile time.process_time() < .2: pass\nif pid: os.wait()",
        SHORT,
        TIME,
        "cpu",
    ),
    "a sleeper": ("import time; time.sleep(60)", SLEEPY, TIME, "wall"),
    "a sleeper without its descriptors": (
        "import os, time; os.closerange(0, 64); time.sleep(60)",
        SLEEPY,
        TIME,
        "wall",
    ),
    "a lie about the time": ("import time; time.time = lambda: 0\nwhile True: pass", SHORT, TIME, "cpu"),
    "memory in one block": ("x = bytearray(1 << 40)", SMALL, MEMORY, "memory_error"),
    "memory without end": ("x = []\nwhile True: x.append('x' * 1000000)", SMALL, MEMORY, None),
    "memory while the time is over": (
        "import os\nif not os.fork():\n    x = bytearray(80 << 20); y = b'x' * (80 << 20)\nwhile True: pass",
        Limits(cpu_seconds=0.3, memory_bytes=96 * MIB),
        TIME,
        "cpu",
    ),
    "output without end": ("while True: print('x' * 100000)", Limits(), OUTPUT, "output"),
    "output one byte over": ("print('x' * 10, end='')", Limits(output_bytes=9), OUTPUT, "output"),
    "output just at the limit": ("print('x' * 9, end='')", Limits(output_bytes=9), FINISHED, ""),
    "stderr without end": (
        "import sys\ntry:\n    while True: sys.stderr.write('x' * 100000)\nexcept OSError: pass\nprint('cba')",
        Limits(),
        FINISHED,
        "",
    ),
    "a segmentation fault": ("import ctypes; ctypes.string_at(0)", Limits(), ERROR, "SIGSEGV"),
    "abort": ("import os; os.abort()", Limits(), ERROR, None),
    "recursion without end": ("def f(): f()\nf()", Limits(), ERROR, "exception"),
    "a fork bomb": ("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", SHORT, TIME, None),
    "a thread bomb": (
        "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(60,)).start()",
        SLEEPY,
        TIME,
        "wall",
    ),
    "a file without end": ("f = open('x', 'wb')\nwhile True: f.write(b'x' * 1000000)", Limits(), ERROR, "exception"),
    "a sparse file": ("f = open('x', 'wb'); f.seek(1 << 40); f.write(b'x'); f.flush()", Limits(), ERROR, "exception"),
    "more files than the box holds": ("for n in range(9999): open(str(n), 'w')", Limits(), ERROR, "exception"),
    "more open files than allowed": ("f = [open('/dev/null') for _ in range(99)]", Limits(), ERROR, "exception"),
    "limits raised": (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 40, 1 << 40))",
        Limits(),
        ERROR,
        "exception",
    ),
}


@pytest.mark.parametrize("row", STDIN.values(), ids=STDIN)
def test_programs(row: tuple[str, Limits, RunStatus, str | None], run_one: Callable[..., Run]) -> None:
    code, limits, status, reason = row
    run = run_one(code, b"abc", limits=limits)
    assert run.status is status, run
    assert reason is None or run.reason == reason, run
    assert len(run.stdout) <= limits.output_bytes
    assert len(run.stderr) <= MAX_STDERR_BYTES
    if status is FINISHED:
        assert run.exit_code == 0


def test_memory_of_many_processes_is_one_programs(run_one: Callable[..., Run], sandbox: LocalSandbox) -> None:
    if "cgroup_memory" not in sandbox.isolation.layers:
        pytest.skip("this host gives no memory cgroup")
    code = """
import os, time
for _ in range(8):
    if not os.fork():
        x = b'x' * (20 << 20)
        time.sleep(1)
        os._exit(0)
for _ in range(8): os.wait()
print("fine")
"""
    run = run_one(code, limits=SMALL)
    assert (run.status, run.reason) == (MEMORY, "oom_cgroup"), run
    assert run.usage.memory_bytes <= SMALL.memory_bytes


CALLS: dict[str, tuple[str, RunStatus, str]] = {
    "a function": ("def f(x): return x + 1", FINISHED, ""),
    "os._exit(0) in the function": ("import os\ndef f(x): os._exit(0)", ERROR, "early_exit"),
    "os._exit(0) while defining": ("import os\nos._exit(0)", ERROR, "early_exit"),
    "sys.exit in the function": ("def f(x): raise SystemExit(0)", ERROR, "early_exit"),
    "no such function": ("def g(x): return x", ERROR, "missing_entry"),
    "a value that is no plain data": ("def f(x): return object()", ERROR, "unserialisable"),
    "a value over the bound": ("def f(x): return 'x' * (9 << 20)", ERROR, "unserialisable"),
}


@pytest.mark.parametrize("row", CALLS.values(), ids=CALLS)
def test_calls(row: tuple[str, RunStatus, str], run_one: Callable[..., Run]) -> None:
    code, status, reason = row
    run = run_one(code, b"[1]", mode="call", entry="f")
    assert (run.status, run.reason) == (status, reason), run
    assert run.result == (b"2" if status is FINISHED else None)


SCRIPTS = {
    "a candidate that is right": ("def f(x): return x + 1", "assert f(1) == 2", FINISHED, ""),
    "a candidate that is wrong": ("def f(x): return x", "assert f(1) == 2", ERROR, "assertion"),
    "a candidate that leaves": ("import os\ndef f(x): os._exit(0)", "assert f(1) == 2", ERROR, "early_exit"),
    "a candidate that leaves while it is loaded": ("import os\nos._exit(0)", "assert f(1) == 2", ERROR, "early_exit"),
    "a candidate that hangs": ("def f(x):\n    while True: pass", "f(1)", TIME, "cpu"),
    "a candidate that sleeps": ("import time\ndef f(x): time.sleep(60)", "f(1)", TIME, "wall"),
    "a candidate that eats memory": ("def f(x): return len('x' * (1 << 40))", "f(1)", MEMORY, "memory_error"),
    "a script that leaves": ("def f(x): return x", "import os; os._exit(0)", ERROR, "early_exit"),
    "a script that hangs": ("def f(x): return x", "while True: pass", TIME, "cpu"),
    "a script that calls without end": ("def f(x): return x", "while True: f(1)", TIME, None),
    "the candidate is not Python": ("def f(:", "f(1)", RunStatus.COMPILE_ERROR, "compile_error"),
}


@pytest.mark.parametrize("row", SCRIPTS.values(), ids=SCRIPTS)
def test_judged(row: tuple[str, str, RunStatus, str | None], run_one: Callable[..., Run]) -> None:
    candidate, script, status, reason = row
    limits = Limits(cpu_seconds=0.3, wall_seconds=1)
    run = run_one(candidate, script.encode(), mode="judged", stubs=("f",), limits=limits)
    assert run.status is status, run
    assert reason is None or run.reason == reason, run


def test_usage_is_measured_from_outside(run_one: Callable[..., Run]) -> None:
    run = run_one("x = b'x' * (50 << 20)\nimport time\nwhile time.process_time() < .1: pass\ntime.sleep(.1)")
    assert run.status is FINISHED
    assert run.usage.cpu_seconds >= 0.09
    assert run.usage.wall_seconds >= run.usage.cpu_seconds + 0.09
    assert run.usage.memory_bytes >= 50 * MIB


def test_stop_ends_the_execution_with_that_run(sandbox: LocalSandbox) -> None:
    inputs = tuple(str(number).encode() for number in range(40))
    runs = sandbox.run(Execution("print(int(input()) * 2)", inputs=inputs), stop=lambda run: run.stdout == b"6\n")
    assert [run.stdout for run in runs] == [b"0\n", b"2\n", b"4\n", b"6\n"]
    assert sandbox.run(Execution("print(1)"))[0].stdout == b"1\n"


def test_every_run_says_how_it_was_isolated(sandbox: LocalSandbox, run_one: Callable[..., Run]) -> None:
    assert run_one("1/0").isolation == sandbox.isolation
