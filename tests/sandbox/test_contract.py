"""What the backends of this host promise, level by level; those that need an engine are in `tests/docker`."""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from veriward.sandbox import IsolationUnavailable
from veriward.sandbox.backends import Backend
from veriward.sandbox.contract import PROMISES, REFUSED, Promise, kept_by, refusal
from veriward.sandbox.execution import Execution, Isolation
from veriward.sandbox.local import LocalSandbox

BACKENDS = {"embedded": Backend(), "none": Backend("none")}


@pytest.fixture(scope="module", params=list(BACKENDS.values()), ids=list(BACKENDS))
def backend(request: pytest.FixtureRequest) -> Iterator[LocalSandbox]:
    with LocalSandbox("L0", backend=request.param) as sandbox:
        yield sandbox


@pytest.mark.sandbox
@pytest.mark.parametrize("promise", PROMISES.values(), ids=PROMISES)
def test_a_backend_keeps_its_promises(promise: Promise, backend: LocalSandbox) -> None:
    if not promise.is_made_by(backend.isolation.level):
        pytest.skip(f"{backend.isolation.level} does not promise it")
    assert list(promise.complaints(backend)) == []


@pytest.mark.sandbox
@pytest.mark.parametrize("row", REFUSED.values(), ids=REFUSED)
def test_a_backend_refuses(row: tuple[str, Execution], backend: LocalSandbox) -> None:
    field, execution = row
    assert refusal(backend, execution) == field


@pytest.mark.sandbox
def test_a_promise_that_is_not_kept_is_noticed() -> None:
    """One that harms nobody where it isn't: the others are tried by those alone who promise them."""
    with LocalSandbox("L0", without=["seccomp"]) as sandbox:
        assert list(PROMISES["no socket can be opened"].complaints(sandbox)) != []


def test_every_level_promises_what_lower_ones_do() -> None:
    kept = [set(kept_by(Isolation(level, ()))) for level in ("L0", "L2", "L3")]
    assert all(lower < higher for lower, higher in pairwise(kept))


@pytest.mark.sandbox
def test_nothing_isolates_only_if_nothing_is_asked_for() -> None:
    with (
        pytest.raises(IsolationUnavailable, match="isolates nothing, and L2 is asked for"),
        LocalSandbox(backend=Backend("none")),
    ):
        pass


@pytest.mark.sandbox
@pytest.mark.parametrize("address", ["unix:///nowhere/docker.sock", "tcp://127.0.0.1:1"])
def test_an_engine_that_does_not_answer_is_told_with_what_to_do(address: str) -> None:
    pytest.importorskip("docker")
    with (
        pytest.raises(IsolationUnavailable, match="no container engine answers") as refused,
        LocalSandbox(backend=Backend("docker", engine=address)),
    ):
        pass
    assert address in str(refused.value)
    assert "systemctl start docker" in refused.value.remedy
