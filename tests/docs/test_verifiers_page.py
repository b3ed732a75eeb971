"""docs/verifiers.md says what the verifiers are: it is made from them, and made anew with `scripts/verifier-docs`."""

from pathlib import Path

from veriward.cli.verifier_pages import pages
from veriward.verifiers import verifiers

PAGE = Path(__file__).parents[2] / "docs" / "verifiers.md"


def test_the_page_is_as_the_verifiers_are() -> None:
    made, stands = pages(verifiers().values()).splitlines(), PAGE.read_text("utf-8").splitlines()
    different = [line for line in made if line not in set(stands)] + [line for line in stands if line not in set(made)]
    assert made == stands, f"run scripts/verifier-docs; first difference: {different[:1] or 'the order'}"


def test_every_verifier_has_its_section() -> None:
    page = PAGE.read_text("utf-8")
    assert [name for name in verifiers() if f"\n## {name}\n" not in page] == []
