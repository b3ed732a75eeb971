"""The sandbox of an ordinary user: started by root as uid 65534, with the system's own Python."""

import json
import os
import shutil
import subprocess
import textwrap
from typing import Any

import pytest

import veriward.sandbox as package

NOBODY = 65534
PYTHON = "/usr/bin/python3"
SOURCES = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(package.__file__))))

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user"),
    pytest.mark.skipif(not shutil.which(PYTHON), reason=f"needs {PYTHON}"),
]

PROGRAMS = {
    "finishes": ("print(input())", "finished", ""),
    "fails": ("1/0", "runtime_error", "exception"),
    "loops": ("while True: pass", "time_limit", "cpu"),
    "eats memory": ("x = []\nwhile True: x.append('x' * 1000000)", "memory_limit", None),
    "floods": ("while True: print('x' * 100000)", "output_limit", "output"),
    "forks without end": ("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", "time_limit", None),
    "reads /etc/passwd": ("open('/etc/passwd')", "runtime_error", "exception"),
    "opens a socket": ("import socket; socket.socket()", "runtime_error", "exception"),
    "becomes root": ("import os; os.setuid(0)", "runtime_error", "exception"),
    "has powers": (
        "caps = [line for line in open('/proc/self/status') if line.startswith('Cap')]\n"
        "assert all(int(line.split()[1], 16) == 0 for line in caps), caps",
        "finished",
        "",
    ),
    "kills its keeper": (
        "import os\nfor pid in range(2, 40000):\n    try: os.kill(pid, 9)\n    except OSError: pass",
        "finished",
        "",
    ),
    "leaves a daemon": ("import os, time\nif not os.fork():\n    os.setsid(); time.sleep(60)", "finished", ""),
}


def as_nobody(script: str) -> Any:
    process = subprocess.run(
        [PYTHON, "-I", "-c", f"import sys; sys.path.append({SOURCES!r})\n{textwrap.dedent(script)}"],
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
    return json.loads(process.stdout)


def test_programs_end_as_they_do_for_root(capsys: pytest.CaptureFixture[str]) -> None:
    said = as_nobody(f"""
        import json
        from veriward.sandbox import Execution, Limits
        from veriward.sandbox.local import LocalSandbox
        programs = {json.dumps({name: code for name, (code, *_) in PROGRAMS.items()})}
        limits = Limits(cpu_seconds=0.5, memory_bytes=128 << 20, processes=4)
        with LocalSandbox() as sandbox:
            runs = {{
                name: sandbox.run(Execution(code, inputs=(b"x",), limits=limits))[0] for name, code in programs.items()
            }}
            print(json.dumps([
                sandbox.isolation.level,
                sandbox.isolation.layers,
                {{name: [run.status, run.reason, run.stderr.decode()] for name, run in runs.items()}},
            ]))
    """)
    level, layers, ended = said
    with capsys.disabled():
        print(f"\n  uid {NOBODY}: level {level}: {', '.join(layers)}")
    assert level >= "L2"
    for name, (_, status, reason) in PROGRAMS.items():
        assert ended[name][0] == status, (name, ended[name])
        assert reason is None or ended[name][1] == reason, (name, ended[name])


COMMANDS = {
    "C adds": ("c", '#include <stdio.h>\nint main() { puts("7"); }', "finished", ""),
    "C that is none": ("c", "main(", "compile_error", "compile_error"),
    "C looks for powers": ("c", "#include <unistd.h>\nint main() { return !setuid(0); }", "finished", ""),
    "C forks without end": ("c", "#include <unistd.h>\nint main() { for (;;) fork(); }", "time_limit", None),
    "bash reaches its launcher": ("bash", "kill -9 1; cat /proc/1/environ && exit 1; true", "finished", ""),
    "JavaScript adds": ("javascript", "console.log(3 + 4)", "finished", ""),
    "JavaScript takes memory without end": (
        "javascript",
        "const all = []; for (;;) all.push(new Array(10000).fill(1.5))",
        "memory_limit",
        "memory_error",
    ),
    "C takes memory without end": (
        "c",
        "#include <stdlib.h>\n#include <string.h>\nint main() { for (;;) memset(malloc(1 << 20), 1, 1 << 20); }",
        "runtime_error",
        "SIGSEGV",
    ),
}


def test_languages_need_no_root_either() -> None:
    here, ended = as_nobody(f"""
        import json
        from veriward.sandbox import Execution, Limits
        from veriward.sandbox.local import LocalSandbox
        limits = Limits(cpu_seconds=2, wall_seconds=20, memory_bytes=128 << 20, processes=4)
        with LocalSandbox() as sandbox:
            here = sandbox.languages()
            runs = {{
                name: sandbox.run(Execution(code, language=language, limits=limits))[0]
                for name, (language, code, *_) in json.loads({json.dumps(COMMANDS)!r}).items() if language in here
            }}
            print(json.dumps([here, {{
                name: [run.status, run.reason, run.stderr.decode()] for name, run in runs.items()
            }}]))
    """)
    assert ended or os.environ.get("CI") != "true", here
    for name, (status, reason, _) in ended.items():
        _, _, wanted, why = COMMANDS[name]
        assert status == wanted, (name, ended[name])
        assert why is None or reason == why, (name, ended[name])


def test_more_than_the_host_gives_is_refused_with_the_remedy() -> None:
    message, missing, remedy = as_nobody("""
        import json
        from veriward.sandbox import IsolationUnavailable
        from veriward.sandbox.local import LocalSandbox
        try:
            with LocalSandbox("L3"):
                print(json.dumps(["", [], ""]))
        except IsolationUnavailable as refused:
            print(json.dumps([str(refused), refused.missing, refused.remedy]))
    """)
    assert "cgroup_memory" in missing
    assert "cgroup" in remedy
    assert remedy in message


def test_nothing_is_left() -> None:
    left = as_nobody("""
        import json, os, time
        from veriward.sandbox import Execution
        from veriward.sandbox.local import LocalSandbox
        def children():
            with open(f"/proc/self/task/{os.getpid()}/children") as file:
                return file.read().split()
        with LocalSandbox() as sandbox:
            (keeper,) = children()
            with open(f"/proc/{keeper}/task/{keeper}/children") as file:
                family = [keeper, *file.read().split()]
            sandbox.run(Execution("import os; os.fork(); os.fork()"))
        print(json.dumps([pid for pid in family if os.path.exists(f"/proc/{pid}")]))
    """)
    assert left == []
