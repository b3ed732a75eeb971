"""Gives a branch of a session its user, its box and its /proc, from outside: it can map and mount nothing itself.

The user is the one that it had. Done by a process that the zygote forks for it, which enters the branch's namespaces
and ends. It touches nothing that the branch could have put in its way: both mount points lie in a read-only root.
"""

import os

from veriward.sandbox import child, jail, kernel


def furnish(branch: int, stem: int) -> int:
    """For the process of the pidfd `branch`, forked by that of `stem`; returns a wait status, 0 if it was done."""
    entering = os.fork()
    if not entering:
        _enter(branch, stem)
    return os.waitpid(entering, 0)[1]


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


def _enter(branch: int, stem: int) -> None:
    code = 1
    try:
        _map_user(branch, stem)
        kernel.setns(branch, kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS | kernel.CLONE_NEWPID)
        inside = os.fork()  # /proc shows the namespace of whoever mounts it
        if inside:
            code = os.waitstatus_to_exitcode(os.waitpid(inside, 0)[1])
        else:
            kernel.mount("tmpfs", jail.BOX, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, child.BOX_OPTIONS)
            code = 0 if jail.mount_proc("/proc") else 1
    finally:
        os._exit(code)
