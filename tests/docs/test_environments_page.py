"""docs/environments.md says what the environments are; the one that is shown as an example keeps its promises."""

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from veriward.cli.environment_pages import pages
from veriward.environments import environments

PAGE = Path(__file__).parents[2] / "docs" / "environments.md"


def test_the_page_is_as_the_environments_are() -> None:
    made = pages(one for one in environments().values() if one.module.startswith("veriward."))
    assert made == PAGE.read_text("utf-8"), "run scripts/environment-docs"


def test_the_environment_that_is_shown_is_found_and_keeps_its_promises(
    page_of: Callable[[str], Any], tmp_path: Path
) -> None:
    page = page_of("docs/writing_an_environment.md")
    (tmp_path / "higher.py").write_text(page.file("higher.py"))
    assert len(page.file("higher.py").splitlines()) <= 60
    project = tomllib.loads(page.file("pyproject.toml"))["project"]
    metadata = tmp_path / "higher-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Name: {project['name']}\nVersion: {project['version']}\n")
    (group, modules), *_ = project["entry-points"].items()
    (metadata / "entry_points.txt").write_text(f"[{group}]\n" + "\n".join(f"{k} = {v}" for k, v in modules.items()))
    path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))
    subprocess.run([sys.executable, "-c", page.file("check.py")], env={**os.environ, "PYTHONPATH": path}, check=True)
