"""One run of `veriward rows`: lines in, items out, one at a time."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from veriward.cli.graded_file import encoded
from veriward.cli.progress import FileProgress
from veriward.cli.rejected_lines import RejectedLines
from veriward.cli.rollout_lines import MAX_LINE_BYTES, Unfit, bad_line, json_object, raw_lines
from veriward.verifiers.rows import RowError, to_item

MAX_KINDS = 100  # of source and verifier, told one by one
OTHER = ("(other sources)", "")


class RowsRun:
    """`convert` writes the output whole, or leaves what was there."""

    def __init__(self, source: Path, output: Path, set_name: str | None, responses: str) -> None:
        self._source = source
        self._output = output
        self._set_name = set_name
        self._responses = responses
        self.rejected = RejectedLines(output)
        self.items: Counter[tuple[str, str]] = Counter()

    def convert(self) -> None:
        begun = self._output.with_name(self._output.name + ".part")
        try:
            with begun.open("wb") as file, FileProgress(self._source.stat().st_size, "reading", "rows") as progress:
                for number, raw, end in raw_lines(self._source):
                    try:
                        file.write(self._item(raw))
                    except (Unfit, RowError) as error:
                        self.rejected.add(bad_line(number, raw, end, str(error)))
                    progress.advance(end, 1)
            begun.replace(self._output)
        finally:
            begun.unlink(missing_ok=True)
            self.rejected.close()

    def _item(self, raw: bytes) -> bytes:
        row = json_object(raw)
        responses = row.pop(self._responses, None)
        item: dict[str, Any] = to_item(row, self._set_name)
        if responses is not None:
            item["responses"] = responses if isinstance(responses, list) else [responses]
        line = encoded(item)
        if len(line) > MAX_LINE_BYTES:
            raise Unfit(f"its item is longer than the {MAX_LINE_BYTES:,} bytes that can be graded")
        kind = (item["source"], item["task"]["verifier"])
        self.items[kind if kind in self.items or len(self.items) < MAX_KINDS else OTHER] += 1
        return line

    def sentences(self) -> Iterator[str]:
        """What a summary says."""
        yield f"{self.items.total():,} items in {self._output}"
        for (source, verifier), count in sorted(self.items.items()):
            yield f"  {source}: {count:,} for {verifier}" if verifier else f"  {source}: {count:,}"
        yield from self.rejected.sentences()
