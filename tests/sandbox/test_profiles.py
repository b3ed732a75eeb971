"""Programs find the modules of their profile, are told where others are, and cost the std profile nothing."""

from collections.abc import Iterator

import pytest

from veriward.sandbox.errors import ExecutionRefused, SandboxError
from veriward.sandbox.execution import MIB, Execution, Limits, Run, RunStatus
from veriward.sandbox.local import LocalSandbox

pytestmark = pytest.mark.sandbox

HERE = 'environment = "{site}"\nimports = ["greeting"]\n'
PROFILES = {
    "whole": HERE,
    "part": HERE + 'requirements = ["greeting"]\n',
    "lacking": 'requirements = ["greeting==9"]\nenvironment = "{site}"',
    "broken": 'environment = "{site}"\nimports = ["broken"]',
    "threads": 'environment = "{site}"\nimports = ["threads"]',
}
FILES = {
    "greeting/__init__.py": "text = 'hello'\nfrom greeting import part\n",
    "greeting/part.py": "",
    "greeting/late.py": "late = 1\n",
    "unasked.py": "",
    "broken.py": "raise RuntimeError('no licence')",
    "threads.py": "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n",
    "greeting-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n",
    "greeting-1.0.dist-info/RECORD": "greeting/__init__.py,,\ngreeting-1.0.dist-info/METADATA,,\n",
}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSandbox]:
    """A sandbox with an operator's profiles."""
    site = tmp_path_factory.mktemp("site")
    site.chmod(0o755)
    declared = tmp_path_factory.mktemp("profiles")
    for name, text in FILES.items():
        (site / name).parent.mkdir(exist_ok=True)
        (site / name).write_text(text)
    for name, text in PROFILES.items():
        (declared / f"{name}.toml").write_text(text.format(site=site))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VERIWARD_PROFILES", str(declared))
        with LocalSandbox() as sandbox:
            yield sandbox


def _run(sandbox: LocalSandbox, code: str, profile: str, **fields: object) -> Run:
    (run,) = sandbox.run(Execution(code, profile=profile, **fields))  # type: ignore[arg-type]
    return run


WORKS = {
    "a module that was imported at warm-up": ("whole", "import sys; print('greeting' in sys.modules)", "True\n"),
    "a submodule that was not": ("whole", "import greeting.late; print(greeting.late.late)", "1\n"),
    "a module beside it, where the environment is shown whole": ("whole", "import unasked; print(1)", "1\n"),
    "its version, by metadata": ("part", "import importlib.metadata as m; print(m.version('greeting'))", "1.0\n"),
    "only what is asked for": ("part", "import os; print(sorted(os.listdir('/packages'))[:1])", "['greeting']\n"),
    "an interpreter that it starts": (
        "part",
        "import subprocess; print(subprocess.check_output(['python3', '-c', 'import greeting; print(greeting.text)']))",
        "b'hello\\n'\n",
    ),
    "std knows nothing of them": ("std", "import os; print(os.path.exists('/packages'))", "False\n"),
    "sqlite3, warm": ("sql", "import sys; print('sqlite3' in sys.modules)", "True\n"),
}


@pytest.mark.parametrize("row", WORKS.values(), ids=WORKS)
def test_what_works(row: tuple[str, str, str], own: LocalSandbox) -> None:
    profile, code, printed = row
    run = _run(own, code, profile)
    assert (run.status, run.stdout.decode()) == (RunStatus.FINISHED, printed), run


FAILS = {
    "what another profile has": (
        "std",
        "import greeting",
        "greeting is not in profile std; profiles that have it: part, whole",
    ),
    "what no profile has": ("whole", "import nowhere.at_all", "nowhere is not in profile whole\n"),
    "what lies beside it, where it was not asked for": ("part", "import unasked", "unasked is not in profile part\n"),
    "writing to packages": ("whole", "open('/packages/greeting/x', 'w')", "Read-only file system"),
}


