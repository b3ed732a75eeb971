"""What runs inside the child, without the confinement: a forked process under rlimits, and this test as its keeper."""

import json
import os
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from veriward.sandbox import runner
from veriward.sandbox.plain import decode, encode

SECONDS = 20
GIB = 1 << 30


@dataclass(frozen=True)
class Said:
    """A `D`, and what lies in the descriptors of its test. `status` is "gone" if the child ended instead."""

    status: str
    reason: str = ""
    exit_code: int | None = None
    stdout: bytes = b""
    stderr: bytes = b""
    result: bytes = b""

    @property
    def value(self) -> Any:
        return decode(self.result)


def memfd(content: bytes = b"") -> int:
    descriptor = os.memfd_create("test")
    os.pwrite(descriptor, content, 0)
    return descriptor


def content(descriptor: int) -> bytes:
    data = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    os.close(descriptor)
    return data


class Child:
    def __init__(self, mode: str, code: str, entry: str = "", stubs: tuple[str, ...] = ()) -> None:
        self.sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if not self.pid:
            try:
                self.sock.close()
                resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
                resource.setrlimit(resource.RLIMIT_AS, (4 * GIB, 4 * GIB))
                resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
                runner.prepare()
                runner.serve(theirs)
            finally:
                os._exit(70)
        theirs.close()
        self.sock.settimeout(SECONDS)
        self.count = 0
        self.say("P", {"mode": mode, "entry": entry, "stubs": stubs}, memfd(code.encode("utf-8", "surrogatepass")))

    def say(self, kind: str, body: object, *descriptors: int) -> None:
        socket.send_fds(self.sock, [kind.encode() + json.dumps(body).encode()], descriptors)

    def hear(self) -> tuple[str, dict[str, Any], list[int]]:
        try:
            message, descriptors, _, _ = socket.recv_fds(self.sock, 1 << 16, 1)
        except ConnectionResetError:
            message, descriptors = b"", []
        return message[:1].decode(), json.loads(message[1:] or b"{}"), descriptors

    def run(self, given: bytes = b"", carry: Callable[[int], tuple[dict[str, Any], int]] | None = None) -> Said:
        """One test. `carry` answers a judge's question: from its descriptor to the `A` and the result's."""
        descriptors = [memfd(given), memfd(), memfd(), memfd()]
        self.count += 1
        self.say("T", {"index": self.count, "fresh": True}, *descriptors)
        os.close(descriptors.pop(0))
        kind, said, questions = self.hear()
        while kind == "Q" and carry is not None:
            answer, reply = carry(questions[0])
            self.say("A", answer, reply)
            os.close(questions[0])
            os.close(reply)
            kind, said, questions = self.hear()
        assert said.pop("index", self.count) == self.count
        stdout, stderr, result = map(content, descriptors)
        return Said(**{"status": "gone", **said}, stdout=stdout, stderr=stderr, result=result)

    def end(self) -> None:
        self.sock.close()
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


@pytest.fixture
def child() -> Iterator[Callable[..., Child]]:
    with ExitStack() as stack:

        def start(*args: Any, **kwargs: Any) -> Child:
            begun = Child(*args, **kwargs)
            stack.callback(begun.end)
            return begun

        yield start


@pytest.fixture
def judged(child: Callable[..., Child]) -> Callable[..., Said]:
    """Run a script in one child, with the program in another and this test between them."""

    def run(program: str, script: str, *stubs: str) -> Said:
        candidate = child("serve", program, stubs=stubs)
        started = False

        def carry(question: int) -> tuple[dict[str, Any], int]:
            nonlocal started
            descriptors = [question, memfd(), memfd(), memfd()]
            candidate.say("T", {"index": 0, "fresh": not started}, *descriptors)
            started = True
            _, said, _ = candidate.hear()
            for descriptor in descriptors[1:3]:
                os.close(descriptor)
            said = said or {"status": "runtime_error", "reason": "early_exit"}
            return {"status": said["status"], "reason": said["reason"]}, descriptors[3]

        return child("judge", "", stubs=stubs).run(script.encode(), carry)

    return run


