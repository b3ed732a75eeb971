"""Gives a branch of a session its user, its box and its /proc, from outside: it can map and mount nothing itself.

The user is the one that it had. Done by a process that the zygote forks for it, which enters the branch's namespaces
and ends. It touches nothing that the branch could have put in its way: both mount points lie in a read-only root.
"""

import os
from typing import NoReturn

from veriward.sandbox import child, jail, kernel

MOST_AT_ONCE = 8


def furnish(own_pids: int, stem: int, *branches: int) -> int:
    """For the processes of the pidfds `branches`, forked by that of `stem`; a wait status, 0 if all was done.

    `own_pids` is the caller's pid namespace, which it leaves to fork: /proc shows the namespace of who mounts it.
    """
    entering = []
    try:
        for branch in branches:
            kernel.setns(branch, kernel.CLONE_NEWPID)
            entering.append(os.fork() or _furnish(branch, stem))
            kernel.setns(own_pids, kernel.CLONE_NEWPID)
    except OSError:
        kernel.setns(own_pids, kernel.CLONE_NEWPID)
        entering.append(0)
    return max(os.waitpid(process, 0)[1] if process else 1 for process in entering)


def _map_user(branch: int, stem: int) -> None:
    """Only who is in the parent user namespace may do so."""
    if _namespace(_field(f"/proc/self/fdinfo/{stem}", "Pid:")[0]) != _namespace("self"):
        kernel.setns(stem, kernel.CLONE_NEWUSER)
    pid = _field(f"/proc/self/fdinfo/{branch}", "Pid:")[0]
    for kind in ("uid", "gid"):
        own = _field(f"/proc/{pid}/status", f"{kind.capitalize()}:")[0]
        with open(f"/proc/{pid}/{kind}_map", "wb", buffering=0) as file:
            file.write(f"{own} {own} 1".encode())


def _namespace(process: str) -> int:
    return os.stat(f"/proc/{process}/ns/user").st_ino


def _field(path: str, name: str) -> list[str]:
    with open(path) as file:
        return next(line for line in file if line.startswith(name)).split()[1:]


def _furnish(branch: int, stem: int) -> NoReturn:
    code = 1
    try:
        _map_user(branch, stem)
        kernel.setns(branch, kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS)
        kernel.mount("tmpfs", jail.BOX, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, child.BOX_OPTIONS)
        code = 0 if jail.mount_proc("/proc") else 1
    finally:
        os._exit(code)
