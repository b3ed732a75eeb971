"""Verifiers that do what verifiers must not, for the tests of graders; found through the entry-point group."""

import ctypes
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from veriward.sandbox import Execution, Sandbox
from veriward.verifiers import InvalidTask, Task, Verdict, correct, verifier, wrong


class Nothing(Task):
    """A task without fields."""


@verifier("test.behave", version=3, task=Nothing, cpu_seconds=0.4, wall_seconds=1.5, batch=16)
def behave(response: str, task: Nothing, sandbox: Sandbox, /) -> Verdict:
    """Do what the response says."""
    word, _, rest = response.partition(" ")
    match word:
        case "right":
            return correct("right")
        case "spin":
            while True:
                pass
        case "sleep":
            time.sleep(float(rest or 60))
        case "crash":
            ctypes.string_at(0)
        case "exit":
            os._exit(0)
        case "memory":
            return correct(str(len(bytearray(8 << 30))))
        case "raise":
            raise RuntimeError("a bug of ours")
        case "invalid":
            raise InvalidTask("gold", "does not parse")
        case "nan":
            return Verdict(correct().outcome, float("nan"))
        case "surrogate":
            return correct("\ud800")
        case "escape":
            return correct(",".join(_escapes()))
    return wrong(response)


def _escapes() -> list[str]:
    """The names of what a grader could do and must not."""
    attempts: dict[str, Callable[[], object]] = {
        "read_passwd": lambda: Path("/etc/passwd").read_text(),
        "write_file": lambda: Path("/tmp/veriward-grader-was-here").write_text("x"),
        "write_cwd": lambda: Path("x").write_text("x"),
        "socket": lambda: socket.socket(),
        "fork": lambda: os.fork() or os._exit(0),
        "exec": lambda: os.execv(sys.executable, [sys.executable, "-c", "pass"]),
        "kill": lambda: os.kill(os.getpid(), 0),
        "kill_parent": lambda: os.kill(os.getppid(), 0),
        "environment_of_parent": lambda: Path(f"/proc/{os.getppid()}/environ").read_bytes(),
    }
    succeeded = []
    for name, attempt in attempts.items():
        try:
            attempt()
        except (OSError, ValueError):
            continue
        succeeded.append(name)
    return succeeded


@verifier("test.run", version=1, task=Nothing, batch=1, runs_programs=True)
def run(response: str, task: Nothing, sandbox: Sandbox, /) -> Verdict:
    """Run the response as a program; right if it prints `yes`."""
    (done,) = sandbox.run(Execution(response))
    isolation = (done.isolation.level, done.isolation.layers, done.isolation.backend)
    verdict = correct() if done.stdout.strip() == b"yes" else wrong(done.status.value)
    return Verdict(verdict.outcome, verdict.reward, extracted=verdict.extracted, isolation=isolation)
