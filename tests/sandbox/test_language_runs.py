"""How executions in other languages go: compiled once under limits of its own, run apart, charged, and nothing left."""

from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from veriward.sandbox.errors import ExecutionRefused, SandboxError
from veriward.sandbox.execution import MAX_FILES, MAX_FILES_BYTES, MIB, Execution, Limits, Run, RunStatus
from veriward.sandbox.local import LocalSandbox

pytestmark = pytest.mark.sandbox

FINISHED, TIME, COMPILE = RunStatus.FINISHED, RunStatus.TIME_LIMIT, RunStatus.COMPILE_ERROR
RunIn = Callable[..., Run]
Needs = Callable[[str], None]

READS = """
#include <stdio.h>
int main() {
    char word[9];
    printf("%s ", __TIME__);
    while (scanf("%8s", word) == 1) {
        if (*word == 'x') for (;;);
        puts(word);
    }
}
"""
HASTY = """
tags = ["hasty"]
source = "main.cpp"
version = ["g++", "--version"]
[compile]
command = ["g++", "-o", "main", "main.cpp"]
makes = "main"
limits = {wall_seconds = 60, cpu_seconds = %s, memory_bytes = %s, output_bytes = %s}
[run]
command = ["./main"]
environment = {OWN = "1"}
"""
MULTIPLYING = (
    "template <int N, int M> struct T { static const int v = T<N - 1, 2 * M>::v + T<N - 1, 2 * M + 1>::v; };"
    "template <int M> struct T<0, M> { static const int v = M; }; int main() { return T<29, 0>::v; }"
)
COMPILATIONS: dict[str, tuple[tuple[float, int, int], str, RunStatus, str]] = {
    "within the limits": ((10, 512 * MIB, 1 * MIB), 'int main() { __builtin_puts("7"); }', FINISHED, ""),
    "too long": ((0.5, 512 * MIB, 1 * MIB), MULTIPLYING, COMPILE, "cpu"),
    "too large for the memory": ((10, 64 * MIB, 1 * MIB), MULTIPLYING, COMPILE, "oom_cgroup"),
    "too large a program": ((10, 512 * MIB, 8192), "char a[99999] = {1}; int main() {}", COMPILE, "output"),
}


