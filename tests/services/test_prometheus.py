"""A real Prometheus asks a fleet's gateway by `deploy/prometheus.yml`, and answers every query of Grafana's board."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml  # type: ignore[import-untyped]
from fleet import HEADERS, KEY, Fleet
from redis_process import RedisProcess, free_port

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]

DEPLOY = Path(__file__).parents[2] / "deploy"
SECONDS = 120  # until every query is answered
WINDOW = "[30s]"  # in place of what Grafana sets by the zoom


def configuration(target: str, folder: Path) -> Path:
    """What is deployed, with the address and the key of the test, and asked each second."""
    config = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    config["global"]["scrape_interval"] = "1s"
    (job,) = config["scrape_configs"]
    (folder / "key").write_text(f"{KEY}\n")
    job["authorization"]["credentials_file"] = str(folder / "key")
    job["static_configs"] = [{"targets": [target]}]
    made = folder / "prometheus.yml"
    made.write_text(yaml.safe_dump(config))
    return made


@contextmanager
def prometheus(config: Path, folder: Path) -> Iterator[httpx.Client]:
    """It cannot tell which port the kernel gave it: one that was free a moment ago is tried, then another."""
    command = shutil.which("prometheus")
    assert command is not None
    for number in range(5):
        port = free_port()
        options = [f"--config.file={config}", f"--storage.tsdb.path={folder}/{number}"]
        with (folder / f"{number}.log").open("w+") as log:
            process = subprocess.Popen(
                [command, *options, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log
            )
            try:
                with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                    if is_ready(client, process):
                        yield client
                        return
            finally:
                process.terminate()
                process.wait(60)
    pytest.fail((folder / f"{number}.log").read_text()[-3000:])


def is_ready(client: httpx.Client, process: "subprocess.Popen[bytes]") -> bool:
    until = time.monotonic() + SECONDS
    while process.poll() is None and time.monotonic() < until:
        try:
            if client.get("/-/ready").status_code == 200:
                return True
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    return False


def test_every_panel_is_answered_with_data(shared_redis: RedisProcess, tmp_path: Path) -> None:
    board = json.loads((DEPLOY / "grafana/board.json").read_text())
    asked = {
        target["expr"].replace("[$__rate_interval]", WINDOW) for panel in board["panels"] for target in panel["targets"]
    }
    numbers = count()
    with (
        Fleet(tmp_path, shared_redis.url, gateways=1, workers=1, redis_prefix="prometheus") as fleet,
        fleet.client() as gateway,
        prometheus(configuration(gateway.base_url.netloc.decode(), tmp_path), tmp_path) as client,
    ):
        until = time.monotonic() + SECONDS
        while asked:
            assert time.monotonic() < until, asked
            grade(gateway, next(numbers))
            asked = {query for query in asked if not answers(client, query)}
            time.sleep(0.5)


def grade(gateway: httpx.Client, number: int) -> None:
    """One that is new, and pays: counters only grow with work."""
    task = {"verifier": "math", "answer": str(number)}
    item: dict[str, Any] = {"task": task, "responses": [rf"\boxed{{{number}}}"], "source": "board"}
    told = gateway.post("/v1/grade", headers=HEADERS, json={"items": [item]})
    assert told.json()["items"][0]["results"][0]["reward"] == 1.0


def answers(client: httpx.Client, query: str) -> bool:
    """Whether there is a figure, and no `NaN`."""
    told = client.get("/api/v1/query", params={"query": query}).json()
    assert told["status"] == "success", told
    return any(row["value"][1] != "NaN" for row in told["data"]["result"])
