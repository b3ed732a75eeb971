"""The docker backend against a real engine: its promises, the corpus, its errors, and that it leaves nothing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from veriward.sandbox import Execution, IsolationUnavailable
from veriward.sandbox.backends import Backend
from veriward.sandbox.contract import PROMISES, REFUSED, Promise, broken, refusal
from veriward.sandbox.local import LocalSandbox

# The first test may have to make a root file system.
pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

# Of what is promised, what a container for each run could do otherwise; it takes half a second each.
PER_RUN = (
    "what a program prints is told to the byte",
    "every input finds the globals fresh",
    "a judge's script finds the function right",
    "memory is bounded together",
    "nothing of one run is left for the next",
    "it sees no network",
)
DEADLINE_SECONDS = 60


@pytest.fixture(scope="module")
def backend(engine: Any) -> Backend:
    return Backend("docker", engine=engine.address)


@pytest.fixture(scope="module")
def warm(backend: Backend) -> Iterator[LocalSandbox]:
    with LocalSandbox("L3", backend=backend) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def per_run(backend: Backend) -> Iterator[LocalSandbox]:
    with LocalSandbox("L3", backend=replace(backend, per_run=True)) as sandbox:
        yield sandbox


@pytest.mark.parametrize("promise", PROMISES.values(), ids=PROMISES)
def test_a_warm_container_keeps_its_promises(promise: Promise, warm: LocalSandbox) -> None:
    assert list(promise.complaints(warm)) == []


@pytest.mark.parametrize("row", REFUSED.values(), ids=REFUSED)
def test_a_warm_container_refuses(row: tuple[str, Execution], warm: LocalSandbox) -> None:
    field, execution = row
    assert refusal(warm, execution) == field


@pytest.mark.parametrize("sentence", PER_RUN)
def test_a_container_for_each_run_keeps_its_promises(sentence: str, per_run: LocalSandbox) -> None:
    assert list(PROMISES[sentence].complaints(per_run)) == []


def test_results_say_who_isolated(warm: LocalSandbox, capsys: pytest.CaptureFixture[str]) -> None:
    (run,) = warm.run(Execution("print(1)"))
    assert run.isolation == warm.isolation
    assert (run.isolation.level, run.isolation.backend) == ("L3", "docker")
    with capsys.disabled():
        print(f"\n  docker, warm: level {run.isolation.level}: {', '.join(run.isolation.layers)}")


def test_attacks_and_honest_programs_get_their_verdicts(
    warm: LocalSandbox, attacks: list[Any], honest_programs: list[Any]
) -> None:
    """Of the corpus, all that do not wait for a clock to end them."""
    told = [entry for entry in (*attacks, *honest_programs) if not entry.is_slow]
    entries = [entry for entry in told if not entry.obstacle(warm.isolation)]
    complaints = [
        f"{entry.name}: {complaint}" for entry in entries for complaint in entry.complaints(entry.perform(warm))
    ]
    assert complaints == []
    assert len(entries) > 100


def test_what_a_container_may_do(warm: LocalSandbox, engine: Any) -> None:
    (container,) = [one for one in engine.containers() if _field(engine, one, "{{.State.Running}}") == "true"][:1]
    fields = {
        "{{.HostConfig.NetworkMode}}": "none",
        "{{.HostConfig.ReadonlyRootfs}}": "true",
        "{{.HostConfig.CapDrop}}": "[ALL]",
        "{{.HostConfig.Privileged}}": "false",
        "{{.HostConfig.CapAdd}}": "[]",
        "{{.Config.User}}": "65534:65534",
        "{{.HostConfig.Binds}}": "[]",
        "{{.HostConfig.LogConfig.Type}}": "none",
    }
    assert {field: _field(engine, container, field) for field in fields} == fields
    assert "no-new-privileges" in _field(engine, container, "{{.HostConfig.SecurityOpt}}")


ERRORS = {
    "an image that is not there": (
        {"image": "veriward-nowhere"},
        ["no image 'veriward-nowhere'", "docker pull veriward-nowhere"],
    ),
    "a runtime that there is none of": ({"runtime": "kata"}, ["no runtime 'kata'", "runc"]),
    "a runtime that starts nothing": ({"runtime": "broken"}, ["could not start a container"]),
}


@pytest.mark.parametrize("row", ERRORS.values(), ids=ERRORS)
def test_what_is_missing_is_told_with_what_to_do(row: tuple[dict[str, str], list[str]], backend: Backend) -> None:
    fields, texts = row
    with (
        pytest.raises(IsolationUnavailable) as refused,
        LocalSandbox("L0", backend=replace(backend, **fields)),  # type: ignore[arg-type]
    ):
        pass
    assert [text for text in texts if text not in str(refused.value)] == []


def test_the_hosts_kernel_under_another_name_is_no_kernel_of_its_own(backend: Backend) -> None:
    with LocalSandbox(backend=replace(backend, runtime="disguised")) as sandbox:
        (run,) = sandbox.run(Execution("import os; print(os.uname().release)"))
    assert run.stdout.decode().strip() != os.uname().release
    assert (run.isolation.level, run.isolation.backend) == ("L3", "docker+disguised")


# Owns a sandbox whose program runs on, and says so.
OWNER = """
import sys
from veriward.sandbox import Execution, Limits
from veriward.sandbox.backends import Backend
from veriward.sandbox.local import LocalSandbox
with LocalSandbox(backend=Backend("docker", engine=sys.argv[1], per_run=sys.argv[2] == "per_run")) as sandbox:
    sandbox.run(Execution("print(1)"))
    print("running", flush=True)
    sandbox.run(Execution("import time; time.sleep(100)", limits=Limits(wall_seconds=100)))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "told to end"])
