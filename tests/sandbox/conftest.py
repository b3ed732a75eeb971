"""A real sandbox for the session, a short way to run a program in it, and the corpus: programs with verdicts."""

import fnmatch
import os
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from veriward.sandbox.execution import Execution, Isolation, Limits, Run
from veriward.sandbox.local import LocalSandbox

RunOne = Callable[..., Run]
HERE = Path(__file__).parent
_KEYS = {
    "why",
    "verdicts",
    "stdout",
    "stdout_hex",
    "contains",
    "lacks",
    "lacks_our_namespaces",
    "result",
    "mode",
    "entry",
}
_KEYS |= {"stubs", "inputs", "executions", "limits", "runs", "layers", "machines", "fails_without", "total_cpu_seconds"}
_RUN_KEYS = {"input", "verdicts", "stdout", "contains"}


@dataclass(frozen=True)
class Entry:
    """A folder of the corpus: `corpus/README.md` tells what may stand in it."""

    name: str
    execution: Execution
    expected: dict[str, Any]

    @property
    def is_slow(self) -> bool:
        """Ended by a clock, so that it takes as long as its limit."""
        return any(verdict.startswith("time_limit") for run in self._runs() for verdict in run["verdicts"])

    @property
    def fails_without(self) -> list[str]:
        return list(self.expected.get("fails_without", ()))

    def obstacle(self, isolation: Isolation) -> str:
        """Why it can't be run here; empty if it can."""
        missing = set(self.expected.get("layers", ())) - set(isolation.layers)
        if missing:
            return f"needs {', '.join(sorted(missing))}"
        machines = self.expected.get("machines", [os.uname().machine])
        return "" if os.uname().machine in machines else f"is for {', '.join(machines)}"

    def perform(self, sandbox: LocalSandbox) -> list[Run]:
        return [run for _ in range(self.expected.get("executions", 1)) for run in sandbox.run(self.execution)]

    def verdicts(self, runs: list[Run]) -> tuple[str, ...]:
        """What was told, as far as the entry says that it must be so."""
        told = []
        for run, expected in zip(runs, self._runs(), strict=True):
            pattern = [one for one in expected["verdicts"] if fnmatch.fnmatch(_verdict(run), one)]
            told.append(pattern[0] if pattern else _verdict(run))
        return tuple(told)

    def complaints(self, runs: list[Run]) -> list[str]:
        """What is not as it must be."""
        if len(runs) != len(self._runs()):
            return [f"{len(runs)} runs, {len(self._runs())} expected"]
        return [
            f"run {at}: {complaint}: {run}"
            for at, (run, expected) in enumerate(zip(runs, self._runs(), strict=True))
            for complaint in self._complaints(run, expected)
        ]

    def _complaints(self, run: Run, expected: dict[str, Any]) -> Iterator[str]:
        if not any(fnmatch.fnmatch(_verdict(run), pattern) for pattern in expected["verdicts"]):
            yield f"{_verdict(run)} is none of {expected['verdicts']}"
        exact = bytes.fromhex(expected["stdout_hex"]) if "stdout_hex" in expected else None
        exact = expected["stdout"].encode() if "stdout" in expected else exact
        if exact is not None and run.stdout != exact:
            yield f"{run.stdout[:200]!r} is not the output {exact!r}"
        if "result" in expected and run.result != expected["result"].encode():
            yield f"{run.result!r} is not the value {expected['result']!r}"
        told = run.stdout + run.stderr
        lacks = [text.encode() for text in expected.get("lacks", ())]
        if expected.get("lacks_our_namespaces"):
            lacks += [os.readlink(f"/proc/self/ns/{name}").encode() for name in os.listdir("/proc/self/ns")]
        yield from (f"{text!r} is in the output" for text in lacks if text in told)
        yield from (f"{text!r} is not in it" for text in expected.get("contains", ()) if text.encode() not in told)

    def _runs(self) -> list[dict[str, Any]]:
        """What is expected of each run of each execution."""
        common = {key: value for key, value in self.expected.items() if key != "runs"}
        own = self.expected.get("runs") or [{}] * len(self.execution.inputs)
        executions: int = self.expected.get("executions", 1)
        return [common | run for run in own] * executions


def _verdict(run: Run) -> str:
    return f"{run.status}/{run.reason}" if run.reason else str(run.status)


def read_entry(folder: Path) -> Entry:
    expected = tomllib.loads((folder / "expect.toml").read_text())
    unknown = set(expected) - _KEYS | {key for run in expected.get("runs", ()) for key in set(run) - _RUN_KEYS}
    assert not unknown, f"{folder.name}/expect.toml: what is {', '.join(sorted(unknown))}?"
    assert expected["why"].endswith("."), f"{folder.name}/expect.toml: `why` is one sentence"
    if "runs" in expected:
        inputs = [run["input"] for run in expected["runs"]]
    else:
        given = folder / "input"
        inputs = expected.get("inputs") or [given.read_text() if given.exists() else ""]
    judge = folder / "judge.py"
    return Entry(
        folder.name,
        Execution(
            code=(folder / "program.py").read_text(),
            mode="judged" if judge.exists() else expected.get("mode", "stdin"),
            inputs=(judge.read_bytes(),) if judge.exists() else tuple(text.encode() for text in inputs),
            entry=expected.get("entry", ""),
            stubs=tuple(expected.get("stubs", ())),
            limits=Limits(**expected.get("limits", {})),
            total_cpu_seconds=expected.get("total_cpu_seconds", 0.0),
        ),
        expected,
    )


def read_entries(folder: str) -> list[Entry]:
    return [read_entry(path.parent) for path in sorted((HERE / folder).glob("*/expect.toml"))]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for argument, folder in {"attack": "corpus", "honest_program": "honest"}.items():
        if argument in metafunc.fixturenames:
            entries = read_entries(folder)
            metafunc.parametrize(argument, entries, ids=[entry.name for entry in entries])


@pytest.fixture(scope="session")
def attacks() -> list[Entry]:
    return read_entries("corpus")


@pytest.fixture(scope="session")
def honest_programs() -> list[Entry]:
    return read_entries("honest")


@pytest.fixture(scope="session")
def sandbox() -> Iterator[LocalSandbox]:
    with LocalSandbox() as sandbox:
        yield sandbox


@pytest.fixture
def run_one(sandbox: LocalSandbox) -> RunOne:
    """`run_one(code, stdin=b"", **fields of Execution)`."""

    def run_one(code: str, stdin: bytes = b"", **fields: Any) -> Run:
        (run,) = sandbox.run(Execution(code, inputs=(stdin,), **fields))
        return run

    return run_one


@pytest.fixture(scope="session")
def found(sandbox: LocalSandbox) -> dict[str, str]:
    """The languages here, by name, with their versions."""
    return sandbox.languages()


@pytest.fixture
def needs(found: dict[str, str]) -> Callable[[str], None]:
    """`needs(language)` skips the test by name where the language is missing; CI promises all, so there it fails."""

    def needs(language: str) -> None:
        if language not in found:
            complaint = f"{language} is not installed"
            pytest.fail(complaint) if os.environ.get("CI") == "true" else pytest.skip(complaint)

    return needs


@pytest.fixture
def run_in(needs: Callable[[str], None], run_one: RunOne) -> RunOne:
    """`run_in(language, code, stdin=b"", **fields of Execution)`."""

    def run_in(language: str, code: str, stdin: bytes = b"", **fields: Any) -> Run:
        needs(language)
        return run_one(code, stdin, language=language, **fields)

    return run_in
