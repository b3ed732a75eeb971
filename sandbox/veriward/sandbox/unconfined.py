"""A keeper that isolates nothing: programs are plain processes of this user, bounded by rlimits and the clock.

For machines that give nothing else and programs that are trusted, and only where level L0 is asked for: a program can
read, write and send whatever this user can. All else is as with the other backends: how runs go and how they end.
"""

import argparse
import contextlib
import os
import select
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from veriward.sandbox import kernel, launch, supervised
from veriward.sandbox.conversation import MAX_MESSAGE_BYTES, Child
from veriward.sandbox.descendants import descendants_cpu_seconds
from veriward.sandbox.errors import SandboxError
from veriward.sandbox.execution import Limits
from veriward.sandbox.keeper import Keeper
from veriward.sandbox.levels import Report
from veriward.sandbox.nurseries import Nurseries
from veriward.sandbox.nursery import Nursery

if TYPE_CHECKING:
    from veriward.sandbox.languages import Language

_START_SECONDS = 20.0
_REAP_SECONDS = 5.0
_POLL_SECONDS = 0.005
BACKEND = "none"


class Subprocess(Child):
    """A child that is started, not forked, with a directory of its own to work in."""

    def __init__(self, number: int) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        super().__init__(number, ours, None)
        self.box = tempfile.mkdtemp(prefix="veriward-box-")
        with theirs:
            self._process = subprocess.Popen(
                launch.command("unconfined_child", None, str(theirs.fileno())),
                env={**launch.environment(), "HOME": self.box, "TMPDIR": self.box},
                cwd=self.box,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        self._pid = self._process.pid
        self.pidfd, writer = os.pipe()
        threading.Thread(target=_close_at_end, args=(self._pid, writer), daemon=True).start()

    def await_hello(self, seconds: float) -> None:
        if not select.select([self.sock], [], [], seconds)[0] or self.sock.recv(MAX_MESSAGE_BYTES) != b"H":
            raise SandboxError("a child did not start")
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 0)

    def kill(self) -> None:
        """It has not been waited for, so its number is its own."""
        if self._has_descendants():
            self._lost_cpu_seconds = descendants_cpu_seconds(self._pid)
        os.kill(self._pid, kernel.SIGKILL)  # `Popen.kill` would wait for it first, and its usage be lost

    def wait(self) -> None:
        _, status, usage = os.wait4(self._pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        self.ended(self._process.returncode, usage.ru_utime + usage.ru_stime, usage.ru_maxrss << 10)


class Subprocesses(Nursery):
    """Takes the place of a nursery, without a zygote: every child is started when it is taken."""

    has_cgroups = False

    def __init__(self) -> None:
        self.failure = ""
        self.without = frozenset()
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        # In place of a zygote's, which is looked at for its death: nothing is ever said here.
        self.control, self._silent = socket.socketpair()
        self._living: set[Subprocess] = set()
        self._started = 0

    def take(self, limits: Limits, runs: int, files: dict[str, bytes], language: "Language | None" = None) -> Child:
        self._started += 1
        child = Subprocess(self._started)
        self._living.add(child)
        child.await_hello(_START_SECONDS)
        child.equip(limits, runs, _own_tasks(), files, language)
        return child

    def end(self, child: Child) -> None:
        """Kill the child with all that it has started."""
        assert isinstance(child, Subprocess)
        child.kill()
        child.wait()
        self._living.discard(child)
        self._end_orphans()
        shutil.rmtree(child.box, ignore_errors=True)

    def restart(self) -> None:
        for child in list(self._living):
            self.end(child)

    def renew(self) -> None:
        pass

    def close(self) -> None:
        self.restart()
        self.control.close()
        self._silent.close()

    def _end_orphans(self) -> None:
        """Processes whose parent has died have become ours."""
        deadline = time.monotonic() + _REAP_SECONDS
        while orphans := {pid for pid, parent in _processes() if parent == os.getpid()} - {
            child._pid for child in self._living
        }:
            for pid in orphans:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, kernel.SIGKILL)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
            if time.monotonic() > deadline:
                raise SandboxError("processes that a program has started do not go away")
            time.sleep(_POLL_SECONDS)


def _close_at_end(pid: int, writer: int) -> None:
    """A process's end as something to poll for; not every kernel has pidfds."""
    with contextlib.suppress(ChildProcessError):
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    os.close(writer)


def _processes() -> Iterator[tuple[int, int]]:
    """Number and parent of each process there is."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
            yield int(name), int(file.read().rpartition(b")")[2].split()[1])


def _own_tasks() -> int:
    """How many processes and threads this user has: the kernel counts them together."""
    count = 0
    for pid, _ in _processes():
        with contextlib.suppress(OSError):
            if os.stat(f"/proc/{pid}").st_uid == os.getuid():
                count += len(os.listdir(f"/proc/{pid}/task"))
    return count


def main() -> None:
    options = supervised.arguments("unconfined").parse_args()
    launch.name_process("keeper")
    supervised.supervised(options, lambda supervisor: _keep(options, supervisor))


def _keep(options: argparse.Namespace, supervisor: socket.socket) -> None:
    report = Report.of((), backend=BACKEND)
    supervised.say_hello(options, supervisor, report)
    with contextlib.closing(Subprocesses()) as nursery:
        Keeper(supervisor, Nurseries(nursery, report), report.isolation).serve()


if __name__ == "__main__":
    main()
