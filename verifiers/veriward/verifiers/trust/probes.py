"""Responses that must earn nothing: empty, random, the prompt again, every answer at once, the form alone.

They are the same for the same task. A response that happens to be right (the prompt of "say this again") is for the
user to judge: what it earned is told.
"""

import json
import random
import string
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from veriward.verifiers.trust.golds import THOUGHT, gold_values

MAX_LISTED = 30
MAX_LISTED_CHARS = 200  # of one answer that is listed beside others
MAX_ECHO_CHARS = 20_000
RANDOM_WORDS = 12

_OPTION_FIELDS = ("options", "classes", "letters", "initial_list")
_PROMPT_FIELDS = ("prompt", "question")


class Probe(NamedTuple):
    """A response, and why it ought to earn nothing."""

    kind: str
    response: str


def probes(fields: Mapping[str, Any], prompt: str, others: Iterable[str]) -> Iterator[Probe]:
    """The probes of one task. `others` are answers of other tasks of the file, to be listed beside its own."""
    yield Probe("empty", "")
    yield Probe("empty", " \n")
    words = _random_words(fields)
    yield Probe("random", words)
    yield Probe("random", f"{THOUGHT}The answer is \\boxed{{{words.split()[0]}}}.")
    asked = (prompt or next((str(fields[key]) for key in _PROMPT_FIELDS if fields.get(key)), ""))[:MAX_ECHO_CHARS]
    if asked.strip():
        yield Probe("echo of the prompt", asked)
        yield Probe("echo of the prompt", f"{THOUGHT}<answer>{asked}</answer>")
    listed = _listed(fields, others)
    if len(listed) > 1:
        together = ", ".join(listed)
        yield Probe("every answer", f"{THOUGHT}So it is \\boxed{{{together}}}.")
        yield Probe("every answer", f"{THOUGHT}<answer>{' or '.join(listed)}</answer>")
    yield Probe("form alone", "<think>\n</think>\n<answer></answer>")
    yield Probe("form alone", f"{THOUGHT}\\boxed{{}}")
    yield Probe("form alone", "```\n```")
    yield Probe("form alone", "```python\npass\n```")


def sayable(fields: Mapping[str, Any]) -> list[str]:
    """The task's own answers and options that are short enough to be listed."""
    found = [each for gold in gold_values(fields) for each in _flat(gold)]
    for key in _OPTION_FIELDS:
        found += _flat(list(told.values()) if isinstance(told := fields.get(key), dict) else told)
    return [each for each in dict.fromkeys(found) if 0 < len(each) <= MAX_LISTED_CHARS]


def _listed(fields: Mapping[str, Any], others: Iterable[str]) -> list[str]:
    """The task's own answers in the middle of others: neither the first nor the last of a list is the one that counts.

    None where it holds no answer to be listed, or where its own answer is a list already.
    """
    if any(isinstance(gold, list) and not all(isinstance(each, str) for each in gold) for gold in gold_values(fields)):
        return []
    own = sayable(fields)
    if not own:
        return []
    rest = [each for each in dict.fromkeys(others) if each not in own][: MAX_LISTED - 1]
    letters = [each for each in string.ascii_uppercase[:6] if each not in own]
    rest = rest or (letters if all(len(each) == 1 and each.isalpha() for each in own) else ["7", "13", "true", "no"])
    half = len(rest) // 2
    return [*rest[:half], *own[:MAX_LISTED], *rest[half:]]


def _flat(value: Any) -> list[str]:
    if value is None or isinstance(value, bool):
        return []
    if isinstance(value, list):
        return [text for each in value for text in _flat(each)] if len(value) <= MAX_LISTED else []
    return [value.strip()] if isinstance(value, str) else [json.dumps(value, ensure_ascii=False)]


def _random_words(fields: Mapping[str, Any]) -> str:
    """Of letters that no language puts together, the same for the same task."""
    seed = sha256(json.dumps(fields, sort_keys=True, default=str).encode()).digest()
    draw = random.Random(seed)
    return " ".join("".join(draw.choices("bcdfghjklmnpqrstvwxz", k=draw.randint(4, 9))) for _ in range(RANDOM_WORDS))
