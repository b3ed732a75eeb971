"""Draws generated grid puzzles into a folder, a file for each task that can be drawn, named after its id."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from veriward.cli.exits import Exit, Stop
from veriward.verifiers.pictures import draw


class PictureFolder:
    """`kind`: svg or png. Raises `Stop` without matplotlib, `OSError` where the folder can't be made."""

    def __init__(self, path: Path, kind: str) -> None:
        if find_spec("matplotlib") is None:
            raise Stop("--pictures needs matplotlib; pip install 'veriward[pictures]'", Exit.USAGE)
        path.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._kind = kind
        self.drawn = 0

    def draw(self, row: dict[str, Any]) -> None:
        """Draw the task of a row, if it is of a kind that can be. Raises `OSError`."""
        name = row["id"].replace("/", "_")
        self.drawn += draw(row["task"], self._path / f"{name}.{self._kind}")
