"""A program in the child: what it prints, how it ends, and what it leaves to the next run."""

from collections.abc import Callable
from typing import Any

import pytest

from veriward.sandbox import runner

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
    child: Callable[..., Any], code: str, given: bytes, end: tuple[str, str, int], output: bytes
) -> None:
    said = child("stdin", code).run(given)
    assert (said.status, said.reason, said.exit_code) == end
    assert said.stdout == output


def test_a_traceback_shows_the_program_alone(child: Callable[..., Any]) -> None:
    said = child("stdin", "def f():\n    return missing\nf()").run()
    frames = [line for line in said.stderr.splitlines() if line.startswith(b"  File")]
    assert frames == [b'  File "<program>", line 3, in <module>', b'  File "<program>", line 2, in f']
    assert said.stderr.endswith(b"NameError: name 'missing' is not defined\n")


def test_a_text_as_exit_code_goes_to_stderr(child: Callable[..., Any]) -> None:
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
def test_the_next_run_does_not_see(child: Callable[..., Any], code: str) -> None:
    begun = child("stdin", code)
    first, second = begun.run(b"abc"), begun.run(b"abc")
    assert first.stdout
    assert second == first


def test_a_run_that_ends_the_process_says_nothing(child: Callable[..., Any]) -> None:
    said = child("stdin", "import os\nprint(1, flush=True)\nos._exit(0)").run()
    assert (said.status, said.stdout) == ("gone", b"1\n")
