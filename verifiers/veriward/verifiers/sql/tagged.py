"""Reads thinking and answer in the tags of published text-to-SQL prompts; linear in the length of the text."""

from typing import NamedTuple

_FRAMES = (("<think>", "</think>"), ("<reasoning>", "</reasoning>"))
_ANSWER = ("<answer>", "</answer>")


class Tagged(NamedTuple):
    """What stands in the tags, stripped, and the last sql block of the answer."""

    thinking: str
    answer: str
    statement: str


def tagged(response: str) -> Tagged | None:
    """The parts of a response that has each think and answer tag once, in order, and an sql block that is not empty."""
    tags = ("<think>", "</think>", *_ANSWER)
    if any(response.count(tag) != 1 for tag in tags):
        return None
    places = [response.index(tag) for tag in tags]
    if places != sorted(places):
        return None
    thinking = response[places[0] + len(tags[0]) : places[1]].strip()
    answer = response[places[2] + len(tags[2]) : places[3]].strip()
    statement = _last_block(answer)
    return Tagged(thinking, answer, statement) if statement else None


def framed(response: str) -> bool:
    """Whether the response is thinking in tags (`<think>` or `<reasoning>`), then an answer in tags, and no more."""
    text = response.strip().lower()
    for opening, closing in _FRAMES:
        if text.startswith(opening) and text.endswith(_ANSWER[1]):
            return _joined_by_blanks(text, closing, len(opening))
    return False


def _joined_by_blanks(text: str, closing: str, start: int) -> bool:
    """Whether some `closing` from `start` on is followed, blanks apart, by the answer's opening tag."""
    while (end := text.find(closing, start)) >= 0:
        start = end + len(closing)
        while start < len(text) and text[start].isspace():
            start += 1
        if text.startswith(_ANSWER[0], start) and start + len(_ANSWER[0]) <= len(text) - len(_ANSWER[1]):
            return True
    return False


def _last_block(answer: str) -> str:
    """What the last ```sql block, read as pairs from the left, holds."""
    statement, at = "", 0
    while (opening := answer.find("```sql", at)) >= 0 and (closing := answer.find("```", opening + 6)) >= 0:
        statement, at = answer[opening + 6 : closing], closing + 3
    return statement.strip()