FINISHED = ("finished", "", 0)
EXCEPTION = ("runtime_error", "exception", 1)

SCRIPTS: dict[str, tuple[str, bytes, tuple[str, str, int], bytes]] = {
    "the input is stdin, the output stdout": ("print(sum(map(int, input().split())))", b"1 2 3\n", FINISHED, b"6\n"),
    "stdin can be read in every usual way": (
        "import os, sys\na = sys.stdin.readline()\nb = os.fstat(0).st_size\nprint(a.strip(), b, open(0).read())",
        b"one\n",
        FINISHED,
        b"one 4 \n",
    ),
    "text is UTF-8 both ways": ("print(input()[::-1])", "añ\n".encode(), FINISHED, "ña\n".encode()),
    "bytes that are not UTF-8 go through": ("print(input())", b"\xff\n", FINISHED, b"\xff\n"),
    "a lone surrogate can't be printed": ("print(chr(0xD800))", b"", EXCEPTION, b""),
    "the program is __main__": (
        "import __main__\nif __name__ == '__main__': print(__main__.x)" + "\nx = 1\nprint(__main__.x)",
        b"",
        EXCEPTION,
        b"",
    ),
    "exit() is there, and 0 is a good end": ("print(1)\nexit()", b"", FINISHED, b"1\n"),
    "sys.exit(None) is a good end": ("import sys\nprint(1)\nsys.exit()", b"", FINISHED, b"1\n"),
    "a code is an error": ("print(1)\nquit(3)", b"", ("runtime_error", "exit_code", 3), b"1\n"),
    "a code is taken modulo 256": ("exit(257)", b"", ("runtime_error", "exit_code", 1), b""),
    "a text as code is 1": ("exit('no')", b"", ("runtime_error", "exit_code", 1), b""),
    "an exception is an error": ("print(1)\n1 / 0", b"", EXCEPTION, b"1\n"),
    "an interrupt is an error": ("raise KeyboardInterrupt", b"", EXCEPTION, b""),
    "a base exception of its own is an error": ("class E(BaseException): ...\nraise E", b"", EXCEPTION, b""),
    "endless recursion is an error": ("def f(): f()\nf()", b"", EXCEPTION, b""),
    "as deep as Python allows is none": ("def f(n): return n and f(n - 1)\nprint(f(990))", b"", FINISHED, b"0\n"),
    "no memory is told apart": ("x = bytearray(1 << 40)", b"", ("runtime_error", "memory_error", 1), b""),
    "a failed assertion is told apart": ("assert False", b"", ("runtime_error", "assertion", 1), b""),
    "a syntax error is no run": ("print(", b"", ("compile_error", "compile_error", 1), b""),
    "NUL in the source is no run": ("print(1)\0", b"", ("compile_error", "compile_error", 1), b""),
    "a lone surrogate in the source is no run": ("x = '\ud800'", b"", ("compile_error", "compile_error", 1), b""),
    "parentheses without end are no run": ("(" * 10_000, b"", ("compile_error", "compile_error", 1), b""),
    "exit functions run, and print": ("import atexit\natexit.register(print, 2)\nprint(1)", b"", FINISHED, b"1\n2\n"),
    "threads are waited for": (
        "import threading, time\ndef f(): time.sleep(.05); print(2)\nthreading.Thread(target=f).start()\nprint(1)",
        b"",
        FINISHED,
        b"1\n2\n",
    ),
    "what replaced stdout is flushed": (
        "import io, sys\nsys.stdout = io.TextIOWrapper(sys.stdout.buffer)\nprint(1)",
        b"",
        FINISHED,
        b"1\n",
    ),
    "a file of its own over stdout is flushed": ("out = open(1, 'w')\nout.write('1')", b"", FINISHED, b"1"),
    "a closed stdout is no error": ("print(1, flush=True)\nimport sys\nsys.stdout.close()", b"", FINISHED, b"1\n"),
    "descriptors closed under it lose the output": (
        "import os\nprint(1)\nos.close(1)",
        b"",
        ("runtime_error", "exit_code", runner.FLUSH_FAILED),
        b"",
    ),
    "output over the file size limit is an error": (
        "import sys\nsys.stdout.write('x' * (1 << 20) + 'y')",
        b"",
        ("runtime_error", "exit_code", runner.FLUSH_FAILED),
        b"x" * (1 << 20),
    ),
}


