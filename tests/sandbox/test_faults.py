"""Whatever of the sandbox is killed, a run is done over, an answer is never made up, and nothing stays behind."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import psutil
import pytest

from veriward.sandbox import IsolationUnavailable
from veriward.sandbox.errors import ExecutionRefused, SandboxError
from veriward.sandbox.execution import MIB, Execution, Limits, Run, RunStatus
from veriward.sandbox.local import LocalSandbox

pytestmark = pytest.mark.sandbox

CGROUPS = ("/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids", "/sys/fs/cgroup")
SLOW = Execution("import time; time.sleep(0.4); print('done')")


@pytest.fixture
def own_sandbox() -> Iterator[LocalSandbox]:
    with LocalSandbox() as sandbox:
        sandbox.run(Execution("print(1)"))
        yield sandbox


def keeper_of_this_process() -> psutil.Process:
    keepers = [child for child in psutil.Process().children() if child.name() == "keeper"]
    return max(keepers, key=lambda keeper: keeper.create_time())  # numbers of processes start anew at some time


def zygotes() -> list[psutil.Process]:
    """The outer one, which waits, and the inner one, which forks."""
    (outer,) = keeper_of_this_process().children()
    return [outer, *outer.children()]


def running() -> list[psutil.Process]:
    return zygotes()[1].children()


def kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def eventually(holds: Callable[[], bool], seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.01)
    return holds()


VICTIMS: dict[str, Callable[[], list[psutil.Process]]] = {
    "the zygote": lambda: zygotes()[1:],
    "the process around the zygote": lambda: zygotes()[:1],
    "the running child": lambda: running()[:1],
    "the spare children": lambda: running()[1:],
    "the keeper": lambda: [keeper_of_this_process()],
}


@pytest.mark.parametrize("victims", VICTIMS.values(), ids=VICTIMS)
def test_a_run_is_done_over(victims: Callable[[], list[psutil.Process]], own_sandbox: LocalSandbox) -> None:
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(own_sandbox.run, SLOW)
        time.sleep(0.15)
        kill(victims())
        (run,) = future.result(timeout=20)
    assert (run.status, run.stdout) == (RunStatus.FINISHED, b"done\n")


@pytest.mark.parametrize("victims", VICTIMS.values(), ids=VICTIMS)
def test_the_next_run_is_not_the_worse_for_it(
    victims: Callable[[], list[psutil.Process]], own_sandbox: LocalSandbox
) -> None:
    kill(victims())
    for _ in range(3):
        assert own_sandbox.run(Execution("print(2)"))[0].stdout == b"2\n"


def test_a_child_that_is_always_killed_is_our_error_and_no_verdict(own_sandbox: LocalSandbox) -> None:
    over = threading.Event()

    def kill_on() -> None:
        while not over.wait(0.05):
            kill(running())

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(kill_on)
        with pytest.raises(SandboxError):
            own_sandbox.run(Execution("import time; time.sleep(5)"))
        over.set()
        future.result(timeout=5)
    assert own_sandbox.run(Execution("print(2)"))[0].stdout == b"2\n"


@contextmanager
def another_process_with_a_sandbox(code: str) -> Iterator[subprocess.Popen[bytes]]:
    script = f"""
        from veriward.sandbox.execution import Execution
        from veriward.sandbox.local import LocalSandbox
        with LocalSandbox() as sandbox:
            print("ready", flush=True)
            sandbox.run(Execution({code!r}))
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    yield process
    process.stdout.close()
    process.wait()


def slots_of(keeper: psutil.Process) -> list[str]:
    return [
        f"{root}/{name}"
        for root in CGROUPS
        if os.path.isdir(root)
        for name in os.listdir(root)
        if name.startswith(f"veriward-{keeper.pid}-")
    ]


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "told to end"])
def test_nothing_outlives_its_owner(signal_number: int) -> None:
    program = "import os, time\nos.fork(); os.setsid() if os.getpid() > 1 else None\ntime.sleep(60)"
    with another_process_with_a_sandbox(program) as owner:
        time.sleep(0.2)
        (keeper,) = psutil.Process(owner.pid).children()
        family = keeper.children(recursive=True)
        assert len(family) >= 4
        os.kill(owner.pid, signal_number)
        assert eventually(lambda: not any(process.is_running() for process in (keeper, *family)))
        assert slots_of(keeper) == []


def test_a_dead_keepers_slots_are_removed_by_the_next() -> None:
    with another_process_with_a_sandbox("import time; time.sleep(60)") as owner:
        (keeper,) = psutil.Process(owner.pid).children()
        family = keeper.children(recursive=True)
        os.kill(owner.pid, signal.SIGSTOP)
        keeper.kill()
        os.kill(owner.pid, signal.SIGKILL)
        assert eventually(lambda: not any(process.is_running() for process in family))
    with LocalSandbox():
        assert slots_of(keeper) == []


REFUSED = {
    "code over the bound": ("code", Execution("#" * (1 * MIB + 1))),
    "an unknown language": ("language", Execution("", language="cobol")),
    "a file outside the box": ("files", Execution("", files={"../x": b""})),
    "more time than the maximum": ("limits.cpu_seconds", Execution("", limits=Limits(cpu_seconds=61))),
}


@pytest.mark.parametrize("row", REFUSED.values(), ids=REFUSED)
def test_what_is_out_of_bounds_is_refused_by_name(row: tuple[str, Execution], own_sandbox: LocalSandbox) -> None:
    field, execution = row
    with pytest.raises(ExecutionRefused) as refused:
        own_sandbox.run(execution)
    assert refused.value.field == field
    assert own_sandbox.run(Execution("print(2)"))[0].stdout == b"2\n"


def test_a_sandbox_that_is_not_open_says_so() -> None:
    with pytest.raises(SandboxError, match="not open"):
        LocalSandbox().run(Execution(""))


def test_a_level_that_no_host_gives_is_unavailable() -> None:
    with pytest.raises(IsolationUnavailable) as refused, LocalSandbox("L4"):
        pass
    assert refused.value.remedy


def test_a_run_of_many_inputs_goes_on_after_each_that_dies(own_sandbox: LocalSandbox) -> None:
    code = "n = int(input())\nif n % 5 == 3: __import__('os')._exit(7)\nprint(n)"
    runs: list[Run] = own_sandbox.run(Execution(code, inputs=tuple(str(n).encode() for n in range(20))))
    assert [run.stdout for run in runs] == [b"" if n % 5 == 3 else b"%d\n" % n for n in range(20)]
    assert {run.exit_code for run in runs} == {0, 7}
