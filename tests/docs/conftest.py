"""The pages that users read, as blocks of code with what stands on their fences."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
FENCE = re.compile(r"^```([^\n`]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block. `about` is what follows the language: `POST /v1/grade`, `answer`, `file=…`."""

    language: str
    about: str
    text: str
    line: int


@dataclass(frozen=True)
class Page:
    path: Path

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    def blocks(self, *languages: str) -> list[Block]:
        return [block for block in self._all() if block.language in languages]

    def file(self, name: str) -> str:
        """The block that shows the file `name`."""
        (found,) = (block.text for block in self._all() if block.about == f"file={name}")
        return found

    def _all(self) -> Iterator[Block]:
        text = self.text
        for found in FENCE.finditer(text):
            language, _, about = found[1].partition(" ")
            yield Block(language, about.strip(), found[2], text.count("\n", 0, found.start()) + 1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "page" in metafunc.fixturenames:
        metafunc.parametrize(
            "page", [Page(path) for path in PAGES], ids=[str(path.relative_to(ROOT)) for path in PAGES]
        )


@pytest.fixture
def page_of() -> Callable[[str], Page]:
    """A page by its path from the root."""
    return lambda name: Page(ROOT / name)
