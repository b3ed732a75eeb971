"""What programs try one thing at a time; each prints `stopped` where it was. Whole attacks are in `corpus`."""

from collections.abc import Callable

import pytest

from veriward.sandbox.execution import Execution, Run, RunStatus
from veriward.sandbox.launch import SOURCE_ROOT
from veriward.sandbox.local import LocalSandbox

pytestmark = pytest.mark.sandbox

PREFACE = """
import ctypes, errno, os, resource, signal, socket, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)

def refused(attempt, *errors):
    try:
        got = attempt()
    except (errors or (OSError,)) as error:
        return True
    print("got", repr(got)[:200])
    return False

def links(directory):
    paths = [f"{directory}/{name}" for name in os.listdir(directory)]
    return {os.readlink(path).split(":")[0] for path in paths if os.path.lexists(path)}

def call(*arguments):
    if libc.syscall(*arguments) < 0:
        raise OSError(ctypes.get_errno(), "syscall")
"""

ATTEMPTS = {
    "read /etc/passwd": "refused(lambda: open('/etc/passwd'), FileNotFoundError)",
    "see root's home": "not os.path.exists('/root/.bashrc')",
    "see our sources": f"not os.path.exists({SOURCE_ROOT!r}) and {SOURCE_ROOT!r} not in sys.path",
    "import third-party packages": "refused(lambda: __import__('pydantic'), ModuleNotFoundError)",
    "import our packages": "refused(lambda: __import__('veriward.server'), ModuleNotFoundError)",
    "write to the root": "refused(lambda: open('/x', 'w'))",
    "write beside the box": "refused(lambda: open('/box/x', 'w'))",
    "write to the system": "refused(lambda: open(os.__file__, 'a'))",
    "write to a device": "refused(lambda: os.open('/dev/zero', os.O_WRONLY))",
    "make a device": "refused(lambda: os.mknod('d', 0o20666, os.makedev(1, 3)))",
    "find secrets in the environment": "not set(os.environ)"
    " - {'HOME', 'LANG', 'LC_CTYPE', 'LD_BIND_NOW', 'LD_LIBRARY_PATH', 'PATH', 'PYTHONHASHSEED', 'TMPDIR'}",
    "find secrets in an ancestor's environment": "refused(lambda: open('/proc/2/environ'))",
    "find other processes": "[p for p in os.listdir('/proc') if p.isdigit()] == [str(os.getpid())]",
    "find descriptors of anyone else": "links('/proc/self/fd') == {'/memfd', 'socket'}",
    "read the kernel's settings": "not os.path.exists('/proc/sys') and not os.path.exists('/proc/kallsyms')",
    "open a TCP socket": "refused(lambda: socket.create_connection(('127.0.0.1', 1)), PermissionError)",
    "open a UDP socket": "refused(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM), PermissionError)",
    "open a netlink socket": "refused(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW), PermissionError)",
    "open a vsock": "refused(lambda: socket.socket(40, socket.SOCK_STREAM), PermissionError)",
    "reach an abstract socket": "refused(lambda: socket.socketpair(type=socket.SOCK_DGRAM)[0].connect('\\0x'))",
    "use io_uring": "refused(lambda: call(425, 1, 0))",
    "use bpf": "refused(lambda: call(321, 0, 0, 0))",
    "use the keyring": "refused(lambda: call(250, 0, -3, 1))",
    "use userfaultfd": "refused(lambda: call(323, 0))",
    "use perf": "refused(lambda: call(298, 0, 0, 0, 0, 0))",
    "trace": "libc.ptrace(16, os.getpid(), 0, 0) == -1",
    "read another's memory": "refused(lambda: call(310, 1, 0, 0, 0, 0, 0))",
    "unshare": "libc.unshare(0x10000000) == -1",
    "clone a user namespace": "refused(lambda: call(56, 0x10000011, 0, 0, 0, 0))",
    "mount": "libc.mount(b'tmpfs', b'/box/home', b'tmpfs', 0, None) == -1",
    "change the root": "refused(lambda: os.chroot('/box/home'))",
    "become root": "refused(lambda: os.setuid(0)) and refused(lambda: os.setresuid(0, 0, 0))",
    "be root": "os.getuid() >= 1000 and os.geteuid() >= 1000",
    "gain capabilities": "libc.capset(struct.pack('Ii', 0x20080522, 0), b'\\xff' * 24) == -1",
    "kill everything else": "refused(lambda: os.kill(-1, signal.SIGKILL), ProcessLookupError)",
    "kill its parent": "os.getppid() == 0 and refused(lambda: os.kill(os.getppid() or 4, 9), ProcessLookupError)",
    "kill itself as pid 1": "os.kill(os.getpid(), signal.SIGKILL) is None",
    "raise its priority": "refused(lambda: os.nice(-5))",
    "load a kernel module": "refused(lambda: call(313, 0, b'', 0))",
    "change the host's name": "refused(lambda: socket.sethostname('x'))",
    "share memory through the system": "refused(lambda: call(29, 1, 4096, 0o1600))",
    "rewrite its stdin": "refused(lambda: os.write(os.open('/proc/self/fd/0', os.O_RDWR), b'x'))",
    "map its stdin for writing": "refused(lambda: __import__('mmap').mmap(os.open('/proc/self/fd/0', os.O_RDWR), 3))",
    "find a terminal": "refused(lambda: open('/dev/tty')) and not sys.stdin.isatty()",
    "execute a setuid program with effect": "not any(os.stat(p).st_mode & 0o4000 and os.statvfs(p).f_flag & 2 == 0"
    " for p in ('/usr/bin/su', '/bin/su') if os.path.exists(p))",
}


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS)
def test_attempts(attempt: str, run_one: Callable[..., Run]) -> None:
    run = run_one(f"{PREFACE}\nprint('stopped' if {attempt} else 'escaped')", b"abc")
    assert run.stdout == b"stopped\n", run


