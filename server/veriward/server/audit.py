"""The audit log: what was graded and what came of it, a JSON line per item, for `veriward replay`.

A line holds the task whole (a stored one, too), the responses and their results, and nothing of the caller: no key, no
header, no address. It is written by a thread of its own; what the disk cannot take is dropped and counted, and never
holds a verdict back. Files are rotated by size, and the oldest goes. Two servers must not share a file.
"""

import json
import os
import random
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from veriward.server.batch import Batch
from veriward.server.logs import Log
from veriward.server.settings import Settings
from veriward.server.task_store import TaskStore
from veriward.verifiers import InvalidTask
from veriward.wire import GradeRequest

MAX_PENDING = 4_096  # items that wait for the disk
MAX_LINE_BYTES = 30 << 20  # what `veriward replay` reads
READ_BY_OWNER = 0o600  # tasks hold their answers
END_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One item whose results are all there."""

    fields: Mapping[str, Any]
    results: Sequence[bytes]

    def line(self) -> bytes:
        return b'%b,"results":[%b]}\n' % (_written(self.fields)[:-1], b",".join(self.results))


class AuditLog:
    """Off where `settings.audit_file` is empty. `rows` and `dropped` are counts of items."""

    def __init__(self, settings: Settings, tasks: TaskStore, log: Log) -> None:
        self._tasks = tasks
        self._log = log
        self._share = settings.audit_sample
        self._draw = random.Random().random
        self.rows = 0
        self.dropped = 0
        path = settings.audit_file
        self._files = None if path is None else RotatedFile(path, settings.audit_file_bytes, settings.audit_files)
        self._pending: deque[Entry] = deque()
        self._work = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def watch(self, asked: GradeRequest, batch: Batch) -> None:
        """Write the sampled items of the request once all its results are there."""
        if self._files is None:
            return
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        chosen = [at for at in range(len(asked.items)) if self._share >= 1 or self._draw() < self._share]
        kept = [(at, self._fields(asked, at, batch.request_id, now)) for at in chosen]

        def at_end() -> None:
            for at, fields in kept:
                self._put(Entry(fields, batch.slots[at]))

        if kept:
            batch.at_end(at_end)

    def close(self) -> None:
        """Write what waits, `END_SECONDS` at most."""
        with self._work:
            self._closed = True
            self._work.notify()
        if self._thread is not None:
            self._thread.join(END_SECONDS)

    def _fields(self, asked: GradeRequest, at: int, request_id: str, now: str) -> dict[str, Any]:
        item = asked.items[at]
        told: dict[str, Any] = {"time": now, "request_id": request_id, "id": item.id, "source": item.source}
        told |= {"task": self._whole(item.task), "responses": item.responses}
        if item.group_shaping:
            told["group_shaping"] = [term.model_dump(exclude_none=True) for term in item.group_shaping]
        return told

    def _whole(self, task: Mapping[str, Any]) -> Mapping[str, Any]:
        if "ref" not in task:
            return task
        try:
            ready = self._tasks.resolve(task)
        except InvalidTask:
            return task
        return {"verifier": ready.verifier.name, **json.loads(ready.fields_json)}

    def _put(self, entry: Entry) -> None:
        with self._work:
            if self._closed or len(self._pending) >= MAX_PENDING:
                self.dropped += 1
                return
            self._pending.append(entry)
            self._work.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._write, name="audit", daemon=True)
            self._thread.start()

    def _write(self) -> None:
        assert self._files is not None
        failing = False
        while (entry := self._next()) is not None:
            try:
                line = entry.line()
                if len(line) > MAX_LINE_BYTES:
                    self.dropped += 1
                    continue
                self._files.append(line)
                self.rows += 1
                failing = False
            except OSError as error:
                self.dropped += 1
                if not failing:  # one line for a full disk, not one for each rollout
                    self._log.error("audit_not_written", path=str(self._files.path), error=error.strerror)
                failing = True
        self._files.close()

    def _next(self) -> Entry | None:
        with self._work:
            self._work.wait_for(lambda: self._pending or self._closed)
            return self._pending.popleft() if self._pending else None


class RotatedFile:
    """Appends whole lines to `path`; one that would pass `max_bytes` begins a new file, the old being `path.1` …"""

    def __init__(self, path: Path, max_bytes: int, files: int) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._files = files
        self._descriptor: int | None = None
        self._size = 0

    def append(self, line: bytes) -> None:
        """Raises `OSError`."""
        if self._descriptor is None:
            self._open()
        if self._size and self._size + len(line) > self._max_bytes:
            self._rotate()
        assert self._descriptor is not None
        before, done = self._size, 0
        try:
            while done < len(line):
                done += os.write(self._descriptor, line[done:])
        except OSError:
            os.ftruncate(self._descriptor, before)  # no torn line before the next
            raise
        self._size = before + len(line)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> None:
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, READ_BY_OWNER)
        self._size = os.fstat(self._descriptor).st_size

    def _rotate(self) -> None:
        self.close()
        for number in range(self._files - 1, 0, -1):
            newer = self.path if number == 1 else self._numbered(number - 1)
            if newer.exists():
                newer.replace(self._numbered(number))
        if self._files == 1:
            self.path.unlink(missing_ok=True)
        self._open()

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")


def _written(fields: Mapping[str, Any]) -> bytes:
    """JSON; with escapes where a lone surrogate in a response leaves no other way."""
    try:
        return to_json(fields, inf_nan_mode="null")
    except ValueError:
        return json.dumps(fields, default=_plain).encode()


def _plain(value: Any) -> Any:
    dump: Callable[..., Any] | None = getattr(value, "model_dump", None)
    return dump(exclude_none=True) if dump is not None else str(value)
