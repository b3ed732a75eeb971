"""What travels between whoever has sessions and their keeper: frames (`frames.py`) of a JSON head and byte strings.

    H report     <-               what the live probe found (`levels.Report`), once
    Q request     ->              {"ticket", "op", "session", …}, blobs
    A answer     <-               {"ticket", …}, blobs
    E fault      <-               {"ticket", "fault", "message", "reason"}: one of `FAULTS`
    N notice     <-               {"session", "reason"}: a session is lost, unasked

op `open`       {"session": its new id, "profile", "limits", "idle_seconds", "files": names}, contents
op `run`        {"session", "limits", "files", "fetch"}, code and contents; answered with a packed `CellResult`
op `fork`       {"session", "ids": the new ones}
op `reset`      {"session", "files"}, contents
op `interrupt`  {"session"}: the cell that runs, or waits to; answered at once
op `look`       {"session"}: {"cells", "idle_seconds", "running", "generation"}
op `close`      {"session"}
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from veriward.sandbox.errors import ExecutionRefused, IsolationUnavailable, SandboxError
from veriward.sandbox.execution import Isolation, Limits, RunStatus, Usage
from veriward.sandbox.frames import pack, pack_blobs, unpack_blobs
from veriward.sandbox.session import (
    Cell,
    CellLimits,
    CellResult,
    ForkRefused,
    SessionBusy,
    SessionLost,
    SessionPlan,
    SessionUnknown,
    TooManySessions,
)

Head = dict[str, Any]
FAULTS: Mapping[str, type[SandboxError]] = {
    "unknown": SessionUnknown,
    "lost": SessionLost,
    "busy": SessionBusy,
    "fork": ForkRefused,
    "full": TooManySessions,
    "refused": ExecutionRefused,
    "isolation": IsolationUnavailable,
    "sandbox": SandboxError,
}


def open_request(session: str, plan: SessionPlan) -> tuple[Head, list[bytes]]:
    head: Head = {"op": "open", "session": session, "profile": plan.profile, "limits": asdict(plan.limits)}
    return head | {"idle_seconds": plan.idle_seconds, "files": list(plan.files)}, list(plan.files.values())


def read_plan(head: Head, blobs: list[bytes]) -> SessionPlan:
    files = dict(zip(head["files"], blobs, strict=True))
    return SessionPlan(head["profile"], Limits(**head["limits"]), head["idle_seconds"], files)


def run_request(session: str, cell: Cell) -> tuple[Head, list[bytes]]:
    head: Head = {"op": "run", "session": session, "limits": asdict(cell.limits)}
    head |= {"files": list(cell.files), "fetch": cell.fetch}
    return head, [cell.code.encode("utf-8", "surrogatepass"), *cell.files.values()]


def read_cell(head: Head, blobs: list[bytes]) -> Cell:
    code, *contents = blobs
    files = dict(zip(head["files"], contents, strict=True))
    return Cell(code.decode("utf-8", "surrogatepass"), CellLimits(**head["limits"]), files, tuple(head["fetch"]))


def result_answer(result: CellResult) -> tuple[Head, list[bytes]]:
    head: Head = {
        "index": result.index,
        "status": result.status.value,
        "reason": result.reason,
        "value": result.value,
        "error": result.error,
        "traceback": result.traceback,
        "figures": len(result.figures),
        "files": list(result.files),
        "refused": result.refused,
        "lost": result.lost,
        "usage": asdict(result.usage),
        "isolation": asdict(result.isolation),
    }
    return head, [result.stdout, result.stderr, *result.figures, *result.files.values()]


def read_result(head: Head, blobs: list[bytes]) -> CellResult:
    stdout, stderr, *rest = blobs
    figures = head["figures"]
    isolation = head["isolation"]
    return CellResult(
        index=head["index"],
        status=RunStatus(head["status"]),
        reason=head["reason"],
        stdout=stdout,
        stderr=stderr,
        value=head["value"],
        error=head["error"],
        traceback=head["traceback"],
        figures=tuple(rest[:figures]),
        files=dict(zip(head["files"], rest[figures:], strict=True)),
        refused=head["refused"],
        lost=head["lost"],
        usage=Usage(**head["usage"]),
        isolation=Isolation(isolation["level"], tuple(isolation["layers"]), isolation["backend"]),
    )


def pack_request(ticket: int, head: Head, blobs: list[bytes]) -> bytes:
    return pack(b"Q", pack_blobs({"ticket": ticket, **head}, blobs))


def pack_answer(ticket: int, head: Head, blobs: list[bytes]) -> bytes:
    return pack(b"A", pack_blobs({"ticket": ticket, **head}, blobs))


def pack_fault(ticket: int, fault: SandboxError) -> bytes:
    return pack(b"E", pack_blobs({"ticket": ticket, **fault_head(fault)}, []))


def fault_head(fault: SandboxError) -> Head:
    kind = next(name for name, kind in FAULTS.items() if isinstance(fault, kind))
    if isinstance(fault, ExecutionRefused):
        said, reason = fault.message, fault.field
    else:
        said, reason = str(fault), fault.reason if isinstance(fault, SessionLost) else ""
    return {"fault": kind, "message": said, "reason": reason}


def read_fault(head: Head) -> SandboxError:
    kind = FAULTS[head["fault"]]
    if kind is SessionLost:
        return SessionLost(head["message"], head["reason"])
    if kind is ExecutionRefused:
        return ExecutionRefused(head["reason"], head["message"])
    return kind(head["message"])


def pack_notice(session: str, reason: str) -> bytes:
    return pack(b"N", pack_blobs({"session": session, "reason": reason}, []))


def read(payload: bytes) -> tuple[Head, list[bytes]]:
    return unpack_blobs(payload)