ALLOWED = {
    "modules of the standard library": "import json, random, typing, dataclasses, decimal, sqlite3; print('fine')",
    "files in its box": "open('x', 'w').write('fine'); print(open('x').read())",
    "directories and renames in its box": "import os; os.makedirs('a/b'); os.rename('a', 'c'); print('fine')",
    "temporary files": "import tempfile; print('fine', file=tempfile.TemporaryFile('w')); print('fine')",
    "/tmp": "open('/tmp/x', 'w').write('fine'); print(open('/tmp/x').read())",
    "/dev/stdin": "print(open('/dev/stdin').read())",
    "descriptor 0": "print(open(0).read())",
    "threads": "import threading\nt = threading.Thread(target=print, args=('fine',))\nt.start(); t.join()",
    "a subprocess": "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'print(\"fine\")'])",
    "a shell": "import os, sys; sys.stdout.flush(); os.system('echo fine')",
    "a pool": "import multiprocessing\nif __name__ == '__main__':\n"
    "    with multiprocessing.get_context('fork').Pool(2) as pool: print(pool.map(str, ['fine'])[0])",
    "modules of its own": "open('own.py', 'w').write('word = \"fine\"'); import own; print(own.word)",
    "a fork that runs to the end": "import os\nif os.fork(): os.wait(); print('fine')",
    "a fork that leaves": "import os, sys\nif not os.fork(): sys.exit()\nos.wait(); print('fine')",
    "time": "import time; time.sleep(0.001); time.time(); print('fine')",
    "asyncio": "import asyncio\nasync def f(): return 'fine'\nprint(asyncio.run(f()))",
}


@pytest.mark.parametrize("code", ALLOWED.values(), ids=ALLOWED)
def test_ordinary_programs_can_use(code: str, run_one: Callable[..., Run]) -> None:
    run = run_one(code, b"fine")
    assert (run.status, run.stdout) == (RunStatus.FINISHED, b"fine\n"), run


def test_an_earlier_executions_text_is_in_no_later_childs_memory(sandbox: LocalSandbox) -> None:
    planted = "planted-" + "-".join(str(number * number) for number in range(40))
    sandbox.run(Execution(f"print({planted!r})", inputs=(planted.encode(),)))
    sandbox.run(Execution("def f(): return 1", "judged", (f"{planted!r}".encode(),), stubs=("f",)))
    search = """
import re
found = 0
with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
    for line in maps:
        span, rights, *rest = line.split()
        if rights[0] != "r" or "[v" in line:
            continue
        first, last = (int(part, 16) for part in span.split("-"))
        memory.seek(first)
        found += len(re.findall(rb"planted-0-1-4-9[-0-9]{50}", memory.read(last - first)))
print(found)
"""
    own = sandbox.run(Execution(f"{search}\n{planted!r}"))[0]
    assert int(own.stdout) > 0, "the search finds nothing, not even what is there"
    assert sandbox.run(Execution(search))[0].stdout == b"0\n"


def test_uploaded_files_lie_in_the_box(run_one: Callable[..., Run]) -> None:
    run = run_one("print(open('a.txt').read() + open('b/c.txt').read())", files={"a.txt": b"fi", "b/c.txt": b"ne"})
    assert run.stdout == b"fine\n", run
