"""What every backend promises, level by level, as programs and how they must end.

A backend of level L2 keeps the promises of L0, L1 and L2. `broken` runs them all and tells which it does not keep; a
backend of your own is tested with it as the built-in ones are.

From L1 on they are attacks: where a backend is weaker than the level it is asked to keep, they hit the host.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from veriward.sandbox.errors import ExecutionRefused
from veriward.sandbox.execution import MIB, Execution, Isolation, Limits, Run, RunStatus, Sandbox
from veriward.sandbox.plain import encode

FINISHED, RUNTIME_ERROR = RunStatus.FINISHED, RunStatus.RUNTIME_ERROR
_QUICK = Limits(cpu_seconds=0.3, wall_seconds=3)
_SHORT = Limits(cpu_seconds=5, wall_seconds=0.5)
_SMALL = Limits(memory_bytes=128 * MIB, cpu_seconds=5, wall_seconds=20)


@dataclass(frozen=True, slots=True)
class End:
    """How a run must end: `reasons` and `stdout` only where they are given."""

    status: RunStatus
    reasons: tuple[str, ...] = ()
    stdout: bytes | None = None
    result: object = ...

    def complaint(self, run: Run) -> str:
        """What is not so; "" if all is."""
        if run.status is not self.status or (self.reasons and run.reason not in self.reasons):
            return f"{run.status}/{run.reason} is not {self.status}/{'|'.join(self.reasons)}: {run.stderr[-300:]!r}"
        if self.stdout is not None and run.stdout != self.stdout:
            return f"{run.stdout[:200]!r} is not {self.stdout[:200]!r}"
        if self.result is not ... and run.result != encode(self.result):
            return f"{run.result!r} is not the value {self.result!r}"
        return ""


@dataclass(frozen=True, slots=True)
class Promise:
    """`level` and those above it keep it, but for `unless`: without namespaces there is no box, and no fork."""

    level: str
    execution: Execution
    ends: tuple[End, ...]
    check: Callable[[list[Run]], str] = lambda _: ""
    unless: str = ""

    def is_made_by(self, level: str) -> bool:
        return self.level <= level != self.unless

    def complaints(self, sandbox: Sandbox) -> Iterator[str]:
        runs = sandbox.run(self.execution)
        if len(runs) != len(self.ends):
            yield f"{len(runs)} runs, {len(self.ends)} inputs"
        yield from filter(None, (end.complaint(run) for end, run in zip(self.ends, runs, strict=False)))
        yield from filter(None, [self.check(runs)])


def prints(stdout: str | bytes) -> End:
    return End(FINISHED, stdout=stdout.encode() if isinstance(stdout, str) else stdout)


def fails(*reasons: str, status: RunStatus = RUNTIME_ERROR) -> End:
    return End(status, reasons)


def _script(
    code: str,
    *ends: End,
    level: str = "L0",
    unless: str = "",
    stdin: tuple[bytes, ...] = (b"",),
    **fields: object,
) -> Promise:
    execution = replace(Execution(code, inputs=stdin), **fields)  # type: ignore[arg-type]
    return Promise(level, execution, ends, unless=unless)


def _stopped(attempt: str, *, level: str) -> Promise:
    """`attempt` is statements that try to get out, and then print what they found."""
    indented = "\n".join("    " + line for line in attempt.strip().splitlines())
    code = f"import os\ntry:\n{indented}\nexcept (OSError, ValueError, MemoryError):\n    print('stopped')"
    return _script(code, prints("stopped\n"), level=level)


# Six processes that fit one by one; none goes before each has its memory, or is dead of it.
_HOLD_TOGETHER = f"""
import os, time
(ready, ready_in), (gate, gate_in) = os.pipe(), os.pipe()
for _ in range(6):
    if not os.fork():
        os.close(gate_in)
        held = b'x' * (60 * {MIB})
        os.write(ready_in, b'1')
        os.read(gate, 1)
        os._exit(0)
os.set_blocking(ready, False)
settled = 0
while settled < 6:
    try:
        settled += len(os.read(ready, 6))
    except BlockingIOError:
        settled += os.waitpid(-1, os.WNOHANG)[0] != 0
        time.sleep(0.01)
print('all')
"""
_FORKS = """
import os
count = 0
gate, gate_in = os.pipe()
try:
    while count < 80:
        if not os.fork():
            os.close(gate_in)
            os.read(gate, 1)
            os._exit(0)
        count += 1
except OSError:
    pass
print(count < 40)
"""
_IGNORES = """
import signal
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
while True:
    pass
"""
_COUNTS_PROCESSES = """
import os
try:
    print(sum(name.isdigit() for name in os.listdir('/proc')) <= 1)
except OSError:
    print(True)
