"""The prompts, as text files beside this one, and a task's own: what placeholders they hold, how they are filled.

What is filled in is never looked at again: a response that writes `{rubric}` shows `{rubric}`.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from veriward.verifiers.verdict import InvalidTask

MAX_TEMPLATE_CHARS = 40_000
PLACEHOLDERS = ("question", "rubric", "reference", "response", "first", "second", "scale", "items")

_FOLDER = Path(__file__).with_name("prompts")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
PROMPTS = {path.stem: path.read_text("utf-8").strip() for path in sorted(_FOLDER.glob("*.txt"))}
OPENERS = frozenset(line for line in PROMPTS.pop("openers").splitlines() if line)


def check_template(template: str, mode: str) -> None:
    """Raises `InvalidTask` where a task's own prompt can't be filled, or would not show what is judged once."""
    if len(template) > MAX_TEMPLATE_CHARS:
        raise InvalidTask("template", f"has {len(template):,} characters, more than {MAX_TEMPLATE_CHARS:,}")
    named = _PLACEHOLDER.findall(template)
    for name in named:
        if name not in PLACEHOLDERS:
            raise InvalidTask("template", f"{{{name[:40]}}} is none of {', '.join(PLACEHOLDERS)}")
    for name in ("first", "second") if mode == "pairwise" else ("response",):
        if named.count(name) != 1:
            raise InvalidTask("template", f"must hold {{{name}}} once")


def filled(template: str, values: Mapping[str, str]) -> str:
    """The prompt with its placeholders filled; a line that holds only one without a value is left out."""
    lines = template.split("\n")
    told = [line for line in lines if not (alone := _PLACEHOLDER.fullmatch(line.strip())) or values.get(alone[1])]
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(told)).strip()
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), text)
