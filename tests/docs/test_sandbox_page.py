"""docs/sandbox.md: every end that it names is that of a program in the corpus, and its limits are the sandbox's."""

import fnmatch
import re
import tomllib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from veriward.sandbox.execution import MAX_LIMITS, Limits
from veriward.sandbox.levels import CGROUPS, LEVELS
from veriward.sandbox.zygote import LAYERS

CORPUS = Path(__file__).parents[1] / "sandbox" / "corpus"
ROW = re.compile(r"^\| (.*) \|$", re.MULTILINE)
SIGNAL = re.compile(r"SIG[A-Z]+")


@pytest.fixture
def rows(page_of: Callable[[str], Any]) -> list[list[str]]:
    return [[cell.strip() for cell in row.split("|")] for row in ROW.findall(page_of("docs/sandbox.md").text)]


def verdicts_of(entry: str) -> list[str]:
    expected = tomllib.loads((CORPUS / entry / "expect.toml").read_text())
    own = [verdict for run in expected.get("runs", ()) for verdict in run.get("verdicts", ())]
    return [*expected.get("verdicts", ()), *own]


def test_every_end_is_that_of_a_program(rows: list[list[str]]) -> None:
    ends = {
        "/".join(filter(None, (row[0].strip("`"), row[1].strip("`")))): row[3].strip("`")
        for row in rows
        if len(row) == 4 and (CORPUS / row[3].strip("`")).is_dir()
    }
    assert len(ends) >= 18
    for end, entry in ends.items():
        assert any(fnmatch.fnmatch(end, verdict) for verdict in verdicts_of(entry)), (end, entry)
    met = {verdict for folder in CORPUS.iterdir() if folder.is_dir() for verdict in verdicts_of(folder.name)}
    assert {one for one in met if not SIGNAL.search(one) and not one.endswith("*")} - set(ends) == set()


def test_limits_are_as_told(rows: list[list[str]]) -> None:
    told = {row[0].strip("`"): row[1:3] for row in rows}
    for field, default in asdict(Limits()).items():
        assert float(told[field][1]) == getattr(MAX_LIMITS, field)
        if field != "wall_seconds":
            assert float(told[field][0]) == default


def test_levels_and_layers_are_all_there(rows: list[list[str]]) -> None:
    first = " ".join(row[0] for row in rows)
    assert [level for level in LEVELS if level not in first] == []
    assert [layer for layer in {*LAYERS, *CGROUPS} - {"uts_namespace"} if f"`{layer}`" not in first] == []
