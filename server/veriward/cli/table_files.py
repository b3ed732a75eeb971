"""Reads a parquet file as if it were lines of JSON, so that every command that takes JSONL takes it too.

Needs pyarrow (the extra `rows`). One batch of rows is held at a time. A row's offset is its share of the file, for the
progress bar; its bytes are the same at every reading, so that a run can be taken up again.
"""

import json
import math
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from veriward.cli.exits import Exit, Stop

SUFFIX = ".parquet"
BATCH_ROWS = 256


def is_table(path: Path) -> bool:
    return path.suffix.lower() == SUFFIX


def table_lines(path: Path) -> Iterator[tuple[int, bytes, int]]:
    """(number from 1, JSON of the row, offset) of each row. Raises `Stop` where pyarrow is missing, or no parquet is
    in the file."""
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise Stop(f"{path}: reading parquet needs pyarrow; pip install 'veriward[rows]'", Exit.USAGE) from None
    size_bytes = path.stat().st_size
    try:
        with ParquetFile(path) as file:
            count = max(1, file.metadata.num_rows)
            number = 0
            for batch in file.iter_batches(batch_size=BATCH_ROWS):
                for row in batch.to_pylist():
                    number += 1
                    yield number, _json(row), size_bytes * number // count
    except ArrowException as error:
        raise Stop(f"{path}: {str(error)[:200]}", Exit.USAGE) from None


def _json(row: dict[str, Any]) -> bytes:
    """A `task` that is a text is JSON: tasks of several kinds have no type in common."""
    if isinstance(row.get("task"), str):
        with suppress(ValueError, RecursionError):
            row = {**row, "task": json.loads(row["task"])}
    text = json.dumps(_finite(row), ensure_ascii=False, default=_written)
    return text.encode("utf-8", "backslashreplace")


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: a column's are null, as its other missing values are."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return value


def _written(value: Any) -> Any:
    """What JSON has no form for."""
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta | Decimal):
        return str(value)
    raise TypeError(f"a column holds a value of type {type(value).__name__}")
