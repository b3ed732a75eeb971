"""Writes tasks to a JSONL or parquet file, which takes its name only once it is whole."""

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from veriward.cli.exits import Exit, Stop
from veriward.cli.table_files import is_table

BATCH_ROWS = 1_000


class TaskFile:
    """A context: `write` each row, then `finish`; left without `finish`, no file is there. Raises `Stop`, `OSError`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = path.with_name(f"{path.name}.partial")
        self._rows: list[dict[str, Any]] = []
        self._table: Any = None
        if path.is_dir():
            raise Stop(f"{path} is a folder; name a file with -o", Exit.USAGE)
        self._lines: TextIO | None = None
        if is_table(path):
            self._schema: Any = _schema()
        else:
            self._lines = self._partial.open("w", encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lines is not None:
            self._lines.close()
        if self._table is not None:
            self._table.close()
        self._partial.unlink(missing_ok=True)

    def write(self, row: dict[str, Any]) -> None:
        if self._lines is not None:
            self._lines.write(json.dumps(row, ensure_ascii=False) + "\n")
            return
        self._rows.append({**row, "task": json.dumps(row["task"], ensure_ascii=False)})
        if len(self._rows) == BATCH_ROWS:
            self._flush()

    def finish(self) -> None:
        if self._lines is None:
            self._flush()
            self._table.close()
            self._table = None
        else:
            self._lines.close()
        os.replace(self._partial, self._path)

    def _flush(self) -> None:
        from pyarrow import RecordBatch
        from pyarrow.parquet import ParquetWriter

        if self._table is None:
            self._table = ParquetWriter(self._partial, self._schema)
        self._table.write_batch(RecordBatch.from_pylist(self._rows, schema=self._schema))
        self._rows = []


def _schema() -> Any:
    try:
        import pyarrow
    except ImportError:
        raise Stop("writing parquet needs pyarrow; pip install 'veriward[rows]'", Exit.USAGE) from None
    text = pyarrow.string()
    columns = [("id", text), ("source", text), ("difficulty", pyarrow.float64()), ("prompt", text)]
    return pyarrow.schema([*columns, ("task", text), ("reference", text)])