@pytest.mark.parametrize(("code", "given", "end", "output"), SCRIPTS.values(), ids=SCRIPTS.keys())
def test_a_program_reads_prints_and_ends(
    child: Callable[..., Child], code: str, given: bytes, end: tuple[str, str, int], output: bytes
) -> None:
    said = child("stdin", code).run(given)
    assert (said.status, said.reason, said.exit_code) == end
    assert said.stdout == output


def test_a_traceback_shows_the_program_alone(child: Callable[..., Child]) -> None:
    said = child("stdin", "def f():\n    return missing\nf()").run()
    frames = [line for line in said.stderr.splitlines() if line.startswith(b"  File")]
    assert frames == [b'  File "<program>", line 3, in <module>', b'  File "<program>", line 2, in f']
    assert said.stderr.endswith(b"NameError: name 'missing' is not defined\n")


def test_a_text_as_exit_code_goes_to_stderr(child: Callable[..., Child]) -> None:
    assert child("stdin", "exit('no such thing')").run().stderr == b"no such thing\n"


LEFTOVERS: dict[str, str] = {
    "a global": "print('x' in globals())\nx = 1",
    "a patched builtin": "print(len('ab'))\nimport builtins\nbuiltins.len = lambda x: 7",
    "a patched print": "print(1)\nimport builtins\nbuiltins.print = lambda *x: None",
    "a replaced stdout": "print(1)\nimport io, sys\nsys.stdout = io.StringIO()",
    "a closed stdin": "import sys\nprint(len(sys.stdin.read()))\nsys.stdin.close()",
    "an exit function": "print(1)\nimport atexit\natexit.register(print, end='')",
    "the recursion limit": "import sys\nprint(sys.getrecursionlimit() > 900)\nsys.setrecursionlimit(60)",
    "the seed": "import random\nprint(random.random())",
    "an alarm": "import signal, time\ntime.sleep(.15)\nprint(1)\nsignal.setitimer(signal.ITIMER_REAL, .1)",
    "the arguments": "import sys\nprint(sys.argv)\nsys.argv.append('x')",
    "the module path": "import sys\nprint(len(sys.path))\nsys.path.insert(0, 'x')",
    "the working directory": "import os\nprint(os.getcwd())\nos.chdir('/')",
    "closed standard descriptors": "import os\nprint(1, flush=True)\nfor n in range(3): os.close(n)",
    "a raised exception": "print(1)\nif 'seen' in __builtins__.__dict__: print(2)\nraise ValueError",
}


@pytest.mark.parametrize("code", LEFTOVERS.values(), ids=LEFTOVERS.keys())
def test_the_next_run_does_not_see(child: Callable[..., Child], code: str) -> None:
    begun = child("stdin", code)
    first, second = begun.run(b"abc"), begun.run(b"abc")
    assert first.stdout
    assert second == first


def test_a_run_that_ends_the_process_says_nothing(child: Callable[..., Child]) -> None:
    said = child("stdin", "import os\nprint(1, flush=True)\nos._exit(0)").run()
    assert (said.status, said.stdout) == ("gone", b"1\n")


