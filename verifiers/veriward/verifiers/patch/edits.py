"""Reads the edits of a solution, as SEARCH/REPLACE blocks or as unified diffs, and applies them to files.

All of it reads line by line, once. What can not be read or applied raises `BadEdit`, in words about the edit.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

MAX_FILE_CHARS = 1_000_000
MAX_EDITS = 1_000

_HUNK = re.compile(r"@@ -(\d{1,7})(?:,\d{1,7})? \+\d{1,7}(?:,\d{1,7})? @@")
_NOWHERE = "/dev/null"


class BadEdit(Exception):
    """An edit breaks its format or does not fit its file."""


class Edit(NamedTuple):
    """Replace `search` by `replace` in `path`: whole lines, of which `line`, from 1, is the first where it is known."""

    path: str
    search: str
    replace: str
    line: int | None = None


def read_edits(solution: str) -> list[Edit]:
    """The edits in order. Raises `BadEdit` where there is none, or one is broken."""
    lines = solution.splitlines()
    edits = _blocks(lines) if "<<<<<<< SEARCH" in lines else _hunks(lines)
    if not edits:
        raise BadEdit("there is no edit")
    if len(edits) > MAX_EDITS:
        raise BadEdit(f"{len(edits):,} edits, more than {MAX_EDITS:,}")
    return edits


def apply(edits: list[Edit], files: Mapping[str, str]) -> dict[str, str]:
    """The new text of each edited file; a file that is not in `files` is new. Raises `BadEdit`."""
    changed: dict[str, str] = {}
    for edit in edits:
        text = changed.get(edit.path, files.get(edit.path, ""))
        changed[edit.path] = _searched(text, edit) if edit.line is None else _patched(text, edit)
    return changed


def _searched(text: str, edit: Edit) -> str:
    """As SWE-RL does: every occurrence that begins a line is replaced, though the last line need not be whole."""
    if edit.search == edit.replace:
        raise BadEdit(f"an edit of {edit.path} changes nothing")
    text, search, replace = f"\n{text}", f"\n{edit.search}", f"\n{edit.replace}"
    found = text.count(search)
    if not found:
        raise BadEdit(f"an edit of {edit.path} searches for what is not there")
    if len(text) + found * (len(replace) - len(search)) > MAX_FILE_CHARS:
        raise BadEdit(f"{edit.path} grows past {MAX_FILE_CHARS:,} characters")
    return text.replace(search, replace)[1:]


def _patched(text: str, edit: Edit) -> str:
    """The hunk at its line, else at the only place where its old lines stand."""
    lines = text.splitlines()
    old, new = edit.search.splitlines(), edit.replace.splitlines()
    at = _place(lines, old, max(0, (edit.line or 1) - 1))
    if at is None:
        raise BadEdit(f"a hunk of {edit.path} does not fit its file")
    if len(text) + len(edit.replace) > MAX_FILE_CHARS:
        raise BadEdit(f"{edit.path} grows past {MAX_FILE_CHARS:,} characters")
    patched = "\n".join([*lines[:at], *new, *lines[at + len(old) :]])
    return patched + "\n" if text.endswith("\n") and patched else patched


def _place(lines: list[str], old: list[str], expected: int) -> int | None:
    """Where the lines `old` stand: where they are expected, or the only place that has them."""
    if lines[expected : expected + len(old)] == old and expected <= len(lines):
        return expected
    text, block = "\n".join(["", *lines, ""]), "\n".join(["", *old, ""])
    at = text.find(block)
    return text.count("\n", 0, at) if old and at >= 0 and at == text.rfind(block) else None


def _blocks(lines: list[str]) -> list[Edit]:
    """`### path`, `<<<<<<< SEARCH`, old lines, `=======`, new lines, `>>>>>>> REPLACE`; the path may serve several."""
    edits: list[Edit] = []
    path: str | None = None
    old: list[str] | None = None
    new: list[str] | None = None
    for line in lines:
        if old is None:
            if line.startswith("### "):
                path = line[4:].strip()
            elif line == "<<<<<<< SEARCH":
                old = []
        elif new is None:
            if line == "=======":
                new = []
            else:
                old.append(line)
        elif line == ">>>>>>> REPLACE":
            if not path:
                raise BadEdit("an edit names no file")
            edits.append(Edit(path, "\n".join(old), "\n".join(new)))
            old = new = None
        else:
            new.append(line)
    if old is not None:
        raise BadEdit("the last edit never ends")
    return edits


def _hunks(lines: list[str]) -> list[Edit]:
    """The hunks of `--- path`, `+++ path`, `@@ -line,count +line,count @@`; counts that are wrong are forgiven."""
    edits: list[Edit] = []
    path, before = "", ""
    old: list[str] = []
    new: list[str] = []
    line: int | None = None

    def end() -> None:
        nonlocal line
        if line is not None:
            if old == new:
                raise BadEdit(f"a hunk of {path} changes nothing")
            edits.append(Edit(path, "\n".join(old), "\n".join(new), line))
        old.clear()
        new.clear()
        line = None

    for at, text in enumerate(lines):
        header = _HUNK.match(text)
        if text.startswith("--- ") and lines[at + 1 : at + 2] and lines[at + 1].startswith("+++ "):
            end()
            before = _path(text)
        elif text.startswith("+++ ") and at and lines[at - 1].startswith("--- "):
            path = after if (after := _path(text)) != _NOWHERE else before
        elif header is not None:
            end()
            if path in ("", _NOWHERE):
                raise BadEdit("a hunk names no file")
            line = int(header[1])
        elif text.startswith(("diff --git ", "```")):
            end()
        elif line is not None and text[:1] in ("", " ", "-", "+"):
            if not text.startswith("+"):
                old.append(text[1:])
            if not text.startswith("-"):
                new.append(text[1:])
    end()
    return edits


def _path(header: str) -> str:
    """The path of `--- a/path` or `+++ b/path`, without the side and a time."""
    path = header[4:].partition("\t")[0].strip()
    return path[2:] if path.startswith(("a/", "b/")) else path
