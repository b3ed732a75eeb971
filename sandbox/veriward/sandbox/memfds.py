"""Memory files that carry payloads between keeper and child: never a pipe to fill, never a path to race on."""

import fcntl
import os
import stat

_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL


def blank(name: str) -> int:
    """An empty one, to be written by a child."""
    return os.memfd_create(name, os.MFD_CLOEXEC)


def sealed(name: str, content: bytes) -> int:
    """One that nobody can change: what a test reads, an earlier test can't have rewritten."""
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    at = 0
    while at < len(content):  # its offset stays at the beginning
        at += os.pwrite(descriptor, content[at:] if at else content, at)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    return descriptor


def size_bytes(descriptor: int) -> int:
    return os.fstat(descriptor).st_size


def read(descriptor: int, most_bytes: int) -> bytes:
    """The first `most_bytes`, whatever the child has done to the file's offset."""
    size = min(size_bytes(descriptor), most_bytes)
    return read_exactly(descriptor, size) if size else b""


def read_exactly(descriptor: int, size: int) -> bytes:
    """The first `size` bytes, or what is left of them in a file that has shrunk since it was looked at."""
    content = os.pread(descriptor, size, 0)
    while content and len(content) < size and (more := os.pread(descriptor, size - len(content), len(content))):
        content += more
    return content


def is_regular(descriptor: int) -> bool:
    return stat.S_ISREG(os.fstat(descriptor).st_mode)