CALLS: dict[str, tuple[str, str, list[Any], Any]] = {
    "a function": ("def f(x, y): return x - y", "f", [5, 3], 2),
    "a method of Solution, by its bare name": ("class Solution:\n def f(self, x): return [x]", "f", [1], [1]),
    "a method, by its full name": ("class Solution:\n def f(self, x): return x", "Solution.f", ["é"], "é"),
    "a lambda": ("f = lambda: None", "f", [], None),
    "a function that prints, reads and changes what it was given": (
        "def f(xs):\n print(input) or xs.sort()\n return xs",
        "f",
        [[3, 1]],
        [1, 3],
    ),
    "a program with a main part, which does not run": (
        "def f(): return 1\nif __name__ == '__main__': print(input())",
        "f",
        [],
        1,
    ),
    "a data class of its own, within": (
        "from dataclasses import *\n@dataclass\nclass P:\n x: int\ndef f(): return astuple(P(1))",
        "f",
        [],
        (1,),
    ),
    "a value of every kind": (
        "def f(): return {1: (None, True), 'a': {2.5}, b'b': frozenset('x'), (1,): 10**30, 1j: [float('inf')]}",
        "f",
        [],
        {1: (None, True), "a": {2.5}, b"b": frozenset("x"), (1,): 10**30, 1j: [float("inf")]},
    ),
    "an int subclass, as its base value": (
        "class I(int):\n def __eq__(s, o): return True\n def __int__(s): return 42\n__hash__ = None\n"
        "def f(): return I(7)",
        "f",
        [],
        7,
    ),
}


@pytest.mark.parametrize(("code", "entry", "arguments", "value"), CALLS.values(), ids=CALLS.keys())
def test_a_call_gives_its_value(
    child: Callable[..., Child], code: str, entry: str, arguments: list[Any], value: Any
) -> None:
    said = child("call", code, entry).run(encode(arguments))
    assert (said.status, said.reason, said.stderr) == ("finished", "", b"")
    assert said.value == value
    assert type(said.value) is type(value)


BROKEN_CALLS: dict[str, tuple[str, str, str]] = {
    "no such function": ("def g(): pass", "runtime_error", "missing_entry"),
    "no such method": ("class Solution: pass", "runtime_error", "missing_entry"),
    "a leaving before the function is there": ("import sys\nsys.exit(0)", "runtime_error", "early_exit"),
    "a leaving in the function": ("def f(): exit()", "runtime_error", "early_exit"),
    "an ending of the process": ("import os\ndef f(): os._exit(0)", "gone", ""),
    "an object equal to everything": (
        "class E:\n def __eq__(s, o): return True\ndef f(): return E()",
        "runtime_error",
        "unserialisable",
    ),
    "a list of such": ("class E: pass\ndef f(): return [E()]", "runtime_error", "unserialisable"),
    "a generator": ("def f(): yield 1", "runtime_error", "unserialisable"),
    "a coroutine": ("async def f(): return 1", "runtime_error", "unserialisable"),
    "a cycle": ("def f():\n x = []\n x.append(x)\n return x", "runtime_error", "unserialisable"),
    "a deep list": (
        "def f():\n x = []\n for _ in range(10**5): x = [x]\n return x",
        "runtime_error",
        "unserialisable",
    ),
    "a class whose metaclass raises": (
        "class M(type):\n @property\n def __name__(c): raise KeyboardInterrupt\nclass E(metaclass=M): pass\n"
        "def f(): return E()",
        "runtime_error",
        "exception",
    ),
    "wrong arguments": ("def f(x): return x", "runtime_error", "exception"),
    "a syntax error": ("def f(:", "compile_error", "compile_error"),
}


@pytest.mark.parametrize(("code", "status", "reason"), BROKEN_CALLS.values(), ids=BROKEN_CALLS.keys())
def test_a_broken_call_gives_none(child: Callable[..., Child], code: str, status: str, reason: str) -> None:
    said = child("call", code, "f").run(encode([]))
    assert (said.status, said.reason, said.result) == (status, reason, b"")


def test_patching_what_the_runner_uses_changes_no_value_of_the_next_program(child: Callable[..., Child]) -> None:
    spoilt = child("call", "import json, os\njson.JSONEncoder.encode = os.write = None\ndef f(): return 1", "f")
    spoilt.run(encode([]))
    assert child("call", "def f(): return 1", "f").run(encode([])).value == 1


def test_calls_see_an_empty_stdin(child: Callable[..., Child]) -> None:
    assert child("call", "import sys\ndef f(x): return sys.stdin.read()", "f").run(encode([1])).value == ""


NODE = "class Node:\n def __init__(s, x): s.x, s.next = x, None\n def get(s): return s.x\n def link(s, o): s.next = o\n"

