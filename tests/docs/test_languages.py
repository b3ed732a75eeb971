"""The language that docs/languages.md adds works as it stands there; its table is that of the files."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from veriward.sandbox.execution import Execution, RunStatus
from veriward.sandbox.languages import known
from veriward.sandbox.languages.language import read
from veriward.sandbox.local import LocalSandbox

PAGE = "docs/languages.md"
ROW = re.compile(r"^\| `([\w-]+)` \| (`.*?`) \|", re.MULTILINE)


def test_the_table_is_that_of_the_files(page_of: Callable[[str], Any]) -> None:
    text = page_of(PAGE).text.partition("## What holds")[0]
    rows = {name: tuple(tag.strip("`") for tag in tags.split(", ")) for name, tags in ROW.findall(text)}
    assert rows == {name: language.tags for name, language in known().items()}


def test_every_key_is_explained(page_of: Callable[[str], Any]) -> None:
    explained = page_of(PAGE).text.partition("| key |")[2]
    for key in ("tags", "source", "version", "command", "environment", "threads", "reserves_memory", "memory_error"):
        assert f"`{key}`" in explained
    assert read("perl", page_of(PAGE).file("perl.toml")).compile is None


@pytest.mark.sandbox
def test_one_more(page_of: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if not shutil.which("perl"):
        pytest.fail("no perl") if os.environ.get("CI") == "true" else pytest.skip("perl is not installed")
    (tmp_path / "perl.toml").write_text(page_of(PAGE).file("perl.toml"))
    monkeypatch.setenv("VERIWARD_LANGUAGES", str(tmp_path))
    with LocalSandbox() as sandbox:
        assert sandbox.languages()["perl"].startswith("v5.")
        (run,) = sandbox.run(Execution("print scalar reverse <STDIN>", inputs=(b"abc",), language="perl"))
    assert (run.status, run.stdout) == (RunStatus.FINISHED, b"cba")
