"""Where the host forbids namespaces, as an unchanged container does: refused by default, level L1 on request."""

import json
import subprocess
import sys
import textwrap
from typing import Any

import pytest

pytestmark = pytest.mark.sandbox

UNSHARE = {"x86_64": 272, "aarch64": 97}
PREFACE = f"""
import json, os
from veriward.sandbox import Execution, IsolationUnavailable, Limits, kernel
from veriward.sandbox.levels import probe
from veriward.sandbox.local import LocalSandbox
unshare = {UNSHARE}[os.uname().machine]
kernel.no_new_privileges()
kernel.SeccompProgram([(0x20, 0, 0, 0), (0x15, 0, 1, unshare), (6, 0, 0, 0x50001), (6, 0, 0, 0x7FFF0000)]).install()
"""


def where_unshare_is_forbidden(script: str) -> Any:
    code = PREFACE + textwrap.dedent(script)
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False)
    assert process.returncode == 0, process.stderr.decode()
    return json.loads(process.stdout)


def test_the_default_refuses_and_says_what_to_do() -> None:
    message, missing, remedy = where_unshare_is_forbidden("""
        try:
            with LocalSandbox():
                print(json.dumps(["", [], ""]))
        except IsolationUnavailable as refused:
            print(json.dumps([str(refused), refused.missing, refused.remedy]))
    """)
    assert {"user_namespace", "pid_namespace", "network_namespace"} <= set(missing)
    assert "systempaths=unconfined" in remedy
    assert "Operation not permitted" in remedy
    assert "L1" in message


PROGRAMS = {
    "runs": ("print(input())", "finished"),
    "reads /etc/passwd": ("open('/etc/passwd')", "runtime_error"),
    "reads the keeper's environment": ("import os; open(f'/proc/{os.getppid()}/environ')", "runtime_error"),
    "writes": ("open('/tmp/veriward-x', 'w')", "runtime_error"),
    "opens a socket": ("import socket; socket.socket()", "runtime_error"),
    "signals its parent": ("import os; os.kill(os.getppid(), 0)", "runtime_error"),
    "forks": ("import os; os.fork()", "runtime_error"),
    "starts a program": ("import subprocess; subprocess.run(['/bin/true'])", "runtime_error"),
    "starts a thread": ("import _thread; _thread.start_new_thread(print, ())", "finished"),
    "loops": ("while True: pass", "time_limit"),
}


def test_level_one_on_request() -> None:
    level, statuses = where_unshare_is_forbidden(f"""
        programs = {json.dumps({name: code for name, (code, _) in PROGRAMS.items()})}
        limits = Limits(cpu_seconds=0.3)
        with LocalSandbox("L1") as sandbox:
            print(json.dumps([sandbox.isolation.level, {{
                name: sandbox.run(Execution(code, inputs=(b"x",), limits=limits))[0].status
                for name, code in programs.items()
            }}]))
    """)
    assert level == "L1"
    assert statuses == {name: status for name, (_, status) in PROGRAMS.items()}


def test_without_a_box_there_are_no_files_and_no_other_languages() -> None:
    languages, refusals = where_unshare_is_forbidden("""
        from veriward.sandbox import ExecutionRefused
        refusals = []
        with LocalSandbox("L1") as sandbox:
            for fields in ({"language": "bash"}, {"files": {"a": b""}}):
                try:
                    sandbox.run(Execution("", **fields))
                except ExecutionRefused as refused:
                    refusals.append([refused.field, refused.message])
            print(json.dumps([sandbox.languages(), refusals]))
    """)
    assert languages == {"python": ""}
    assert refusals == [
        ["language", "'bash' is not here; there are: python"],
        ["files", "without a mount namespace there is no box to put them in"],
    ]


def test_the_probe_reports_instead_of_refusing() -> None:
    level, missing, remedy = where_unshare_is_forbidden("""
        report = probe()
        print(json.dumps([report.level, report.missing, report.remedy]))
    """)
    assert level == "L1"
    assert "mount_namespace" in missing
    assert remedy