PASSING: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "values": ("def f(x): return {x: (x,)}", "assert f(1) == {1: (1,)}", ("f",)),
    "keyword arguments": ("def f(*, operation): return operation", "assert f(operation=2) == 2", ("f",)),
    "a check of a candidate": (
        "def f(x): return x + 1",
        "def check(candidate):\n assert candidate(1) == 2\ncheck(f)",
        ("f",),
    ),
    "state between calls": ("n = 0\ndef f():\n global n\n n += 1\n return n", "f()\nassert f() == 2", ("f",)),
    "an exception that is expected": (
        "def f(): raise ValueError('no')",
        "try:\n f()\nexcept ValueError as e: assert str(e) == 'no'\nelse: raise SystemExit(1)",
        ("f",),
    ),
    "an exception of its own, as its builtin base": (
        "class E(KeyError): pass\ndef f(): raise E('k')",
        "try:\n f()\nexcept KeyError as e: assert e.args == ('k',)\nelse: raise SystemExit(1)",
        ("f",),
    ),
    "a list changed in place": ("def f(xs): xs.sort()", "a = [2, 1]\nf(a)\nassert a == [1, 2]", ("f",)),
    "a dict and a set changed in place": (
        "def f(d, s): d['a'] = 1; s.clear()",
        "d, s = {}, {1}\nf(d, s=s)\nassert d == {'a': 1} and s == set()",
        ("f",),
    ),
    "a method of Solution as a function": ("class Solution:\n def f(s, x): return x", "assert f(3) == 3", ("f",)),
    "objects, their methods and attributes": (
        NODE,
        "a, b = Node(1), Node(2)\na.link(b)\nassert a.next.get() == 2\na.x = 5\nassert a.get() == 5",
        ("Node",),
    ),
    "objects in lists, and the same object again": (
        NODE + "def f(nodes): return [n for n in nodes if n.x > 1]",
        "a, b = Node(1), Node(2)\n(c,) = f([a, b])\nassert c is b and c.x == 2",
        ("Node", "f"),
    ),
    "objects that the program calls equal": (
        "class P:\n def __init__(s, x): s.x = x\n def __eq__(s, o): return s.x == o.x",
        "assert P(1) == P(1) and P(1) != P(2)",
        ("P",),
    ),
    "what Python asks of objects": (
        "class B:\n def __init__(s): s.d = {}\n def __len__(s): return len(s.d)\n"
        " def __getitem__(s, k): return s.d[k]\n def __setitem__(s, k, v): s.d[k] = v\n"
        " def __delitem__(s, k): del s.d[k]\n"
        " def __iter__(s): return iter(s.d)\n def __str__(s): return 'B'\n def __bool__(s): return bool(s.d)",
        "b = B()\nassert not b\nb[1] = 2\nassert b and len(b) == 1 and b[1] == 2 and list(b) == [1] and 1 in b\n"
        "assert str(b) == f'{b}' == 'B'\ndel b[1]\nassert len(b) == 0",
        ("B",),
    ),
    "slices of objects": (
        "class B:\n def __getitem__(s, k): return list(range(5))[k]",
        "assert B()[1:] == [1, 2, 3, 4] and B()[::-2] == [4, 2, 0]",
        ("B",),
    ),
    "generators": (
        "def f(n): yield from range(n)",
        "assert list(f(3)) == [0, 1, 2]\ng = f(1)\nassert next(g) == 0\nassert next(g, None) is None",
        ("f",),
    ),
    "a function given to a function": (
        "def f(g, x): return g(x)\ndef g(x): return x * 2",
        "assert f(g, 4) == 8",
        ("f", "g"),
    ),
    "a script that exits well": ("def f(): return 1", "assert f() == 1\nexit(0)", ("f",)),
    "unit tests": (
        "def f(): return 1",
        "import unittest\nclass T(unittest.TestCase):\n def test(s): s.assertEqual(f(), 1)\nunittest.main()",
        ("f",),
    ),
}


