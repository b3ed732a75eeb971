r"""Finds the words that a response finally commits to: one rule of selection for all verifiers of short answers.

The last `<answer>` or `\boxed{}` after the thinking decides, whichever comes later; without one, the line after the
last "the answer is" or "Answer:"; without that, a closing fenced block, or else the last line, of which bold type at
its end is the answer. No earlier place is ever asked: a container that is empty or never closed is no answer.
"""

import re

from veriward.verifiers.answers import answer_phrase_span, answer_region, answer_tag_span, boxed_span, last_fence

# A short answer longer than this is none; it also bounds the work that is not linear.
MAX_FINAL_CHARS = 4_096

_OPEN_CONTAINERS = ("\\boxed{", "\\fbox{", "<answer>", "<Answer>", "<ANSWER>")
_TEXT_COMMANDS = re.compile(
    r"\\(?:text(?:bf|it|rm|sf|tt|up|normal)?|math(?:rm|bf|it|sf|tt)|mbox|operatorname|emph|bf|rm)\s*(?=\{)"
)
_SPACES = re.compile(r"\\[,;:! ]|\\(?:left|right|quad|qquad|displaystyle)(?![A-Za-z])")
_ESCAPED = re.compile(r"\\([%$_&#{}])")
_WRAPPERS = (
    ("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"), ("***", "***"), ("**", "**"), ("*", "*"), ("__", "__"),
    ("`", "`"), ('"', '"'), ("“", "”"), ("'", "'"), ("‘", "’"), ("«", "»"), ("「", "」"),
)  # fmt: skip
_FIRST_MARKS = frozenset(mark for opening, _ in _WRAPPERS for mark in opening[0])
_LINE_MARK = re.compile(r"[\s>#]*(?:[-*•]\s+)?")
_BOLD_END = re.compile(r"^([^*]{0,300})\*\*([^*\n]{0,199}[^*\s:：])\*\*[\s.!。]*$")
_DOUBT = re.compile(
    r"\b(?:not|no|nor|or|never|neither|either|maybe|perhaps|possibly|if|unless)\b|n['’]t\b", re.IGNORECASE
)
_BLANKS = re.compile(r"\s{2,}")
# Where an explanation begins. The stop of an abbreviation ("St.", "J.") follows fewer than three word characters.
_EXPLANATION = re.compile(
    r"(?<=\w\w\w)[.!]\s+|(?<=[。！])|,?\s+(?:because|since|as (?:it|the|this|they))\b|\s+\((?=[^\W\d])"
    r"|\n\s*(?=(?:explanation|reason|because|since|this|it|the|note)\b)",
    re.IGNORECASE,
)
# What makes of the words after a first answer a second one.
_HEDGE = re.compile(
    r"(?:or|and|maybe|perhaps|possibly|alternatively|but|actually|wait|no|not|however|though|although|unless|if|hmm"
    r"|correction|sorry|otherwise|then)\b",
    re.IGNORECASE,
)
# What leaves another answer open, later in that sentence.
_LEAVES_OPEN = re.compile(r"\b(?:alternatively|possibl[ey]|perhaps|maybe|might|could)\b", re.IGNORECASE)
_REASON = re.compile(r"because|since|\bas\b", re.IGNORECASE)
# Fewer words after a full stop are a second answer, not an explanation of the first.
_MIN_EXPLANATION_WORDS = 3


class NoAnswer(Exception):
    """The response commits to no answer; the message says why."""


def final_answer(response: str) -> str:
    """The final answer without its wrapping, at most `MAX_FINAL_CHARS` long and never empty. Raises `NoAnswer`.

    Runs of blanks in it are single ones, so that no pattern that looks for blanks costs more than its length.
    """
    region = answer_region(response)
    if region is None:
        raise NoAnswer("the thinking never ends")
    return collapsed(written_answer(region))


def written_answer(region: str) -> str:
    """As `final_answer`, of what follows the thinking, its blanks as they are. Raises `NoAnswer`."""
    written = _contained(region)
    answer = unwrapped(_stated(region) if written is None else written)
    if not answer:
        raise NoAnswer("the answer is empty" if written is not None else "there is no answer")
    if len(answer) > MAX_FINAL_CHARS:
        raise NoAnswer(f"the answer is longer than {MAX_FINAL_CHARS:,} characters")
    return answer


def collapsed(text: str) -> str:
    """The text with each run of blanks as one: a line break where it holds one."""
    return _BLANKS.sub(lambda blanks: "\n" if "\n" in blanks[0] else " ", text)


def head_of(answer: str) -> str | None:
    """The answer up to where its explanation begins: "Paris" of "Paris. It lies on the Seine."

    None where it explains nothing, and where what follows takes the answer back or adds another.
    """
    explanation = _EXPLANATION.search(answer)
    if explanation is None or explanation.start() == 0:
        return None
    rest = answer[explanation.end() :].strip()
    sentence = re.split(r"[.!?。！\n]", rest, maxsplit=1)[0]
    given_as_reason = _REASON.search(explanation[0]) is not None
    explains = given_as_reason or len(sentence.split()) >= _MIN_EXPLANATION_WORDS or not sentence.isascii()
    if not explains or _HEDGE.match(rest) or _LEAVES_OPEN.search(sentence):
        return None
    return unwrapped(answer[: explanation.start()])


def unwrapped(text: str) -> str:
    r"""Without what only sets the text apart: emphasis, quotes, dollars, `\text{}`. Idempotent on what models write."""
    text = text.strip().replace("{,}", ",")
    if "\\" in text:
        text = _without_commands(text)
    while text and (text[0] in _FIRST_MARKS or text[0] == "\\"):
        inner = _inside_wrapper(text)
        if inner is None:
            break
        text = inner
    return text


def _contained(region: str) -> str | None:
    """What the deciding container holds, None where there is no container."""
    tag, box = answer_tag_span(region), boxed_span(region)
    if box is not None and (tag is None or box.start >= tag.start):
        return region[box.start : box.end]
    if tag is not None:
        content = region[tag.start : tag.end]
        phrase = answer_phrase_span(content)
        return content if phrase is None else content[phrase.start : phrase.end]
    if any(opening in region for opening in _OPEN_CONTAINERS):
        raise NoAnswer("the answer is never closed")
    return None


def _stated(region: str) -> str:
    phrase = answer_phrase_span(region)
    if phrase is not None:
        return region[phrase.start : phrase.end]
    text = region.rstrip()
    if text.endswith("```"):
        body = last_fence(text)
        if body is not None:
            return body
    last = text.rpartition("\n")[2]
    bold = _BOLD_END.search(last)
    if bold is not None and not _DOUBT.search(bold[1]):
        return bold[2]
    return _LINE_MARK.sub("", last, count=1)


def _inside_wrapper(text: str) -> str | None:
    for opening, closing in _WRAPPERS:
        if len(text) >= len(opening) + len(closing) and text.startswith(opening) and text.endswith(closing):
            inner = text[len(opening) : -len(closing)]
            if opening not in inner and closing not in inner:
                return inner.strip()
    return None


def _without_commands(text: str) -> str:
    text, commands = _TEXT_COMMANDS.subn("", text)
    if commands:
        text = re.sub(r"(?<!\\)[{}]", "", text)
    text = _SPACES.sub(" ", text)
    return _ESCAPED.sub(r"\1", text).strip()
