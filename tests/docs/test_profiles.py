"""The profile that docs/profiles.md adds works as it stands there; its table is that of the files."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from veriward.sandbox.execution import Execution
from veriward.sandbox.local import LocalSandbox
from veriward.sandbox.profiles import known
from veriward.sandbox.profiles.profile import read

PAGE = "docs/profiles.md"
ROW = re.compile(r"^\| `([\w-]+)` \|.*\| (?:`(.*)` )?\|$", re.MULTILINE)


def test_the_table_is_that_of_the_files(page_of: Callable[[str], Any]) -> None:
    text = page_of(PAGE).text.partition("```json")[0]
    assert dict(ROW.findall(text)) == {name: profile.install for name, profile in known().items()}


def test_every_key_is_explained(page_of: Callable[[str], Any]) -> None:
    explained = page_of(PAGE).text.partition("| key |")[2]
    for key in ("summary", "imports", "requirements", "environment", "install"):
        assert f"`{key}`" in explained
    assert read("graphs", page_of(PAGE).file("graphs.toml")).requirements == (("networkx", ""),)


@pytest.mark.sandbox
def test_one_more(page_of: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "graphs.toml").write_text(page_of(PAGE).file("graphs.toml"))
    monkeypatch.setenv("VERIWARD_PROFILES", str(tmp_path))
    code = "import networkx as nx, os; print(nx.shortest_path(nx.path_graph(3), 0, 2), os.listdir('/packages'))"
    with LocalSandbox() as sandbox:
        (run,) = sandbox.run(Execution(code, profile="graphs"))
        (without,) = sandbox.run(Execution("import networkx"))
    assert run.stdout.startswith(b"[0, 1, 2]")
    assert b"numpy" not in run.stdout
    assert without.stderr.endswith(b"networkx is not in profile std; profiles that have it: graphs, sci\n")