"""
_TWICE = "def twice(x):\n    return x + x\n"
_CALL = encode(([1, 2],))

PROMISES: dict[str, Promise] = {
    "what a program prints is told to the byte": _script(
        "import os; os.write(1, bytes(range(256)))", prints(bytes(range(256)))
    ),
    "what it reads is its input to the byte": _script(
        "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())", prints(b"\0\xff\r\n"), stdin=(b"\0\xff\r\n",)
    ),
    "an empty program finishes": _script("", prints("")),
    "a big input arrives whole": _script(
        "import sys; print(len(sys.stdin.read()))", prints(f"{4 * MIB}\n"), stdin=(b"x" * (4 * MIB),)
    ),
    "a big output arrives whole": _script(
        f"print('x' * {4 * MIB}, end='')", prints(b"x" * (4 * MIB)), limits=Limits(output_bytes=5 * MIB)
    ),
    "every input is run, in order": _script("print(input())", prints("a\n"), prints("b\n"), stdin=(b"a", b"b")),
    "every input finds the globals fresh": _script(
        "import builtins\nprint('seen' in globals(), len('abc'))\nseen = 1\nbuiltins.len = None",
        prints("False 3\n"),
        prints("False 3\n"),
        stdin=(b"", b""),
    ),
    "a run that ends its process ends only itself": _script(
        "import os\nif input() == 'die': os._exit(3)\nprint('alive')",
        fails("exit_code"),
        prints("alive\n"),
        stdin=(b"die", b"live"),
    ),
    "with reuse per_test every input has a process of its own": _script(
        "import math\nprint(hasattr(math, 'mine'))\nmath.mine = 1",
        prints("False\n"),
        prints("False\n"),
        stdin=(b"", b""),
        reuse="per_test",
    ),
    "an exception is a runtime error": _script("1 / 0", fails("exception")),
    "an exit code is a runtime error": _script("import sys; sys.exit(3)", fails("exit_code")),
    "exit code 0 is not": _script("import sys; print(1); sys.exit(0)", prints("1\n")),
    "a signal is named": _script("import ctypes; ctypes.string_at(0)", fails("SIGSEGV")),
    "a program that is not Python is told so": _script("def", fails(status=RunStatus.COMPILE_ERROR)),
    "CPU time is bounded": _script(
        "while True: pass", fails("cpu", "wall", status=RunStatus.TIME_LIMIT), limits=_QUICK
    ),
    "time is bounded for sleepers": _script(
        "import time; time.sleep(60)", fails("wall", status=RunStatus.TIME_LIMIT), limits=_SHORT
    ),
    "time is bounded for those who ignore signals": _script(
        _IGNORES,
        fails("cpu", "wall", status=RunStatus.TIME_LIMIT),
        limits=_QUICK,
    ),
    "memory is bounded": _script(
        f"x = [b'x' * {MIB} for _ in range(400)]", fails(status=RunStatus.MEMORY_LIMIT), limits=_SMALL
    ),
    "output is bounded": _script(
        "import sys\nwhile True: sys.stdout.write('x' * 65536)",
        End(RunStatus.OUTPUT_LIMIT),
        limits=Limits(output_bytes=100_000),
    ),
    "a flood on stderr decides nothing": _script(
        "import sys; sys.stderr.write('x' * 3_000_000); print('done')", prints("done\n")
    ),
    "a process left behind delays nothing": _script(
        "import os, time\nif not os.fork():\n    os.setsid()\n    time.sleep(60)\n    os._exit(0)\nprint('told')",
        prints("told\n"),
        unless="L1",
    ),
    "the same program prints the same set": _script(
        "import random; print(list({'a', 'b', 'c', 'd'}) == list({'a', 'b', 'c', 'd'}), random.random())",
        prints("True 0.8444218515250481\n"),
    ),
    "it begins in an empty directory that it may write to": _script(
        "import os; print(os.listdir('.')); open('a', 'w').write('x'); print(open('a').read())",
        prints("[]\nx\n"),
        unless="L1",
    ),
    "its files are there": _script(
        "print(open('a/b').read())", prints("content\n"), files={"a/b": b"content"}, unless="L1"
    ),
    "a function's value is told": _script(
        _TWICE, End(FINISHED, result=[1, 2, 1, 2]), mode="call", entry="twice", stdin=(_CALL,)
    ),
    "a function that is not there is told": _script(
        _TWICE, fails("missing_entry"), mode="call", entry="thrice", stdin=(_CALL,)
    ),
    "a value that is no plain data is told": _script(
        "def f(x): return object()", fails("unserialisable"), mode="call", entry="f", stdin=(_CALL,)
    ),
    "a call that ends the process has no value": _script(
        "import os\ndef f(x): os._exit(0)", fails("early_exit"), mode="call", entry="f", stdin=(_CALL,)
    ),
    "a judge's script finds the function right": _script(
        _TWICE, prints("ok\n"), mode="judged", stubs=("twice",), stdin=(b"assert twice(2) == 4; print('ok')",)
    ),
    "a judge's script finds it wrong": _script(
        _TWICE, fails("assertion"), mode="judged", stubs=("twice",), stdin=(b"assert twice(2) == 5",)
    ),
    "a candidate that is equal to everything is not right": _script(
        "class All:\n    def __eq__(self, other): return True\ndef twice(x): return All()",
        fails("assertion"),
        mode="judged",
        stubs=("twice",),
        stdin=(b"assert 4 == twice(2) and type(twice(2)) is int",),
    ),
    # What programs of others, and of this host, are safe from.
    "no file of the host's can be read": _stopped("print(open('/etc/shadow').read())", level="L1"),
    "no process of the host's can be looked into": _stopped(
        "print(open(f'/proc/{os.getppid()}/environ', 'rb').read())", level="L1"
    ),
    "no process of the host's can be signalled": _stopped(
        "os.kill(os.getppid() or 2, 0)\nprint('signalled')", level="L1"
    ),
    "no socket can be opened": _stopped("import socket\nprint(socket.socket())", level="L1"),
    "no system file can be written": _stopped("open('/usr/bin/veriward-was-here', 'w')\nprint('written')", level="L1"),
    "it is nobody": _stopped("os.setuid(0)\nprint('root')", level="L1"),
    "it may start processes": _script(
        "import subprocess; print(subprocess.run(['sh', '-c', 'echo $((6 * 7))'], capture_output=True).stdout)",
        prints("b'42\\n'\n"),
        level="L2",
    ),
    "it sees no process but its own": _script(
        _COUNTS_PROCESSES,
        prints("True\n"),
        level="L2",
    ),
    "it sees no network": _script(
        "try: lines = open('/proc/net/dev').read().splitlines()\nexcept OSError: lines = []\n"
        "print([l for l in lines if ':' in l and not l.strip().startswith('lo:')])",
        prints("[]\n"),
        level="L2",
    ),
    "it can't make namespaces": _script(
        "import ctypes; print(ctypes.CDLL(None).unshare(0x10000000))", prints("-1\n"), level="L2"
    ),
    "it can't mount": _script(
        "import ctypes; print(ctypes.CDLL(None).mount(b'none', b'.', b'tmpfs', 0, None))", prints("-1\n"), level="L2"
    ),
    "nothing of one run is left for the next": _script(
        "import os\nprint([p for d in ('.', '/tmp', '/dev/shm') for p in os.listdir(d) if 'veriward' in p])\n"
        "for d in ('.', '/tmp', '/dev/shm'): open(d + '/veriward-left', 'w').close()",
        prints("[]\n"),
        prints("[]\n"),
        level="L2",
        stdin=(b"", b""),
        reuse="per_test",
    ),
    "processes are bounded": _script(
        _FORKS, prints("True\n"), level="L2", limits=Limits(processes=8, cpu_seconds=5, wall_seconds=20)
    ),
    "memory is bounded together": Promise(
        "L3",
        Execution(_HOLD_TOGETHER, limits=_SMALL),
        (fails("oom_cgroup", status=RunStatus.MEMORY_LIMIT),),
    ),
}

REFUSED: dict[str, tuple[str, Execution]] = {
    "a language that is not here": ("language", Execution("", language="brainfuck")),
    "a mode that there is none of": ("mode", Execution("", mode="hope")),  # type: ignore[arg-type]
    "a profile that there is none of": ("profile", Execution("", profile="everything")),
    "a limit above the maximum": ("limits.cpu_seconds", Execution("", limits=Limits(cpu_seconds=1e6))),
    "a negative limit": ("limits.memory_bytes", Execution("", limits=Limits(memory_bytes=-1))),
    "a file outside its directory": ("files", Execution("", files={"../a": b""})),
}


def kept_by(isolation: Isolation) -> dict[str, Promise]:
    """The promises that a backend of this level makes."""
    return {sentence: promise for sentence, promise in PROMISES.items() if promise.is_made_by(isolation.level)}


def refusal(sandbox: Sandbox, execution: Execution) -> str:
    """The field that the backend refuses `execution` for; "" if it runs it."""
    try:
        sandbox.run(execution)
    except ExecutionRefused as refused:
        return refused.field
    return ""


def broken(sandbox: Sandbox, isolation: Isolation) -> list[str]:
    """Every promise that is not kept, and how."""
    found = []
    for sentence, promise in kept_by(isolation).items():
        found += [f"{sentence}: {complaint}" for complaint in promise.complaints(sandbox)]
    for sentence, (field, execution) in REFUSED.items():
        if (named := refusal(sandbox, execution)) != field:
            found.append(f"{sentence} is refused for {named or 'nothing'}, not for {field}")
    return found
