"""Word sorting: by an alphabet whose first letters are others."""

import re
from random import Random
from string import ascii_lowercase
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, Parameters, dial, generator
from veriward.verifiers.logic import GameTask, Unread, judged, last_text, published, stored
from veriward.verifiers.logic.wordlists import WORDS
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

MAX_WORDS = 200

Word = Annotated[str, Field(pattern=r"^[A-Za-z]{1,60}$")]


def _letters(told: Any) -> Any:
    """Published letters, "x,b", as a list."""
    return [one.strip() for one in told.split(",") if one.strip()] if isinstance(told, str) else told


class WordSortingTask(GameTask):
    """`words` to sort; `first`: the letters that come before all others, in their order; `order`: 1 up, -1 down."""

    words: Annotated[list[Word], Field(min_length=2, max_length=MAX_WORDS)] = published("words")
    first: Annotated[
        list[Annotated[str, Field(pattern="^[a-z]$")]], Field(max_length=26), BeforeValidator(_letters)
    ] = published("front_letters")
    order: Literal[1, -1] = published("order")

    @field_validator("first")
    @classmethod
    def _each_once(cls, first: list[str]) -> list[str]:
        if len(set(first)) < len(first):
            raise ValueError("a letter is given twice")
        return first


@verifier("logic.word_sorting", version=1, task=WordSortingTask, golds=stored())
def word_sorting(response: str, task: WordSortingTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last list of words apart by commas; it is all of them, in the order of the changed alphabet.

    A word comes before the longer ones that begin with it; case doesn't matter. Published rows: SynLogic's
    `word_sorting` (arXiv:2505.19641).
    """

    def fault(told: list[str]) -> str | None:
        if sorted(told) != sorted(word.lower() for word in task.words):
            return "they are other words"
        keys = [_key(word, task.first) for word in told]
        return None if keys == sorted(keys, reverse=task.order < 0) else "the order is wrong"

    return judged(lambda: _listed(last_text(response)), fault)


def _listed(text: str) -> list[str]:
    text = text.strip()
    plain = text.removeprefix("\\text{").removesuffix("}") if text.startswith("\\text{") else text
    words = [word.strip(" \"'`*\n").lower() for word in re.split(r"[,，、]", plain.strip(" .。*[]"))]
    if not all(word.isascii() and word.isalpha() for word in words):
        raise Unread("it is no list of words apart by commas", text)
    return words


def _key(word: str, first: list[str]) -> list[int]:
    return [first.index(one) if one in first else 26 + ord(one) for one in word.lower()]


class WordSortingParameters(Parameters):
    """How many words, and how many letters are put first."""

    words: int = dial(5, 30, ge=3, le=60)
    first: int = dial(1, 6, ge=0, le=13, about="letters that come before all others")
    language: Literal["en", "zh"] = "en"


PROMPTS = {
    "en": """In an alphabet that begins with {first} and goes on with the other letters in their usual order, sort \
these words {order}. A word comes before the longer ones that begin with it{back}.

{words}

Give all words at the end, apart by commas, in \\boxed{{}}.""",
    "zh": """有一个字母表，开头依次是 {first}，其余字母按通常顺序排列。请按此字母表将下列单词按{order}排序。\
在升序中，一个单词排在以它开头的更长的单词之前{back}。

{words}

请在最后的 \\boxed{{}} 中给出所有单词，用逗号分隔。""",
}
ORDERS = {
    ("en", 1): ("upwards", ""),
    ("en", -1): ("downwards", ", seen upwards"),
    ("zh", 1): ("升序", ""),
    ("zh", -1): ("降序", ""),
}


@generator("logic.word_sorting", version=1, parameters=WordSortingParameters, unique=True)
def generate(rng: Random, parameters: WordSortingParameters, /) -> Generated:
    """Random words, half of them with the first two letters of another."""
    first = rng.sample(ascii_lowercase, parameters.first)
    order: Literal[1, -1] = rng.choice((1, -1))
    words: list[str] = []
    while len(words) < parameters.words:
        near = [one for one in WORDS if words and one[:2] == words[-1][:2] and one not in words]
        word = rng.choice(near) if near and rng.random() < 0.5 else rng.choice(WORDS)
        if word not in words:
            words.append(word)
    rng.shuffle(words)
    told, back = ORDERS[parameters.language, order]
    prompt = PROMPTS[parameters.language].format(
        first=", ".join(first) or "a", order=told, back=back, words=", ".join(words)
    )
    right = sorted(words, key=lambda word: _key(word, first), reverse=order < 0)
    return Generated(
        prompt=prompt,
        task=WordSortingTask(words=words, first=first, order=order),
        reference=f"\\boxed{{{', '.join(right)}}}",
    )
