"""A user that a model plays: its words come from an endpoint of the server, between the turns of an episode."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from veriward.cli.server_process import server_process
from veriward.client import Client

pytestmark = pytest.mark.fleet

SAYS = ("Cancel order 1001, please.", "###STOP###")


class Model(BaseHTTPRequestHandler):
    """Says the first thing to a talk that begins, and the second after an answer."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        spoken = any(message["role"] == "assistant" for message in asked["messages"])
        message = {"role": "assistant", "content": SAYS[spoken]}
        body = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def model() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Model) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        server.shutdown()


def test_a_user_that_a_model_plays_talks_and_ends(model: str, tmp_path: Path) -> None:
    config = tmp_path / "veriward.toml"
    config.write_text(f'[endpoints.user]\nurl = "{model}"\nmodel = "any"\n')
    task = {
        "domain": "orders",
        "user": {"model": "user", "instruction": "Have order 1001 cancelled."},
        "changes": {"orders.1001.status": "cancelled", "customers.ada.credit": 24.5},
    }
    with server_process(config=config) as process, Client(process.url, api_key=process.api_key) as client:
        with client.episode("functions", task) as episode:
            assert episode.observation.endswith(SAYS[0])
            assert "cancel_order" in [tool["function"]["name"] for tool in episode.tools]
            episode.step('<tool_call>{"name": "cancel_order", "arguments": {"order_id": "1001"}}</tool_call>')
            end = episode.step("It is cancelled.")
        assert (end.status, end.terminated, end.reward) == ("played", True, 1.0)
