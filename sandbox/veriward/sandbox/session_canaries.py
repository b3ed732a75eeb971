"""The canaries (`canaries.py`), each as a cell of a session of its own: a session's layers count as any program's."""

import contextlib
from collections.abc import Callable, Coroutine

from veriward.sandbox import canaries
from veriward.sandbox.errors import IsolationUnavailable
from veriward.sandbox.execution import Execution, Isolation
from veriward.sandbox.levels import REMEDIES, Report
from veriward.sandbox.session import Cell, CellResult
from veriward.sandbox.session_cells import CellRun
from veriward.sandbox.session_nursery import SessionNursery
from veriward.sandbox.session_resident import Resident, end, settle

Run = Callable[[Coroutine[None, None, CellResult]], CellResult]


def assess(nursery: SessionNursery, run: Run) -> Report:
    """What the nursery's sessions are kept from; `run` drives a coroutine to its end.

    Raises `IsolationUnavailable` where there are no sessions.
    """
    if nursery.failure:
        raise IsolationUnavailable(
            f"sessions need namespaces, which this host does not give: {nursery.failure}",
            remedy=REMEDIES["user_namespace"],
        )
    return canaries.assess_by(lambda execution: run(_try(nursery, execution)), nursery)


async def _try(nursery: SessionNursery, execution: Execution) -> CellResult:
    resident: Resident = settle(nursery, execution.limits, {})
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(end, resident, nursery)
        return await CellRun(resident, 1, Cell(execution.code), execution.limits).run(Isolation("L0", ()))