@pytest.mark.parametrize(("program", "script", "stubs"), PASSING.values(), ids=PASSING.keys())
def test_a_script_judges(judged: Callable[..., Said], program: str, script: str, stubs: tuple[str, ...]) -> None:
    said = judged(program, script, *stubs)
    assert (said.status, said.reason, said.stderr) == ("finished", "", said.stderr)


EQUAL = "class E:\n def __getattr__(s, n): return E()\n def __call__(s, *a): return E()\n" + "".join(
    f" def __{name}__(s, *a): return {value}\n"
    for name, value in {
        "eq": "True", "ne": "False", "lt": "True", "gt": "True", "le": "True", "ge": "True", "contains": "True",
        "sub": "0", "rsub": "0", "add": "E()", "abs": "0", "float": "0.0", "int": "0", "index": "0", "hash": "1",
        "round": "0", "mod": "0", "xor": "0", "bool": "True", "instancecheck": "True", "str": "'2'", "repr": "'2'",
    }.items()
)  # fmt: skip

FAILING: dict[str, tuple[str, str, str, str]] = {
    "a wrong value": ("def f(x): return 3", "assert f(1) == 2", "runtime_error", "assertion"),
    "an object equal to everything": (EQUAL + "f = E()", "assert f(1) == 2", "runtime_error", "assertion"),
    "that object on the right": (EQUAL + "f = E()", "assert 2 == f(1)", "runtime_error", "assertion"),
    "that object in a list": (EQUAL + "def f(x): return [E()]", "assert f(1) == [2]", "runtime_error", "assertion"),
    "that object as a number near the right one": (
        EQUAL + "f = E()",
        "assert abs(f(1) - 2.5) < 1e-6",
        "runtime_error",
        "exception",
    ),
    "that object said to hold the right one": (EQUAL + "f = E()", "assert 2 in f(1)", "runtime_error", "exception"),
    "that object less than a bound": (EQUAL + "f = E()", "assert f(1) < 2", "runtime_error", "exception"),
    "that object in a set": (EQUAL + "f = E()", "assert f(1) in {2, 3}", "runtime_error", "assertion"),
    "that object by an explicit method": (
        EQUAL + "f = E()",
        "assert f(1).__contains__(2)",
        "runtime_error",
        "exception",
    ),
    "a class for a function": (
        "class f:\n def __init__(s, x): pass\n def __eq__(s, o): return True",
        "assert f(1) == 2",
        "runtime_error",
        "assertion",
    ),
    "an end of the process": ("import os\ndef f(x): os._exit(0)", "assert f(1) == 2", "runtime_error", "early_exit"),
    "a leaving": ("def f(x): raise SystemExit(0)", "assert f(1) == 2", "runtime_error", "early_exit"),
    "a leaving before there is a function": ("raise SystemExit(0)", "assert f(1) == 2", "runtime_error", "early_exit"),
    "an end that the script would swallow": (
        "import os\ndef f(x): os._exit(0)",
        "try: f(1)\nexcept: pass",
        "runtime_error",
        "early_exit",
    ),
    "an assertion error of its own": (
        "def f(x): raise AssertionError",
        "assert f(1) == 2",
        "runtime_error",
        "assertion",
    ),
    "a stop that would end the script's loop": (
        "def f(x): raise StopIteration",
        "assert all(map(lambda x: f(x) == 2, [1, 2]))",
        "runtime_error",
        "exception",
    ),
    "a stop in an asynchronous loop": (
        "def f(x): raise StopAsyncIteration",
        "f(1)",
        "runtime_error",
        "exception",
    ),
    "a check of its own": (
        "def check(f): pass\ndef f(x): return 1",
        "def check(f): assert f(1) == 2\ncheck(f)",
        "runtime_error",
        "assertion",
    ),
    "an assertion patched away": (
        "import builtins\nbuiltins.AssertionError = None\ndef f(x): return 1",
        "assert f(1) == 2",
        "runtime_error",
        "assertion",
    ),
    "an emptied list whose sum is expected": (
        "def f(xs):\n xs.clear()\n return 0",
        "a = [1, 2]\nr = f(a)\nassert r == sum(a)",
        "runtime_error",
        "assertion",
    ),
    "no such function": ("def g(): pass", "assert f(1) == 2", "runtime_error", "missing_entry"),
    "a program that is not Python": ("def f(", "assert f(1) == 2", "compile_error", "compile_error"),
    "a value too deep": (
        "def f(x):\n for _ in range(99): x = [x]\n return x",
        "f(1)",
        "runtime_error",
        "unserialisable",
    ),
    "a function of the script's, for an object that the program chose to return": (
        EQUAL + "f = E",
        "f().g(lambda x: x)",
        "runtime_error",
        "exception",
    ),
    "a function of the script's": (
        "def f(g): return g(1)",
        "try: f(lambda x: x)\nexcept TypeError: pass",
        "runtime_error",
        "unplain_argument",
    ),
}


