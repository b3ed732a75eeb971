"""Real programs in the real sandbox: the idioms of honest ones, and hostile ones that need more than a case."""

from hashlib import sha256
from typing import Any

import pytest

from veriward.sandbox.execution import Sandbox
from veriward.verifiers import InvalidTask, Verdict, verifiers
from veriward.verifiers.judging import judge, parse_task
from veriward.wire.outcomes import Outcome

pytestmark = pytest.mark.sandbox

SECRET = "73918264550127"


def grade(fields: dict[str, Any], program: str, sandbox: Sandbox) -> Verdict:
    verifier = verifiers()["code"]
    return judge(verifier, parse_task(verifier, fields), f"```python\n{program}\n```", sandbox)


def stdin(*tests: tuple[str, str], **fields: Any) -> dict[str, Any]:
    return {"kind": "stdin", "tests": [{"input": given, "output": output} for given, output in tests], **fields}


def call(value: Any, *arguments: Any, **fields: Any) -> dict[str, Any]:
    return {"kind": "call", "fn_name": "f", "inputs": [list(arguments)] * 2, "outputs": [value] * 2, **fields}


ECHO = stdin(("1 2\n", "3"), ("5 6\n", "11"), ("-1 1\n", "0"))
BIG = "".join(f"{n}\n" for n in range(20_000))

IDIOMS: dict[str, tuple[dict[str, Any], str]] = {
    "fast input by descriptor": (
        ECHO,
        "import os\ndata = os.read(0, os.fstat(0).st_size).split()\nos.write(1, str(sum(map(int, data))).encode())",
    ),
    "fast input and output by BytesIO and an exit function": (
        ECHO,
        "import atexit, io, sys\nbuffer = io.BytesIO()\nsys.stdout = io.TextIOWrapper(buffer, write_through=True)\n"
        "@atexit.register\ndef flush(): sys.__stdout__.buffer.write(buffer.getvalue())\n"
        "input = iter(sys.stdin.buffer.read().decode().splitlines()).__next__\nprint(sum(map(int, input().split())))",
    ),
    "the solution in a thread with a large stack": (
        ECHO,
        "import sys, threading\nsys.setrecursionlimit(10**6)\nthreading.stack_size(1 << 26)\n"
        "def deep(n): return n and deep(n - 1)\n"
        "def main(): deep(20000); print(sum(map(int, input().split())))\nthreading.Thread(target=main).start()",
    ),
    "an end by os._exit after flushing": (
        ECHO,
        "import os, sys\nprint(sum(map(int, input().split())))\nsys.stdout.flush()\nos._exit(0)",
    ),
    "a data class and a type alias of its own": (
        ECHO,
        "from dataclasses import dataclass\n@dataclass(order=True)\nclass P:\n    x: int\n    y: int\n"
        "print((lambda p: p.x + p.y)(P(*map(int, input().split()))))",
    ),
    "a helper process": (
        ECHO,
        "import subprocess, sys\nx = sum(map(int, input().split()))\n"
        "print(subprocess.run([sys.executable, '-c', f'print({x})'], capture_output=True, text=True).stdout)",
    ),
    "a file of its own": (ECHO, "open('x', 'w').write(input())\nprint(sum(map(int, open('x').read().split())))"),
    "much input, much output": (stdin((BIG, BIG)), "import sys\nfor line in sys.stdin: print(line, end='')"),
    "several calls at once": (call([0, 1], 2), "from functools import cache\n@cache\ndef f(n): return list(range(n))"),
}


@pytest.mark.parametrize(("fields", "program"), IDIOMS.values(), ids=IDIOMS.keys())
def test_an_honest_program_is_right(fields: dict[str, Any], program: str, sandbox: Sandbox) -> None:
    verdict = grade(fields, program, sandbox)
    assert (verdict.outcome, verdict.reason) == (Outcome.CORRECT, "")
    assert verdict.isolation is not None


