"""What the processes under another one have used, as /proc tells: all of them, at any moment, to the hundredth."""

import contextlib
import os

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def descendants_cpu_seconds(pid: int) -> float:
    """CPU time of the living descendants of `pid`, and of their children that they have waited for.

    0 where there is no /proc. One that ends meanwhile may be missed.
    """
    ticks, unseen = 0, _children(pid)
    while unseen:
        at = unseen.pop()
        with contextlib.suppress(OSError), open(f"/proc/{at}/stat", "rb") as file:
            ticks += sum(map(int, file.read().rpartition(b")")[2].split()[11:15]))  # user, system; the same of children
        unseen += _children(at)
    return ticks / TICKS_PER_SECOND


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{pid}/children", "rb") as file:
        return list(map(int, file.read().split()))
    return []
