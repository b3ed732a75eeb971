"""Sessions of an ordinary user, without cgroups: kept, forked, interrupted, and kept apart as root's are."""

import json
import os
import shutil
import subprocess

import pytest

import veriward.sandbox as package

NOBODY = 65534
PYTHON = "/usr/bin/python3"
SOURCES = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(package.__file__))))
SCRIPT = f"""
import json, sys
sys.path.append({SOURCES!r})
from veriward.sandbox.session import CellLimits
from veriward.sandbox.session_client import LocalSessions

told = {{}}
with LocalSessions() as sessions, sessions.open() as session:
    session.run("import os, subprocess; x = 1; open('f', 'w').write('mine')")
    told["a process left behind"] = session.run("subprocess.Popen(['sleep', '1000']); x").lost
    cell = session.run("while True: pass", limits=CellLimits(cpu_seconds=0.2, wall_seconds=20))
    told["a loop"] = [cell.status, cell.lost, session.run("x").value]
    first, second = session.fork(2)
    first.run("x = 2; open('f', 'w').write('changed')")
    third, fourth = first.fork(2)
    killing = "for pid in range(2, 40000):\\n    try: os.kill(pid, 9)\\n    except OSError: pass"
    told["a hostile fork"] = [third.run(killing).status, second.run(killing).status]
    told["the others"] = [one.run("x, open('f').read(), os.getuid()").value for one in (session, fourth)]
    told["its numbers"] = third.run("[name for name in os.listdir('/proc') if name.isdigit()]").value
print(json.dumps(told))
"""

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user"),
    pytest.mark.skipif(not shutil.which(PYTHON), reason=f"needs {PYTHON}"),
]


def test_sessions_of_nobody() -> None:
    process = subprocess.run(
        [PYTHON, "-I", "-c", SCRIPT],
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        cwd="/",
        env={},
        capture_output=True,
        timeout=100,
        check=False,
    )
    assert process.returncode == 0, process.stderr.decode()
    assert json.loads(process.stdout) == {
        "a process left behind": "",
        "a loop": ["time_limit", "", "1"],
        "a hostile fork": ["finished", "finished"],
        "the others": ["(1, 'mine', 1000)", "(2, 'changed', 1000)"],
        "its numbers": "['1']",
    }