# It knows how the secret begins and what its hash is, so that nothing of its own is what it looks for.
SCAN = f"""
import gc, hashlib, sys

def secret_in(text):
    at = text.find(b"{SECRET[:5]}")
    while at >= 0:
        piece = text[at : at + {len(SECRET)}]
        if hashlib.sha256(piece).hexdigest() == "{sha256(SECRET.encode()).hexdigest()}":
            return piece.decode()
        at = text.find(b"{SECRET[:5]}", at + 1)

def in_memory():
    for line in open("/proc/self/maps"):
        start, end = (int(bound, 16) for bound in line.split()[0].split("-"))
        with open("/proc/self/mem", "rb", 0) as memory:
            try:
                memory.seek(start)
                found = secret_in(memory.read(end - start))
            except (OSError, ValueError, OverflowError):
                continue
        if found:
            return found

def in_objects():
    seen, todo = set(), [sys._getframe(), sys.modules, *gc.get_objects()]
    while todo:
        thing = todo.pop()
        if id(thing) in seen or thing is seen or thing is todo:
            continue
        seen.add(id(thing))
        if type(thing) in (int, str, bytes):
            found = secret_in(thing if type(thing) is bytes else str(thing).encode("utf-8", "replace"))
            if found:
                return found
        todo += gc.get_referents(thing)
"""
LOOK = SCAN + "def f(x): return in_objects() or in_memory() or 0"

PLANTED: dict[str, tuple[dict[str, Any], str]] = {
    "stdin": (stdin(("1", SECRET), ("2", SECRET)), SCAN + "print(in_objects() or in_memory())"),
    "call": (call(SECRET, 1), LOOK),
    "assert": ({"kind": "assert", "tests": [f"x = '{SECRET}'\nassert f(1) == x"] * 2}, LOOK),
    "assert, with a solution in its setup": (
        {"kind": "assert", "tests": ["assert f(1) == g(1)"] * 2, "setup": f"def g(x): return '{SECRET}'"},
        LOOK,
    ),
    "check": (
        {"kind": "check", "entry_point": "f", "test_code": f"def check(c):\n    assert c(1) == '{SECRET}'"},
        LOOK,
    ),
}


@pytest.mark.parametrize(("fields", "program"), PLANTED.values(), ids=PLANTED.keys())
def test_what_is_expected_lies_nowhere_in_the_programs_process(
    fields: dict[str, Any], program: str, sandbox: Sandbox
) -> None:
    verdict = grade(fields, program, sandbox)
    assert (verdict.outcome, verdict.reward) == (Outcome.WRONG, 0.0)
    assert "wrong" in verdict.reason or "assertion" in verdict.reason, verdict.reason


@pytest.mark.parametrize("look", ["in_objects", "in_memory"])
def test_the_scan_finds_what_the_program_is_given(look: str, sandbox: Sandbox) -> None:
    fields = {"kind": "call", "fn_name": "f", "inputs": [[SECRET]], "outputs": [SECRET]}
    assert grade(fields, SCAN + f"def f(x): return {look}()", sandbox).outcome is Outcome.CORRECT


