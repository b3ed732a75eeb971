"""One real sandbox for the session, and a short way to run a program in it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from veriward.sandbox.execution import Execution, Run
from veriward.sandbox.local import LocalSandbox

RunOne = Callable[..., Run]


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
