"""Inside a container: takes our sources from its standard input, then is the pipe between that and a keeper.

So an image needs nothing of ours in it, and can't be of another version than its server. What travels:

    in    size and bytes of the archive (`sources`), then the supervisor's frames
    out   a frame `K JSON` of what this kernel is (`kernel`), then the keeper's frames, its hello first
"""

import contextlib
import io
import json
import os
import select
import site
import socket
import struct
import subprocess
import sys
import tarfile

from veriward.sandbox import cgroups, frames, launch

SIZE = struct.Struct("<I")
_PIPE_BYTES = 1 << 16
# Runs before there is anything of ours: by any Python 3, to be able to say that it is too old.
_BOOT = """
import io, os, struct, sys, tarfile
if sys.version_info < (3, 11):
    sys.exit("the image's python3 is %d.%d; Veriward needs 3.11 or later" % sys.version_info[:2])
stdin = os.fdopen(0, "rb", 0, closefd=False)
def exactly(size):
    parts = []
    while size:
        parts.append(stdin.read(size))
        if not parts[-1]:
            sys.exit(0)
        size -= len(parts[-1])
    return b"".join(parts)
(size,) = struct.unpack("<I", exactly(4))
tarfile.open(fileobj=io.BytesIO(exactly(size))).extractall({directory!r})
sys.path.append({directory!r})
from veriward.sandbox.contained import main
main()
"""


def command(directory: str, module: str) -> list[str]:
    """What a container is to run: our sources go to `directory`, and `module` is the keeper."""
    return ["python3", "-I", "-S", "-c", _BOOT.replace("{directory!r}", repr(directory)), module]


def sources() -> bytes:
    """This package as it is installed here."""
    archive = io.BytesIO()
    package = os.path.dirname(os.path.abspath(__file__))
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for folder, folders, names in os.walk(package):
            folders[:] = sorted(set(folders) - {"__pycache__"})
            for name in sorted(names):
                path = os.path.join(folder, name)
                tar.add(path, "veriward/sandbox/" + os.path.relpath(path, package), recursive=False, filter=_plain)
    content = archive.getvalue()
    return SIZE.pack(len(content)) + content


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    return member


def kernel() -> tuple[str, str]:
    """Its release, and what tells one boot of it from all others, where it says so."""
    boot = ""
    with contextlib.suppress(OSError), open("/proc/sys/kernel/random/boot_id") as file:
        boot = file.read().strip()
    return os.uname().release, boot


def main() -> None:
    _write(frames.pack(b"K", json.dumps(kernel()).encode()))
    environment = launch.keeper_environment()
    environment |= {cgroups.LENT_VARIABLE: "1", launch.PACKAGES_VARIABLE: os.pathsep.join(site.getsitepackages())}
    ours, theirs = socket.socketpair()
    with theirs:
        keeper = subprocess.Popen(
            launch.command(sys.argv[1], None, str(os.getpid()), str(theirs.fileno()), "--min-level", "L0", "--hello"),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=2,
            pass_fds=(theirs.fileno(),),
        )
    _carry(ours)
    ours.close()
    keeper.wait()


def _carry(keeper: socket.socket) -> None:
    """Until one of the two has no more to say."""
    while True:
        ready, _, _ = select.select([0, keeper.fileno()], [], [])
        if keeper.fileno() in ready:
            content = keeper.recv(_PIPE_BYTES)
            if not content:
                return
            _write(content)
        if 0 in ready:
            content = os.read(0, _PIPE_BYTES)
            if not content:
                return
            keeper.sendall(content)


def _write(content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(1, view) :]


if __name__ == "__main__":
    main()
