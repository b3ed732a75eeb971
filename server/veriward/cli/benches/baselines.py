"""What others pay for the same work, measured in the same run: the kernel's fork, plain `subprocess`, math-verify."""

import subprocess
import sys

from veriward.cli.benches import samples
from veriward.cli.benches.cpu import cpu_per_call
from veriward.cli.benches.session import Figure, Session

FORKS = """
import os, resource, sys
import bisect, collections, copy, datetime, decimal, fractions, functools, heapq, itertools, json, math, operator
import random, re, string, typing
def cpu():
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
count = int(sys.argv[1])
before = cpu()
for _ in range(count):
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)
print((cpu() - before) / count)
"""
QUICK_FORKS, FULL_FORKS = 300, 2_000
WARM_CALLS = 20


def fork(session: Session) -> None:
    """The floor under any sandbox that gives each program a process of its own."""
    session.tell("bare fork, exit and wait")
    count = QUICK_FORKS if session.quick else FULL_FORKS
    command = [sys.executable, "-I", "-S", "-c", FORKS, str(count)]
    told = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    session.add(Figure("baseline.fork", float(told) * 1e3, count))


def subprocess_each(session: Session) -> None:
    """A fresh interpreter per program, with no isolation at all."""
    session.tell("plain subprocess")
    seconds, count = cpu_per_call(lambda number: _python(f"print({number})", ""), session.seconds)
    session.add(Figure("baseline.subprocess", seconds * 1e3, count))


def subprocess_20_tests(session: Session) -> None:
    """A fresh interpreter per test of one problem."""
    session.tell("plain subprocess, 20 tests")
    tests = samples.stdin_tests(20)

    def problem(number: int) -> None:
        for stdin, stdout in tests:
            told = _python(f"{samples.SUM_AND_MAX}\n# {number}", stdin)
            assert told == stdout

    seconds, count = cpu_per_call(problem, session.seconds)
    session.add(Figure("baseline.subprocess20", seconds * 1e3, count))


def math_verify(session: Session, kind: str) -> None:
    """Both sides parsed and compared, warm, every input distinct."""
    from math_verify import parse, verify

    session.tell(f"math-verify, {kind}")
    pairs = samples.math_pairs(kind)

    def judge(_: int) -> bool:
        answer, response = next(pairs)
        return bool(verify(parse(f"\\boxed{{{answer}}}"), parse(response)))

    cpu_per_call(judge, session.seconds, at_most=WARM_CALLS)
    seconds, count = cpu_per_call(judge, session.seconds)
    session.add(Figure(f"baseline.math_verify.{kind}", seconds * 1e6, count))


def _python(code: str, stdin: str) -> str:
    command = [sys.executable, "-I", "-S", "-c", code]
    return subprocess.run(command, input=stdin, capture_output=True, check=True, text=True).stdout
