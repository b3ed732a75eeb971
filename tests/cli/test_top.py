"""`veriward top`: one look at a server, its bars, what it never prints, and how it says that nobody answers."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from veriward.cli.main import app
from veriward.cli.top_view import bars, plain, span


@pytest.fixture
def fresh(server: Any) -> Iterator[Any]:
    """A server that has judged nothing."""
    running = type(server)()
    yield running
    running.stop()


def top(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["top", *arguments], catch_exceptions=False, env={"COLUMNS": "140"})


def test_one_look_shows_queue_rates_workers_and_sources(fresh: Any) -> None:
    task = {"verifier": "number", "answer": "1"}
    items = [{"task": task, "responses": ["#### 1", "#### 2"], "source": name} for name in ("gsm8k", "\x1b[31mred\x07")]
    httpx.post(f"{fresh.url}/v1/grade", json={"items": items}, timeout=60).raise_for_status()
    result = top("--server", fresh.url, "--once")
    assert result.exit_code == 0, result.output
    for said in ("rollouts/s", "waiting", "oldest waits", "gsm8k", "0.500", "number"):
        assert said in result.output
    assert "\x1b" not in result.output
    assert "�[31mred�" in result.output


def test_all_figures_as_json(fresh: Any) -> None:
    assert json.loads(top("--server", fresh.url, "--once", "--json").output)["queue"]["workers"] == 1
    assert top("--json").exit_code == 2


def test_nobody_there_is_told_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = f"http://127.0.0.1:{listener.getsockname()[1]}"
    result = top("--server", closed, "--once")
    assert result.exit_code == 69
    assert "no Veriward server answered" in result.output
    assert top("--server", "nonsense", "--once").exit_code == 2


LINES = {
    "nothing yet": ([], 10, ""),
    "nothing happened": ([0, 0, None], 10, "   "),
    "the highest is full, and the least is seen": ([0, 1, 800, None, 400], 10, " ▁█ ▄"),
    "the last ones": ([8, 1, 2, 4, 8], 3, "▂▄█"),
    "tiny figures": ([1e-4, 2e-4], 10, "▄█"),
}


@pytest.mark.parametrize(("values", "width", "line"), LINES.values(), ids=LINES)
def test_bars(values: list[float | None], width: int, line: str) -> None:
    assert bars(values, width) == line


SPANS = {
    None: "–",
    0.0: "0 s",
    0.00025: "250 µs",
    0.0123: "12.3 ms",
    1.5: "1.5 s",
    600.0: "10 min",
    7300.0: "2 h",
    1e6: "12 days",
}


@pytest.mark.parametrize(("seconds", "said"), SPANS.items())
def test_spans(seconds: float | None, said: str) -> None:
    assert span(seconds) == said


def test_names_are_cut_and_speak_no_terminals_language() -> None:
    assert plain("a" * 41) == "a" * 39 + "…"
    assert plain("a" * 40) == "a" * 40
    assert plain("\u202e\x9b31m\r\n") == "��31m��"
