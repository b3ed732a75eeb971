"""A zygote is replaced once it has forked often enough, and no run notices."""

import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.sandbox

SCRIPT = """
    import contextlib, socket
    from veriward.sandbox.execution import Execution, Isolation
    from veriward.sandbox.nursery import Nursery
    from veriward.sandbox.performance import Performance
    from veriward.sandbox.watch import Watch

    ours, theirs = socket.socketpair()
    zygotes = []
    with contextlib.closing(Nursery(most_forks=5)) as nursery:
        for number in range(30):
            execution = Execution(f"print({number})")
            (run,) = Performance(execution, nursery, Watch(theirs, nursery), Isolation("L0", ())).runs()
            assert run.stdout == b"%d\\n" % number, run
            nursery.renew()
            zygotes.append(nursery._process.pid)
    print(len(set(zygotes)))
"""


def test_a_zygote_that_has_forked_often_is_replaced() -> None:
    script = textwrap.dedent(SCRIPT)
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode == 0, told.stderr
    assert 5 <= int(told.stdout) <= 15