@pytest.mark.parametrize("row", COMPILATIONS.values(), ids=COMPILATIONS)
def test_an_operators_language_has_its_own_limits(
    row: tuple[tuple[float, int, int], str, RunStatus, str],
    needs: Needs,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    limits, code, status, reason = row
    needs("cpp")
    (tmp_path / "hasty.toml").write_text(HASTY % limits)
    monkeypatch.setenv("VERIWARD_LANGUAGES", str(tmp_path))
    with LocalSandbox() as sandbox:
        if reason == "oom_cgroup" and "cgroup_memory" not in sandbox.isolation.layers:
            pytest.skip("this host gives no memory cgroup")
        (run,) = sandbox.run(Execution(code, language="hasty", limits=Limits(cpu_seconds=0.1, memory_bytes=32 * MIB)))
    assert (run.status, run.reason) == (status, reason), run


def test_a_faulty_language_file_is_our_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("tags = 1")
    monkeypatch.setenv("VERIWARD_LANGUAGES", str(tmp_path))
    with LocalSandbox() as sandbox, pytest.raises(SandboxError, match=r"mine\.toml: tags must be of type list"):
        sandbox.run(Execution("", language="c"))


def test_the_environment_is_the_same_for_all(run_in: RunIn) -> None:
    code = "extern char **environ; int puts(const char *); int main() { while (*environ) puts(*environ++); }"
    assert sorted(run_in("c", code).stdout.splitlines()) == [
        b"HOME=/box/home",
        b"LANG=C.UTF-8",
        b"PATH=/usr/local/bin:/usr/bin:/bin",
        b"TMPDIR=/box/home",
    ]


def test_the_box_of_a_run_holds_the_program_alone(run_in: RunIn) -> None:
    code = '#include <stdlib.h>\nint main() { return system("ls -A /box/home"); }'
    assert run_in("c", code).stdout == b"main\n"
    assert run_in("bash", "ls -A").stdout == b"main.sh\n"


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""


def test_nothing_is_left_of_a_run(sandbox: LocalSandbox, run_in: RunIn) -> None:
    run_in("bash", "")
    keeper = psutil.Process(sandbox._process.pid)  # type: ignore[union-attr]
    for language, code in (
        ("bash", "sleep 60 & setsid sleep 60 & disown"),
        ("c", "int fork(); int main() { for (;;) if (fork()) break; }"),
    ):
        run_in(language, code)
    assert {_name(process) for process in keeper.children(recursive=True)} <= {"zygote", ""}  # and its spares


def test_a_program_is_compiled_once_and_outlives_a_run_that_does_not_end(sandbox: LocalSandbox, needs: Needs) -> None:
    needs("c")
    code = READS
    for reuse in ("per_submission", "per_test"):
        inputs = (b"a", b"x", b"b", b"c")
        limits = Limits(cpu_seconds=0.2, wall_seconds=5)
        runs = sandbox.run(Execution(code, inputs=inputs, language="c", limits=limits, reuse=reuse))
        assert [run.status for run in runs] == [FINISHED, TIME, FINISHED, FINISHED]
        assert [run.index for run in runs] == [0, 1, 2, 3]
        compiled, *others = {run.stdout.split()[0] for run in runs if run.stdout}
        assert not others, "one compilation, so one time of day"
        assert runs[3].stdout == compiled + b" c\n"


def test_a_compile_error_is_every_inputs(sandbox: LocalSandbox, needs: Needs) -> None:
    needs("c")
    runs = sandbox.run(Execution("main(", inputs=(b"1", b"2", b"3"), language="c"))
    assert [(run.index, run.status) for run in runs] == [(0, COMPILE), (1, COMPILE), (2, COMPILE)]
    assert b"main.c:1" in runs[2].stderr


def test_files_are_there_for_the_compiler_and_the_run(sandbox: LocalSandbox, needs: Needs) -> None:
    code = '#include <stdlib.h>\n#include "own/seven.h"\nint main() { return system("cat own/data") || SEVEN != 7; }'
    needs("c")
    files = {"own/seven.h": b"#define SEVEN 7\n", "own/data": b"data"}
    (run,) = sandbox.run(Execution(code, language="c", files=files))
    assert (run.status, run.stdout) == (FINISHED, b"data"), run


def test_as_many_files_as_are_allowed(needs: Needs, sandbox: LocalSandbox) -> None:
    needs("bash")
    files = {
        ("é" * 60 + "/") * 3 + f"{number:017}": b"x" * (MAX_FILES_BYTES // MAX_FILES) for number in range(MAX_FILES)
    }
    for language, code in (
        ("bash", "find * -type f -size +9c | grep -c é"),
        ("python", "import os; print(sum(len(files) for _, _, files in os.walk('.')))"),
    ):
        (run,) = sandbox.run(Execution(code, language=language, files=files))
        assert (run.status, run.stdout) == (FINISHED, b"%d\n" % MAX_FILES), run


@pytest.mark.parametrize("name", ["main.c", "main", "main/x"])
def test_a_file_cannot_take_the_programs_name(name: str, sandbox: LocalSandbox, needs: Needs) -> None:
    needs("c")
    with pytest.raises(ExecutionRefused, match="own name in c") as refused:
        sandbox.run(Execution("int main() {}", language="c", files={name: b""}))
    assert refused.value.field == "files"


@pytest.mark.parametrize("name", ["cobol", "", "../c", "x" * 1_000_000, "c\0"])
def test_a_language_that_is_not_here_is_refused_with_those_that_are(
    name: str, found: dict[str, str], sandbox: LocalSandbox
) -> None:
    with pytest.raises(ExecutionRefused) as refused:
        sandbox.run(Execution("", language=name))
    assert refused.value.field == "language"
    assert refused.value.message.endswith(f"there are: {', '.join(found)}")
    assert len(refused.value.message) < 1_000


def test_what_a_limit_killed_is_charged_for(run_in: RunIn) -> None:
    run = run_in("bash", "while :; do :; done & wait", limits=Limits(cpu_seconds=30, wall_seconds=1))
    assert (run.status, run.reason) == (TIME, "wall"), run
    assert run.usage.cpu_seconds > 0.05


def test_what_children_used_is_charged_for(run_in: RunIn) -> None:
    code = "python3 -I -S -c 'import time\nwhile time.process_time() < 0.1: pass'"
    run = run_in("bash", code)
    assert run.status is FINISHED, run
    assert run.usage.cpu_seconds >= 0.1
