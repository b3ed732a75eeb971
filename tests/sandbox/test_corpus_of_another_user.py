"""The corpus again, in the sandbox of an ordinary user (uid 65534) with the system's own Python."""

import base64
import json
import os
import shutil
import subprocess
from typing import Any

import pytest

import veriward.sandbox as package
from veriward.sandbox.execution import Isolation
from veriward.sandbox.frames import pack_execution, unpack_run

NOBODY = 65534
PYTHON = "/usr/bin/python3"
SOURCES = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(package.__file__))))

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.root,
    pytest.mark.timeout(240),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user"),
    pytest.mark.skipif(not shutil.which(PYTHON), reason=f"needs {PYTHON}"),
]

# Reads executions, a line each, and writes the isolation, then the runs of each.
SCRIPT = f"""
import base64, json, sys
sys.path.append({SOURCES!r})
from veriward.sandbox.frames import pack_run, unpack_execution
from veriward.sandbox.local import LocalSandbox
with LocalSandbox() as sandbox:
    print(json.dumps([sandbox.isolation.level, sandbox.isolation.layers]))
    for line in sys.stdin:
        runs = sandbox.run(unpack_execution(base64.b64decode(line)))
        print(json.dumps([base64.b64encode(pack_run(run)).decode() for run in runs]))
"""


def test_attacks_get_their_verdicts(
    attacks: list[Any], honest_programs: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    entries = [*attacks, *honest_programs]
    executions = [entry.execution for entry in entries for _ in range(entry.expected.get("executions", 1))]
    process = subprocess.run(
        [PYTHON, "-I", "-c", SCRIPT],
        input="\n".join(base64.b64encode(pack_execution(execution)).decode() for execution in executions),
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        cwd="/",
        env={},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    first, *lines = process.stdout.splitlines()
    level, layers = json.loads(first)
    with capsys.disabled():
        print(f"\n  uid {NOBODY}: level {level}: {', '.join(layers)}")
    answered = iter(lines)
    complaints, passed_over = [], []
    for entry in entries:
        told = [next(answered) for _ in range(entry.expected.get("executions", 1))]
        runs = [unpack_run(base64.b64decode(text)) for line in told for text in json.loads(line)]
        if entry.obstacle(Isolation(level, tuple(layers))):
            passed_over.append(entry.name)
        else:
            complaints += [f"{entry.name}: {complaint}" for complaint in entry.complaints(runs)]
    assert complaints == []
    assert len(passed_over) < 10, passed_over
