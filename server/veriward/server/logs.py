"""Structured logs to stderr, a line per event, through a logger that belongs to one app.

No text of a task or a response is ever logged.
"""

import logging
import sys
from typing import Any, TextIO

import structlog
from pydantic_core import to_json

from veriward.server.settings import Settings

Log = structlog.typing.FilteringBoundLogger


def logger(settings: Settings, stream: TextIO | None = None) -> Log:
    """A logger for `settings.log_level` and `settings.log_format`, writing to `stream` (stderr)."""
    console = settings.log_format == "console"
    renderer = structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer(serializer=_json)
    processors: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        renderer,
    ]
    if console:
        processors.remove(structlog.processors.format_exc_info)
    log: Log = structlog.wrap_logger(
        structlog.WriteLogger(stream or sys.stderr),
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[settings.log_level.upper()]),
        cache_logger_on_first_use=True,
    ).bind()
    return log


def _json(event: dict[str, Any], **_: Any) -> str:
    return to_json(event, fallback=repr).decode()
