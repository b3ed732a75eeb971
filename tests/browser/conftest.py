"""A real server that has graded rollouts of every kind, and a headless Chromium."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fleet import Part
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from shown_rollouts import AUDITOR, TRAINER, items

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a server with two keys that has graded `items()` for the trainer's."""
    environment = os.environ | {"VERIWARD_API_KEYS": f"{TRAINER},{AUDITOR}:tasks:read"}
    command = [sys.executable, "-m", "veriward.cli.main", "serve", "--port", "0", "--log-level", "error"]
    part = Part(command, tmp_path_factory.mktemp("served") / "log", environment)
    part.start()
    try:
        headers = {"Authorization": f"Bearer {TRAINER}"}
        answer = httpx.post(f"{part.told['url']}/v1/grade", json={"items": items()}, headers=headers, timeout=100)
        assert answer.status_code == 200, answer.text
        yield part.told["url"]
    finally:
        part.kill()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in (*FLAGS, f"--user-data-dir={tmp_path}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with Chrome(options, ChromeService(shutil.which("chromedriver"))) as driver:
        driver.set_page_load_timeout(60)
        driver.set_window_size(1280, 900)
        yield driver


Until = Callable[[Callable[[], Any]], Any]


@pytest.fixture
def until() -> Until:
    """Wait for something that is true, however slow the machine is; what it was."""

    def wait(seen: Callable[[], Any]) -> Any:
        give_up = time.monotonic() + 60
        while not (found := seen()):
            assert time.monotonic() < give_up, "it never came"
            time.sleep(0.05)
        return found

    return wait