@pytest.mark.parametrize(("program", "script", "status", "reason"), FAILING.values(), ids=FAILING.keys())
def test_a_script_is_not_fooled(
    judged: Callable[..., Said], program: str, script: str, status: str, reason: str
) -> None:
    said = judged(program, script, "f")
    assert (said.status, said.reason) == (status, reason)


@dataclass
class Hostile:
    """A candidate's child that answers what it likes."""

    answers: list[bytes]
    status: str = "finished"
    reason: str = ""
    asked: list[Any] = field(default_factory=list)

    def carry(self, question: int) -> tuple[dict[str, Any], int]:
        self.asked.append(decode(os.pread(question, 1 << 16, 0), lambda number: ("reference", number)))
        return {"status": self.status, "reason": self.reason}, memfd(self.answers[len(self.asked) - 1])


FORGED: dict[str, bytes] = {
    "nothing": b"",
    "no encoding": b"\xff",
    "a plain value, without the envelope": encode(2),
    "an unknown envelope": encode(("return", 2, None)),
    "a short envelope": encode(("value", 2)),
    "changes that are no tuple": encode(("value", None, 5)),
    "an exception that is none": encode(("raise", "SystemExit", "")),
    "an exception without a text": encode(("raise", "ValueError", 5)),
    "an exception by a list": encode(("raise", ["ValueError"], "")),
    "more than the bound": b" " * (9 << 20),
}


@pytest.mark.parametrize("answer", FORGED.values(), ids=FORGED.keys())
def test_a_forged_answer_ends_the_script(child: Callable[..., Child], answer: bytes) -> None:
    said = child("judge", "", stubs=("f",)).run(
        b"try: assert f(1) == 2\nexcept Exception: pass", Hostile([answer]).carry
    )
    assert (said.status, said.reason) == ("runtime_error", "protocol")


def test_a_candidate_cannot_call_the_task_unfit(child: Callable[..., Child]) -> None:
    hostile = Hostile([b""], "runtime_error", "unplain_argument")
    assert child("judge", "", stubs=("f",)).run(b"f(1)", hostile.carry).reason == "protocol"


def test_nothing_that_the_script_compares_with_is_sent(child: Callable[..., Child]) -> None:
    reference = b'{"t":["value",{"h":0},null]}'
    hostile = Hostile([reference, reference, encode(("value", True, None))])
    script = b"x = f(1)\ntry: x - 4242\nexcept TypeError: pass\nassert x != 4242 and x.y is x and bool(x)"
    assert child("judge", "", stubs=("f",)).run(script, hostile.carry).status == "finished"
    assert hostile.asked == [
        ("call", [("reference", -1), 1], {}),
        ("get", [("reference", 0), "y"], {}),
        ("bool", [("reference", 0)], {}),
    ]


def test_a_candidate_cannot_change_an_argument_and_give_a_value(child: Callable[..., Child]) -> None:
    hostile = Hostile([encode(("value", 0, ([],))), encode(("value", None, ([],)))])
    script = b"xs = [1]\nassert f(xs) == 0 and xs == [1]\nassert f(xs) is None and xs == []"
    assert child("judge", "", stubs=("f",)).run(script, hostile.carry).status == "finished"