@pytest.mark.parametrize("row", FAILS.values(), ids=FAILS)
def test_what_fails_is_told_with_the_profile(row: tuple[str, str, str], own: LocalSandbox) -> None:
    profile, code, told = row
    run = _run(own, code, profile)
    assert (run.status, run.reason) == (RunStatus.RUNTIME_ERROR, "exception")
    assert told in run.stderr.decode()


def test_a_profile_whose_packages_are_not_here_is_refused_with_what_to_do(own: LocalSandbox) -> None:
    with pytest.raises(ExecutionRefused, match=r"needs greeting==9, which .* -m pip install 'greeting==9'") as refused:
        _run(own, "", "lacking")
    assert refused.value.field == "profile"


@pytest.mark.parametrize(
    ("profile", "why"), [("broken", "import broken: RuntimeError: no licence"), ("threads", "threads")]
)
def test_a_module_that_cannot_be_warm_is_our_fault(profile: str, why: str, own: LocalSandbox) -> None:
    for _ in range(2):
        with pytest.raises(SandboxError, match=why):
            _run(own, "print(1)", profile)
    assert _run(own, "print(1)", "std").stdout == b"1\n"


def test_obstacles_are_listed(own: LocalSandbox) -> None:
    found = own.profiles()
    assert next(iter(found)) == "std"
    assert (found["std"], found["whole"], found["sql"]) == ("", "", "")
    assert "greeting==9" in found["lacking"]


def test_every_test_of_a_call_and_a_judged_run_has_the_profile(own: LocalSandbox) -> None:
    code = "import greeting\ndef f(): return greeting.text"
    assert _run(own, code, "part", mode="call", entry="f", inputs=(b"[]",)).result == b'"hello"'
    script = b"import greeting\nassert f() == greeting.text"
    assert _run(own, code, "part", mode="judged", stubs=("f",), inputs=(script,)).status is RunStatus.FINISHED


SCIENCE = """
import sys
warm = {"numpy", "scipy", "sympy", "pandas", "networkx"} <= set(sys.modules)
import numpy as np, scipy.optimize as so, sympy, pandas as pd, networkx as nx
print(warm, np.random.rand() < 0.549, round(so.brentq(lambda x: x * x - 2, 0, 2), 6), sympy.factor("x**2 - 1"))
print(pd.DataFrame({"a": [1, 2]}).a.sum(), nx.shortest_path(nx.path_graph(4), 0, 3), (np.ones((9, 9)) @ np.ones(9))[0])
"""


def test_the_scientific_profile(sandbox: LocalSandbox) -> None:
    pytest.importorskip("scipy")
    run = _run(sandbox, SCIENCE, "sci")
    assert run.stdout.decode() == "True True 1.414214 (x - 1)*(x + 1)\n3 [0, 1, 2, 3] 9.0\n", run


def test_numbers_drawn_by_numpy_are_the_same_in_every_test(sandbox: LocalSandbox) -> None:
    pytest.importorskip("scipy")
    execution = Execution("import numpy as np; print(np.random.rand())", inputs=(b"",) * 3, profile="sci")
    assert len({run.stdout for run in sandbox.run(execution)}) == 1


def test_memory_is_bounded_beside_what_a_profile_holds(sandbox: LocalSandbox) -> None:
    pytest.importorskip("scipy")
    limits = Limits(memory_bytes=64 * MIB)
    run = _run(sandbox, "import numpy as np; print(np.ones(1 << 20).sum())", "sci", limits=limits)
    assert run.status is RunStatus.FINISHED, run
    assert run.usage.memory_bytes < 64 * MIB
    assert (
        _run(sandbox, "blocks = [b'x' * (1 << 20) for _ in range(90)]", "sci", limits=limits).status
        is RunStatus.MEMORY_LIMIT
    )


def test_a_profile_is_as_isolated_as_std(own: LocalSandbox) -> None:
    for code in ("import socket; socket.socket()", "open('/etc/passwd')", "import os; os.kill(1, 9); os.setuid(0)"):
        assert _run(own, code, "whole").status is RunStatus.RUNTIME_ERROR
    assert _run(own, "", "whole").isolation == _run(own, "", "std").isolation
