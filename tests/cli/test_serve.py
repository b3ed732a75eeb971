"""`veriward serve` and those who start one: a real server with its workers, from exec to exit."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from typer.testing import CliRunner

from veriward.cli.exits import Exit, Stop
from veriward.cli.main import app
from veriward.cli.server_process import server_process
from veriward.client import Client

pytestmark = [pytest.mark.fleet, pytest.mark.sandbox]

SERVE = [sys.executable, "-m", "veriward.cli.main", "serve", "--port", "0"]
TASK = {"verifier": "math.gsm8k", "answer": "72"}


def wait_for(condition: Any) -> None:
    """Until it holds; the test's own timeout bounds it."""
    while not condition():
        time.sleep(0.02)


def test_a_server_of_ones_own_grades_for_its_owner_alone_and_leaves_nothing() -> None:
    with server_process("--log-level", "warning") as server:
        family = psutil.Process(server.pid).children(recursive=True)
        with Client(server.url, api_key=server.api_key) as client:
            assert client.rewards([TASK] * 2, ["#### 72", "#### 7"]) == [1.0, 0.0]
        with socket.create_connection(("127.0.0.1", server.port)) as stranger:
            stranger.sendall(b"GET /v1/verifiers HTTP/1.1\r\nHost: x\r\n\r\n")
            assert stranger.recv(100).startswith(b"HTTP/1.1 401")
        assert server.api_key not in " ".join(psutil.Process(server.pid).cmdline())
    assert family
    assert not psutil.pid_exists(server.pid)
    wait_for(lambda: not any(process.is_running() for process in family))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_signal_ends_the_server_quietly(number: signal.Signals) -> None:
    with subprocess.Popen(SERVE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = process.stdout.readline()
        assert told.startswith("Veriward at http://127.0.0.1:")
        process.send_signal(number)
        _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert "Traceback" not in errors


def test_work_in_flight_is_finished_before_the_server_ends() -> None:
    item = {
        "task": {"verifier": "code", "kind": "stdin", "tests": [{"input": "", "output": "done"}]},
        "responses": ["```python\nimport time\ntime.sleep(0.5)\nprint('done')\n```"],
    }
    body = json.dumps({"items": [item]}).encode()
    head = f"POST /v1/grade HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    with server_process() as server, socket.create_connection(("127.0.0.1", server.port)) as sock:
        sock.sendall(f"{head}Authorization: Bearer {server.api_key}\r\n\r\n".encode() + body)
        time.sleep(0.1)  # the request is read; whatever had not been would be refused as `draining`
        os.kill(server.pid, signal.SIGTERM)
        answer = b""
        while more := sock.recv(65536):
            answer += more
    assert b'"reward":1.0' in answer


def test_who_starts_a_server_and_is_killed_takes_it_along(tmp_path: Path) -> None:
    starter = (
        "import time\nfrom veriward.cli.server_process import server_process\n"
        "with server_process() as server:\n    print(server.pid, server.port, flush=True)\n    time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", starter], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid, port = map(int, process.stdout.readline().split())
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        process.kill()
    wait_for(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in family))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_a_port_that_is_taken_is_told_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(app, ["serve", "--port", port], catch_exceptions=False)
    assert result.exit_code == Exit.UNAVAILABLE
    assert f"cannot listen on 127.0.0.1 port {port}" in result.stderr
    assert "--port" in result.stderr


def test_isolation_that_the_host_has_not_is_refused_with_the_remedy() -> None:
    process = subprocess.run([*SERVE, "--min-isolation", "L4"], capture_output=True, text=True, check=False)
    assert process.returncode == Exit.ISOLATION, process.stderr
    assert "L4" in process.stderr
    assert "Traceback" not in process.stderr


def test_a_server_that_will_not_start_says_why(tmp_path: Path) -> None:
    settings = tmp_path / "bad.toml"
    settings.write_text("prot = 1\n")
    with pytest.raises(Stop, match="did you mean 'port'"), server_process(config=settings):
        pass


def test_readiness_is_told_through_the_descriptor_and_only_once() -> None:
    ours, theirs = os.pipe()
    with subprocess.Popen([*SERVE, "--ready-fd", str(theirs)], pass_fds=[theirs], stdout=subprocess.DEVNULL) as process:
        os.close(theirs)
        told = json.loads(os.read(ours, 65536))
        assert told["pid"] == process.pid
        select.select([ours], [], [])
        assert os.read(ours, 1) == b"", "the server keeps nothing open"
        process.terminate()
    os.close(ours)


def test_a_file_is_graded_by_a_server_of_its_own(desk: Any) -> None:
    task = {"verifier": "math.gsm8k", "answer": "72"}
    desk.write({"task": task, "responses": ["#### 72", "#### 7"], "expected": [1.0, 0.0], "source": "mine"})
    result = CliRunner().invoke(app, ["grade", str(desk.source), "-o", str(desk.output), "--strict"])
    assert result.exit_code == 0, result.output
    assert desk.rewards == [[1.0, 0.0]]
    assert "agreement with `expected`: 2 of 2" in result.output


def test_check_tells_settings_isolation_and_conformance(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VERIWARD_API_KEYS", "very-secret")
    settings = tmp_path / "veriward.toml"
    settings.write_text("workers = 2\n")
    arguments = ["check", "--config", str(settings), "--verifier", "math.gsm8k"]
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "250"})
    assert result.exit_code == 0, result.output
    assert "very-secret" not in result.output
    assert "VERIWARD_API_KEYS" in result.output
    assert str(settings) in result.output
    assert "level L" in result.output
    assert "python: built in" in result.output
    assert "math.gsm8k" in result.output
