"""A session's files, from within: put into its box, read back, and copied into the box of a branch.

Only regular files are read, no link is followed on the way, and everything is counted. A program may have made the box
whatever it likes: the worst it gains is to give other bytes than the file holds, and it could have written those.
"""

import errno
import os
import stat
from collections.abc import Sequence

from veriward.sandbox.session import MAX_FETCHED_BYTES

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CHUNK_BYTES = 1 << 20


def place(box: str, files: Sequence[tuple[str, int]], contents: int) -> None:
    """Write `files`, by name and size, whose contents lie one after the other in the file `contents`.

    Raises `OSError` where something in the box is in the way.
    """
    for name, size in files:
        *directories, last = name.split("/")
        at = _descend(box, directories, make=True)
        try:
            target = os.open(last, _WRITE, 0o644, dir_fd=at)
        finally:
            os.close(at)
        try:
            while size:
                size -= os.sendfile(target, contents, None, size)
        finally:
            os.close(target)


def fetch(box: str, names: Sequence[str]) -> tuple[dict[str, bytes], dict[str, str]]:
    """What the files hold, and of those that are not given why not."""
    found: dict[str, bytes] = {}
    refused: dict[str, str] = {}
    room = MAX_FETCHED_BYTES
    for name in names:
        try:
            found[name] = _content(box, name, room)
            room -= len(found[name])
        except OSError as fault:
            refused[name] = _why(fault)
    return found, refused


def copy_tree(source: int, target: str) -> None:
    """Copy regular files, directories and links from the directory `source`; other things are left behind."""
    to = os.open(target, _DIRECTORY)
    try:
        _copy(source, to)
    finally:
        os.close(to)


def copy_content(source: int, target: int) -> None:
    size, at = os.fstat(source).st_size, 0
    while at < size and (part := os.pread(source, _CHUNK_BYTES, at)):
        os.pwrite(target, part, at)
        at += len(part)


def _content(box: str, name: str, room: int) -> bytes:
    *directories, last = name.split("/")
    at = _descend(box, directories, make=False)
    try:
        source = os.open(last, _READ, dir_fd=at)
    finally:
        os.close(at)
    try:
        found = os.fstat(source)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        if found.st_size > room:
            raise OSError(errno.EFBIG, f"over the {MAX_FETCHED_BYTES:,} bytes that one cell can give")
        content = b""
        while len(content) < found.st_size and (part := os.pread(source, found.st_size - len(content), len(content))):
            content += part
        return content
    finally:
        os.close(source)


def _descend(box: str, directories: Sequence[str], *, make: bool) -> int:
    at = os.open(box, _DIRECTORY)
    for name in directories:
        try:
            if make:
                try:
                    os.mkdir(name, 0o755, dir_fd=at)
                except FileExistsError:
                    pass
            below = os.open(name, _DIRECTORY, dir_fd=at)
        finally:
            os.close(at)
        at = below
    return at


def _why(fault: OSError) -> str:
    if fault.errno == errno.ENOENT:
        return "there is no such file"
    if fault.errno in (errno.ELOOP, errno.ENOTDIR):
        return "a link is not followed"
    return fault.strerror or "not readable"


def _copy(source: int, target: int) -> None:
    with os.scandir(source) as entries:
        found = [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]
    for name, status in found:
        mode = status.st_mode
        if stat.S_ISLNK(mode):
            os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
        elif stat.S_ISDIR(mode):
            os.mkdir(name, 0o700, dir_fd=target)
            below, copy = os.open(name, _DIRECTORY, dir_fd=source), os.open(name, _DIRECTORY, dir_fd=target)
            _copy(below, copy)
            os.fchmod(copy, stat.S_IMODE(mode))
            os.close(below)
            os.close(copy)
        elif stat.S_ISREG(mode):
            below = os.open(name, _READ, dir_fd=source)
            copy = os.open(name, _WRITE | os.O_EXCL, 0o600, dir_fd=target)
            copy_content(below, copy)
            os.fchmod(copy, stat.S_IMODE(mode))
            os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
            os.close(below)
            os.close(copy)
