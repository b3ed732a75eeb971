"""Confines the calling process for good: a grader runs our code on hostile text and needs almost nothing.

It does not hide metadata (`stat`) and gives no memory of its own; `enter_private_namespaces` in a warm parent adds the
empty network and IPC namespaces where the host allows them.
"""

import os
import resource
import signal
from collections.abc import Iterable, Sequence

from veriward.sandbox import kernel, landlock, seccomp

NO_CORE_BYTES = 1
"""With 0, a host whose `core_pattern` is a pipe still starts its handler, as root, with the image of every crash; 1 is
the kernel's own sign for none at all (`do_coredump` in fs/coredump.c)."""
_MAX_DESCRIPTOR = 0xFFFF_FFFF


def die_with_parent(parent_pid: int) -> None:
    """Be killed when the parent dies. Call right after fork, with the parent's pid taken before it.

    Per parent *thread*: fork from a thread that lives as long as the process should.
    """
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it died before the signal was asked for
        os._exit(1)


def close_other_descriptors(keep: Iterable[int]) -> None:
    """Close every descriptor that is not in `keep`: a fork must not hold its parent's sockets."""
    first = 0
    for descriptor in sorted(set(keep)):
        if descriptor > first:
            kernel.close_range(first, descriptor - 1)
        first = descriptor + 1
    kernel.close_range(first, _MAX_DESCRIPTOR)


def enter_private_namespaces() -> tuple[str, ...]:
    """Move this single-threaded process into user, network and IPC namespaces of its own; returns those entered.

    Identity stays the same user. An empty tuple where the host forbids it: `confine` alone must then do.
    """
    user, group = os.getuid(), os.getgid()
    try:
        kernel.unshare(kernel.CLONE_NEWUSER | kernel.CLONE_NEWNET | kernel.CLONE_NEWIPC)
    except OSError:
        return ()
    for name, line in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(line)
    return ("user_namespace", "network_namespace", "ipc_namespace")


def confine(
    *, readable: Sequence[str], memory_bytes: int, network: bool = False, processes: int = 0, file_bytes: int = 0
) -> tuple[str, ...]:
    """Irrevocably confine the calling, single-threaded process; returns the layers applied.

    `readable`      directories and files it may read; it can write, create or execute none, anywhere
    `memory_bytes`  bound of its address space, what it already maps included
    `network`       allow socket() and connect()
    `processes`     how many it may have under its uid (root is not counted by the kernel); 0: no fork, no thread
    `file_bytes`    bound of a file it writes through a descriptor it holds, memfds included

    Descriptors already open keep working. Raises `OSError` where the kernel has no seccomp; a kernel without Landlock
    shows in the layers returned.
    """
    limits = {
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_NPROC: processes,
        resource.RLIMIT_FSIZE: file_bytes,
        resource.RLIMIT_CORE: NO_CORE_BYTES,
    }
    program = kernel.SeccompProgram(
        seccomp.assemble(seccomp.grader(os.getpid(), network=network, processes=processes > 0))
    )
    kernel.no_new_privileges()
    layers = ["no_new_privs"]
    if version := landlock.abi():
        ruleset = landlock.prepare(version, [(path, landlock.READ) for path in readable], network=network)
        ruleset.restrict()
        os.close(ruleset.descriptor)
        layers += ruleset.layers
    kernel.drop_bounding_set()
    kernel.drop_capabilities()
    for kind, value in limits.items():
        lower_limit(kind, value)
    program.install()
    return (*layers, "capabilities", "rlimits", "seccomp")


def lower_limit(kind: int, value: int) -> None:
    """Set both the soft and the hard limit to `value`, or to the hard limit where that is lower already."""
    hard = resource.getrlimit(kind)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))