HOSTILE: dict[str, tuple[dict[str, Any], str, str]] = {
    "leaving in a call": (call(1, 1), "import sys\ndef f(x): sys.exit(0)", "runtime_error (early_exit)"),
    "ending in a call": (call(1, 1), "import os\ndef f(x): os._exit(0)", "runtime_error (early_exit)"),
    "ending from a thread": (
        call(1, 1),
        "import os, threading\nthreading.Thread(target=os._exit, args=(0,)).start()\ndef f(x):\n while 1: pass",
        "runtime_error (early_exit)",
    ),
    "an interrupt": (call(1, 1), "def f(x): raise KeyboardInterrupt", "runtime_error (exception): 'KeyboardInterrupt'"),
    "NaN": (call(1.0, 1), "def f(x): return float('nan')", 'wrong value: \'{"n":"nan"}\''),
    "an integer of 10,000 digits": (call(1, 1), "def f(x): return 10**10000", "wrong value"),
    "an integer of 100,000 digits": (call(1, 1), "def f(x): return 10**100000", "runtime_error (unserialisable)"),
    "a nest of ten million": (
        call(1, 1),
        "def f(x):\n x = []\n for _ in range(10**7): x = [x]\n return x",
        "",
    ),
    "a lazy value": (call([1], 1), "def f(x): return map(int, '1')", "runtime_error (unserialisable)"),
    "a crash": (
        call(1, 1),
        "import ctypes\ndef f(x): ctypes.string_at(0)",
        "runtime_error (SIGSEGV)",
    ),
    "a result of hundred megabytes": (call("x", 1), "def f(x): return 'x' * 10**8", "runtime_error (unserialisable)"),
    "a forged result past the bound": (
        call("x", 1),
        "import os\ndef f(x):\n for n in range(3, 30):\n"
        "  try: os.ftruncate(n, 1 << 23 | 1)\n  except OSError: pass\n os._exit(0)",
        "runtime_error",
    ),
    "a forged end before a result": (
        call(1, 1, limits={"cpu_seconds": 0.5}),
        "import os\ndef f(x):\n for n in range(3, 30):\n"
        '  try: os.write(n, b\'D{"index": 0, "status": "finished", "reason": "", "exit_code": 0}\')\n'
        "  except OSError: pass\n while 1: pass",
        "",
    ),
    "the input of the next test, written over": (
        stdin(("1", "1"), ("2", "1"), ("2", "1")),
        "import os, fcntl\nprint(input())\ntry: os.pwrite(0, b'1', 0)\nexcept OSError: pass",
        "test 2 of 3: wrong output: '2\\n'",
    ),
    "closed descriptors": (
        ECHO,
        "import os\nprint(3)\nfor n in range(64):\n try: os.close(n)\n except OSError: pass",
        "",
    ),
    "no end": (stdin(("", "x"), limits={"cpu_seconds": 0.5}), "while True: pass", "time_limit (cpu)"),
    "sleep": (stdin(("", "x"), limits={"wall_seconds": 0.3}), "import time\ntime.sleep(60)", "time_limit (wall)"),
    "a compiler's bomb": (stdin(("", "x")), "x = " + "-" * 200_000 + "1", ""),
}


@pytest.mark.parametrize(("fields", "program", "reason"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_program_earns_nothing(fields: dict[str, Any], program: str, reason: str, sandbox: Sandbox) -> None:
    verdict = grade(fields, program, sandbox)
    assert (verdict.outcome, verdict.reward) == (Outcome.WRONG, 0.0)
    assert reason in verdict.reason
    assert grade(ECHO, "print(sum(map(int, input().split())))", sandbox).outcome is Outcome.CORRECT


def test_a_chance_is_the_same_each_time(sandbox: Sandbox) -> None:
    program = "import random\nprint(random.random(), hash('a'), list({'x', 'y', 'z'}))"
    fields = stdin(("", "?"))
    assert grade(fields, program, sandbox).reason == grade(fields, program, sandbox).reason


def test_a_program_cannot_make_its_task_invalid(sandbox: Sandbox) -> None:
    fields = {"kind": "assert", "tests": ["g = f(1)\ng(lambda: 1)\nassert g == 1"]}
    assert grade(fields, "def f(x): return f", sandbox).outcome is Outcome.WRONG
    with pytest.raises(InvalidTask):
        grade({"kind": "assert", "tests": ["assert f(lambda: 1)"]}, "def f(x): return 1", sandbox)


def test_a_tests_failure_ends_only_itself(sandbox: Sandbox) -> None:
    program = "import os\nx = input()\nif x == '2': os._exit(3)\nprint(x)"
    fields = stdin(*((str(n), str(n)) for n in range(1, 5)), score="fraction")
    verdict = grade(fields, program, sandbox)
    assert (verdict.reward, verdict.reason) == (0.75, "test 2 of 4: runtime_error (exit_code)")
