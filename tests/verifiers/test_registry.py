"""Verifiers are found by scanning and by entry point; names are module paths; scanning is cheap."""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from veriward.verifiers import Verdict, Verifier, verifiers
from veriward.verifiers.registry import DuplicateVerifier, Task, verifier

PREFIX = "veriward.verifiers."
BY_NAME = [pytest.param(found, id=name) for name, found in verifiers().items() if found.module.startswith(PREFIX)]

OUTSIDE = """
from veriward.verifiers import Task, Verdict, correct, verifier

class EchoTask(Task):
    answer: str

@verifier("{name}", version=3, task=EchoTask)
def echo(response: str, task: EchoTask, sandbox: object, /) -> Verdict:
    '''Take the answer itself.'''
    return correct(response)
"""


@pytest.mark.parametrize("found", BY_NAME)
def test_its_name_is_its_modules_path(found: Verifier) -> None:
    """Either the module is named so, or the package is, and gives out the function of its main module."""
    path = PREFIX + found.name
    if found.module != path:
        assert found.module.rpartition(".")[0] == path
        assert getattr(import_module(path), found.function.__name__) is found.function


@pytest.mark.parametrize("found", BY_NAME)
def test_it_describes_itself_in_one_line_and_more(found: Verifier) -> None:
    assert 20 <= len(found.summary) <= 140
    assert found.summary.endswith(".")
    assert found.version >= 1


def test_the_names_of_the_contract_are_there() -> None:
    assert {"choice", "code", "math", "math.dapo", "math.gsm8k", "sql"} <= verifiers().keys()


def test_names_are_sorted() -> None:
    assert list(verifiers()) == sorted(verifiers())


def test_two_modules_of_one_name_raise() -> None:
    class AnyTask(Task):
        pass

    def choice(response: str, task: AnyTask, sandbox: object, /) -> Verdict:
        raise NotImplementedError

    with pytest.raises(DuplicateVerifier, match=r"'choice' is declared by veriward\.verifiers\.choice"):
        verifier("choice", version=1, task=AnyTask)(choice)


def test_a_module_read_twice_is_no_duplicate() -> None:
    found = verifiers()["choice"]
    declare = verifier("choice", version=found.version, task=found.task)
    assert declare(found.function) is found.function


def in_a_fresh_process(program: str, *, path: Path | None = None) -> str:
    environment = {**os.environ, "PYTHONPATH": str(path)} if path else dict(os.environ)
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, env=environment, check=False
    )
    return ended.stdout + ended.stderr


def test_scanning_imports_nothing_heavy() -> None:
    heavy = ("sympy", "math_verify", "sqlglot", "torch", "numpy", "fastapi", "httpx", "redis", "docker")
    program = f"""
import sys
from veriward.verifiers import verifiers
assert verifiers()
print([name for name in {heavy} if name in sys.modules])
"""
    assert in_a_fresh_process(program).strip() == "[]"


def install(root: Path, name: str, wire_name: str) -> None:
    """A distribution as an installer leaves it: a module, and its metadata with one entry point."""
    (root / f"{name}.py").write_text(OUTSIDE.format(name=wire_name))
    metadata = root / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[veriward.verifiers]\necho = {name}\n")


def test_an_outside_package_comes_in_by_entry_point(tmp_path: Path) -> None:
    install(tmp_path, "acme_echo", "acme.echo")
    program = """
from veriward.verifiers import verifiers
found = verifiers()["acme.echo"]
print(found.version, found.module, found.summary)
"""
    assert in_a_fresh_process(program, path=tmp_path).strip() == "3 acme_echo Take the answer itself."


def test_an_outside_package_can_not_take_a_known_name(tmp_path: Path) -> None:
    install(tmp_path, "acme_echo", "choice")
    told = in_a_fresh_process("from veriward.verifiers import verifiers; verifiers()", path=tmp_path)
    assert "DuplicateVerifier: 'choice' is declared by veriward.verifiers.choice" in told


def test_a_module_that_declares_nothing_is_passed_over() -> None:
    silent = import_module("veriward.verifiers.answers")
    assert isinstance(silent, ModuleType)
    assert silent.__name__ not in {found.module for found in verifiers().values()}
