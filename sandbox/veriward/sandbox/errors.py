"""What can go wrong in the sandbox that is *ours*, never the program's.

SandboxError                    infrastructure: a broken zygote, a lost child, a protocol fault; the job is tried again
├── IsolationUnavailable        the host can't give the asked level; carries the missing layers and the remedy
├── ExecutionRefused            the request is outside the bounds (size, limits, file names); names the field
└── Cancelled                   the caller gave up; the program was killed
"""


class SandboxError(Exception):
    """The sandbox failed; nothing is known about the program."""


class IsolationUnavailable(SandboxError):
    """The host cannot give the isolation asked for. `remedy` says exactly what to change."""

    def __init__(self, message: str, *, missing: tuple[str, ...] = (), remedy: str = "") -> None:
        super().__init__(message)
        self.missing = missing
        self.remedy = remedy


class ExecutionRefused(SandboxError):
    """The execution is outside the bounds; `field` names what to change."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class Cancelled(SandboxError):
    """The execution was cancelled and its program killed."""
