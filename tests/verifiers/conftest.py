"""A real sandbox for the verifiers that run programs, one for the whole session."""

from collections.abc import Iterator

import pytest

from veriward.sandbox.execution import Sandbox


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    from veriward.sandbox.local import LocalSandbox

    with LocalSandbox() as sandbox:
        yield sandbox
