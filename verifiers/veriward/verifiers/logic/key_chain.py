"""Key chains: from key to key through a long text of others, to the one question that is meant."""

from random import Random
from typing import Annotated
from uuid import UUID

from pydantic import Field

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, Parameters, dial, generator
from veriward.verifiers.logic import Unread, judged, last_whole_number
from veriward.verifiers.registry import Task, verifier
from veriward.verifiers.verdict import Verdict

MAX_CHARS = 2_000_000

SIGNS = ("plus", "minus", "times")


class KeyChainTask(Task):
    """`answer`: of the question at the chain's end."""

    answer: Annotated[int, Field(ge=-(10**15), le=10**15)]


@verifier("logic.key_chain", version=1, task=KeyChainTask)
def key_chain(response: str, task: KeyChainTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last whole number; it is the answer of the question to which the chain leads.

    It stands alone in a fenced block, a box or `<answer>`, or after "the answer is". After the KeyChain tasks of
    LoongRL (arXiv:2510.19363).
    """
    return judged(
        lambda: _read(response),
        lambda told: None if told == task.answer else "it is not the answer of the question that the chain leads to",
    )


def _read(response: str) -> int:
    number = last_whole_number(response)
    if abs(number) > 10**15:
        raise Unread("it is larger than any answer", str(number))
    return number


class KeyChainParameters(Parameters):
    """How long the text is, how many steps the chain has, and how many other chains lead to other questions."""

    characters: int = dial(2_000, 60_000, ge=500, le=MAX_CHARS, about="length of the text, about")
    hops: int = dial(2, 12, ge=1, le=1_000, about="keys from the first to the question")


PROMPT = """Below is a list of keys and values, in no order. The value of a key is another key or a question. Start at \
the key {start}: look up its value, take that as the next key, and go on until the value is a question. Answer that \
question, and no other one.

{lines}

The first key was {start}. Give the answer, a whole number, alone at the end, in a fenced block:
```
the number
```"""


@generator("logic.key_chain", version=1, parameters=KeyChainParameters, unique=True)
def generate(rng: Random, parameters: KeyChainParameters, /) -> Generated:
    """One chain, and as many others as the text has room for, each to a question with another answer."""
    answers: set[int] = set()
    lines, start, answer = _chain(rng, parameters.hops, answers)
    length = sum(map(len, lines))
    while length < parameters.characters:
        # At least a chain of one key, at most one twice as long: so its length tells nothing.
        more, _, _ = _chain(rng, rng.randint(1, 2 * parameters.hops), answers)
        length += sum(map(len, more))
        lines += more
    rng.shuffle(lines)
    return Generated(
        prompt=PROMPT.format(start=start, lines="\n".join(lines)),
        task=KeyChainTask(answer=answer),
        reference=f"```\n{answer}\n```",
    )


def _chain(rng: Random, hops: int, taken: set[int]) -> tuple[list[str], str, int]:
    """The chain's lines, its first key, and the answer of its question, which no chain before it has."""
    while True:
        one, other, sign = rng.randint(11, 999), rng.randint(11, 999), rng.choice(SIGNS)
        answer = {"plus": one + other, "minus": one - other, "times": one * other}[sign]
        if answer and answer not in taken:
            break
    taken.add(answer)
    keys = [str(UUID(int=rng.getrandbits(128), version=4)) for _ in range(hops)]
    values = [*keys[1:], f"What is {one} {sign} {other}?"]
    return [f'"{key}": "{value}"' for key, value in zip(keys, values, strict=True)], keys[0], answer
