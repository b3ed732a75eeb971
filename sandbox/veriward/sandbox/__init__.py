"""Runs untrusted programs, confined: nothing gets out, nothing is left."""

from veriward.sandbox.errors import Cancelled, ExecutionRefused, IsolationUnavailable, SandboxError
from veriward.sandbox.execution import Execution, Isolation, Limits, Run, RunStatus, Sandbox, Usage

__all__ = [
    "Cancelled",
    "Execution",
    "ExecutionRefused",
    "Isolation",
    "IsolationUnavailable",
    "Limits",
    "Run",
    "RunStatus",
    "Sandbox",
    "SandboxError",
    "Usage",
]