@pytest.mark.parametrize("way", ["warm", "per_run"])
def test_nothing_outlives_its_owner(number: int, way: str, engine: Any) -> None:
    before = set(engine.containers())
    with subprocess.Popen([sys.executable, "-c", OWNER, engine.address, way], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"running\n"
        assert set(engine.containers()) - before
        owner.send_signal(number)
    _until(lambda: set(engine.containers()) <= before)


def test_a_keeper_that_is_killed_leaves_no_container_and_is_replaced(backend: Backend, engine: Any) -> None:
    before = set(engine.containers())
    with LocalSandbox(backend=backend) as sandbox:
        assert sandbox._process is not None
        os.kill(sandbox._process.pid, signal.SIGKILL)
        (run,) = sandbox.run(Execution("print(2)"))
        assert run.stdout == b"2\n"
    _until(lambda: set(engine.containers()) <= before)


def test_a_container_that_is_killed_is_replaced(backend: Backend, engine: Any) -> None:
    before = set(engine.containers())
    with LocalSandbox(backend=backend) as sandbox:
        for container in set(engine.containers()) - before:
            engine.docker("kill", container)
        (run,) = sandbox.run(Execution("print(3)"))
        assert run.stdout == b"3\n"


def test_the_next_start_removes_what_a_dead_owner_left(backend: Backend, engine: Any) -> None:
    """As after the death of an engine, which then could not remove it; what belongs to others stays."""
    from veriward.sandbox.docker_engine import HOST_LABEL, OWNER_LABEL
    from veriward.sandbox.docker_keeper import own_names

    owner, host = own_names()
    labels = {"dead": (f"{2**22 + 1}:1", host), "alive": (owner, host), "elsewhere": (f"{2**22 + 1}:1", "another/host")}
    made = {}
    for name, (of, at) in labels.items():
        options = ("--label", f"{OWNER_LABEL}={of}", "--label", f"{HOST_LABEL}={at}", "--network", "none")
        made[name] = engine.docker("create", *options, backend.image, "true").stdout.strip()
    try:
        with LocalSandbox(backend=backend):
            left = {name for name, identity in made.items() if identity in engine.containers()}
        assert left == {"alive", "elsewhere"}
    finally:
        engine.docker("rm", "--force", *made.values(), check=False)


def test_every_promise_of_a_level_is_looked_at(warm: LocalSandbox) -> None:
    assert broken(warm, replace(warm.isolation, level="L0")) == []


def _field(engine: Any, container: str, template: str) -> str:
    told: str = engine.docker("inspect", "--format", template, container).stdout.strip()
    return told


def _until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)
