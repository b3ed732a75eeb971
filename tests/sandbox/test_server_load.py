"""5,000 programs through a real server, 64 in flight: each gets its own verdict, and nothing is left."""

import os
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import httpx
import psutil
import pytest

from veriward.cli.server_process import server_process

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(240)]

EXECUTIONS = 5_000
IN_FLIGHT = 64
ATTACKS = (
    "daemon_that_prints", "memory_in_one_block", "files_of_the_host", "environment",
    "walks_proc", "kills_everybody", "tcp_to_loopback", "state_for_the_next_run", "stdout_with_a_hole", "not_python",
    "forged_message_with_no_json", "exit_before_the_answer", "executes_a_shell", "segmentation_fault", "recursion",
)  # fmt: skip
HONEST = ("adds_two_numbers", "sorts_lines", "primes", "is_wrong", "fails", "writes_files")
ATTACK_SHARE = 0.2


def test_5000_executions(
    attacks: list[Any], honest_programs: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = [entry for entry in attacks if entry.name in ATTACKS]
    honest = [entry for entry in honest_programs if entry.name in HONEST]
    assert (len(hostile), len(honest)) == (len(ATTACKS), len(HONEST))
    config = tmp_path / "veriward.toml"
    config.write_text("cache_bytes = 0\n")
    with server_process(config=config) as server:
        headers = {"Authorization": f"Bearer {server.api_key}"}
        perform(server.url, headers, honest * 20 + hostile)
        before = counts(server.pid)
        chance = random.Random(20261120)
        chosen = [chance.choice(hostile if chance.random() < ATTACK_SHARE else honest) for _ in range(EXECUTIONS)]
        spent, began = cpu_seconds(server.pid), time.monotonic()
        waits = perform(server.url, headers, chosen)
        seconds, spent = time.monotonic() - began, cpu_seconds(server.pid) - spent
        waits.sort()
        with capsys.disabled():
            print(
                f"\n  {EXECUTIONS} executions, {IN_FLIGHT} in flight: {EXECUTIONS / seconds:.0f}/s, "
                f"p50 {waits[EXECUTIONS // 2] * 1e3:.0f} ms, p99 {waits[EXECUTIONS * 99 // 100] * 1e3:.0f} ms, "
                f"{spent / EXECUTIONS * 1e3:.2f} CPU ms each, everything included"
            )
        assert eventually(server.pid, before), (before, counts(server.pid))


def perform(url: str, headers: dict[str, str], entries: list[Any]) -> list[float]:
    """Each one's seconds from request to answer; asserts that the answer is as the entry says."""
    left: SimpleQueue[Any] = SimpleQueue()
    for entry in (*entries, *[None] * IN_FLIGHT):
        left.put(entry)

    def call(_: int) -> list[float]:
        waits = []
        with httpx.Client(base_url=url, headers=headers, timeout=120) as client:
            for entry in iter(left.get, None):
                execution = entry.execution
                limits = {field: getattr(execution.limits, field) for field in ("cpu_seconds", "memory_bytes")}
                run = {"code": execution.code, "stdin": execution.inputs[0].decode(), "limits": limits}
                began = time.monotonic()
                answer = client.post("/v1/execute", json={"runs": [run]})
                waits.append(time.monotonic() - began)
                assert answer.status_code == 200, answer.text
                (told,) = answer.json()["runs"]
                verdict = f"{told['status']}/{told['reason']}" if told["reason"] else told["status"]
                assert verdict in entry.expected["verdicts"], (entry.name, told)
                assert told["stdout"] == entry.expected.get("stdout", told["stdout"]), (entry.name, told)
        return waits

    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        return [wait for waits in pool.map(call, range(IN_FLIGHT)) for wait in waits]


def cpu_seconds(pid: int) -> float:
    """Of the server, its living processes, and those that they have waited for."""
    total = 0.0
    for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
        try:
            total += sum(process.cpu_times()[:4])
        except psutil.Error:
            pass  # it ended meanwhile: its parent has its time
    return total


def counts(pid: int) -> dict[str, int]:
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    keepers = [process for process in family if process.name() == "keeper"]
    owners = {str(keeper.pid) for keeper in keepers}
    slots = [path for path in Path("/sys/fs/cgroup").glob("**/veriward-*") if path.name.split("-")[1] in owners]
    kinds = Counter(process.name() for process in family)
    return {
        **{name: count for name, count in kinds.items() if name in ("keeper", "zygote")},
        "descriptors of keepers": sum(keeper.num_fds() for keeper in keepers),
        "mounts": len(Path("/proc/self/mounts").read_text().splitlines()),
        "cgroups": len(slots),
        "files": len(os.listdir("/tmp")) if os.environ.get("CI") else 0,
    }


def eventually(pid: int, wanted: dict[str, int], seconds: float = 5.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if counts(pid) == wanted:
                return True
        except psutil.Error:
            pass  # it went away while it was looked at
        time.sleep(0.1)
    return False
