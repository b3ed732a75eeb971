"""The sandbox's own tests inside containers: one with the documented options, and one without any."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
BASE = "veriward-test-base"
SUITES = ("contract", "corpus", "jail")
MOUNTED = ("--volume", f"{ROOT}:/veriward-source:ro", "--network", "none", "--rm")
SOURCES = "/veriward-source/sandbox"

# What a probe finds, and every promise of its level that is not kept.
LOOK = f"""
import json, sys
sys.path.append({SOURCES!r})
from veriward.sandbox.contract import broken, kept_by
from veriward.sandbox.levels import probe
from veriward.sandbox.local import LocalSandbox
report = probe()
with LocalSandbox(report.level) as sandbox:
    print(json.dumps([report.level, report.layers, len(kept_by(report.isolation)), broken(sandbox, report.isolation)]))
"""


def documented() -> list[str]:
    """The options that docker-compose.yml gives a worker, in the words of `docker run`."""
    service = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["worker"]
    options = [_by_default(option).replace("=./", f"={ROOT}/") for option in service["security_opt"]]
    assert service["read_only"] is True
    assert not {"privileged", "cap_add"} & set(service)
    return [
        "--read-only",
        f"--user={service['user']}",
        *(f"--cap-drop={name}" for name in service["cap_drop"]),
        *(f"--security-opt={option}" for option in options),
        *(f"--tmpfs={path}" for path in service["tmpfs"]),
    ]


def _by_default(option: str) -> str:
    """`${NAME:-default}` as compose reads it where there is no NAME."""
    return re.sub(r"\$\{\w+:-(.*)\}", r"\1", option)


def test_the_documented_container_gives_l2(engine: Any, capsys: pytest.CaptureFixture[str]) -> None:
    level, layers, promises, complaints = _looked_at(engine, documented())
    with capsys.disabled():
        print(f"\n  the documented container: level {level}, {promises} promises kept: {', '.join(layers)}")
    assert level == "L2"
    assert complaints == []


def test_an_unmodified_container_gives_l1(engine: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Docker's own seccomp profile and masks: Landlock, seccomp and rlimits are left."""
    level, layers, promises, complaints = _looked_at(engine, ["--user=65534:65534"])
    with capsys.disabled():
        print(f"\n  an unmodified container: level {level}, {promises} promises kept: {', '.join(layers)}")
    assert level == "L1"
    assert complaints == []


def test_the_sandboxs_own_tests_pass_in_the_documented_container(
    engine: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest_inside = (
        "python3",
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "--quiet",
        "--tb=short",
        "--durations=6",
        "-m",
        "not root",
    )
    paths = [f"/veriward-source/tests/sandbox/test_{name}.py" for name in SUITES]
    environment = (f"--env=PYTHONPATH={SOURCES}", "--env=HOME=/tmp", "--env=PYTHONDONTWRITEBYTECODE=1")
    process = engine.docker(
        "run", *MOUNTED, *documented(), *environment, BASE, *pytest_inside, *paths, seconds=600, check=False
    )
    last = process.stdout.strip().rpartition("\n")[2]
    with capsys.disabled():
        print(f"\n  its own tests in the documented container: {last}")
    assert process.returncode == 0, process.stdout[-5000:] + process.stderr[-2000:]
    assert " passed" in last


def _looked_at(engine: Any, options: list[str]) -> tuple[str, list[str], int, list[str]]:
    process = engine.docker("run", *MOUNTED, *options, BASE, "python3", "-I", "-c", LOOK, seconds=300)
    level, layers, promises, complaints = json.loads(process.stdout)
    return level, layers, promises, complaints
