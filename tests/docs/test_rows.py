"""The examples of docs/rows.md run, without a server; its table names every set."""

from collections.abc import Callable
from typing import Any

from veriward.verifiers.rows import known_sets


def test_the_examples_run(page_of: Callable[[str], Any]) -> None:
    names: dict[str, Any] = {}
    blocks = page_of("docs/rows.md").blocks("python")
    assert blocks
    for block in blocks:
        exec(compile(block.text, f"docs/rows.md:{block.line}", "exec"), names)  # noqa: S102


def test_every_set_is_named(page_of: Callable[[str], Any]) -> None:
    text = page_of("docs/rows.md").text
    assert [name for name in known_sets() if f"`{name}`" not in text and name != "verl"] == []
