"""What every generator promises of its tasks, checked on some of them: broken promises are told as sentences.

The reference answer earns 1; the puzzle itself, empty answers and changed references earn nothing; the same seed gives
the same task. It does not cover that a solution is the only one: the generator asks a solver that.
"""

import json
import re
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from pydantic import BaseModel

from veriward.verifiers.conformance import NoSandbox
from veriward.verifiers.generators import Generator, sample
from veriward.verifiers.judging import judge, parse_task
from veriward.verifiers.registry import verifiers
from veriward.verifiers.verdict import Verdict

EMPTY = ("", "[]", "{}", "[[]]", "```\n```", "<answer></answer>", "\\boxed{}", "0")
GOLDS = ("answer", "solution", "gold")  # fields that tell the answer, and are no part of the puzzle
MIN_MUTANTS = 5  # other answers that are tried in place of each reference
MAX_MUTANTS = 8
_TRIES = 320
_ALIKE = ("0123456789", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "([{<)]}>")


def broken_promises(
    known: Generator,
    seeds: Sequence[int] = (1, 2),
    difficulties: Sequence[float] = (0.0, 0.5, 1.0),
    parameters: dict[str, Any] | None = None,
) -> list[str]:
    """The promises that tasks of these seeds and difficulties break; empty where there are none."""
    broken: list[str] = []
    for difficulty in difficulties:
        for index, seed in enumerate(seeds):
            made = sample(known, seed, index, difficulty, parameters)
            if made != sample(known, seed, index, difficulty, parameters):
                broken.append(f"{made['id']} is not the same when asked for again")
            broken += [f"{made['id']} at {difficulty}: {said}" for said in _broken(known, made)]
    return broken


def _broken(known: Generator, made: dict[str, Any]) -> Iterator[str]:
    task, response, prompt = _task(made), made["reference"], made["prompt"]
    reference = _judged(known, task, response)
    if reference.reward != 1:
        yield f"the reference {response!r} earns {reference.reward}: {reference.reason}"
    if _judged(known, task, f"<think>Hm.</think>{response}").reward != 1:
        yield "the reference earns no 1 after thinking"
    if _judged(known, task, f"<think>{response}").reward > 0:
        yield "the reference in thinking that never ends is paid"
    puzzle = [f"```\n{json.dumps(value)}\n```" for name, value in made["task"].items() if name not in GOLDS]
    for echo in (prompt, f"<answer>{prompt}</answer>", *EMPTY, *puzzle):
        if _judged(known, task, echo).reward > 0:
            yield f"what answers nothing is paid: {echo!r}"
    changed = 0
    for mutant in _mutants(response, Random(made["id"]), swaps=known.unique):
        found = _judged(known, task, mutant)
        if found.extracted == reference.extracted:
            continue  # the answer is the same
        changed += 1
        if found.reward > 0 and not (known.proof is not None and known.proof(task, mutant)):
            yield f"a changed answer is paid {found.reward}: {mutant!r}"
        if changed == MAX_MUTANTS:
            break
    if changed < MIN_MUTANTS:
        yield f"only {changed} changes of {response!r} were other answers"


def _task(made: dict[str, Any]) -> BaseModel:
    """Read as the server reads it: from JSON."""
    fields = json.loads(json.dumps(made["task"]))
    return parse_task(verifiers()[fields.pop("verifier")], fields)


def _judged(known: Generator, task: BaseModel, response: str) -> Verdict:
    return judge(verifiers()[known.verifier], task, response, NoSandbox())


def _mutants(response: str, rng: Random, *, swaps: bool) -> Iterator[str]:
    """The response with one place of it changed: a character, a token gone or doubled, or two tokens changed over.

    Two changed over may well be another right answer where there is more than one.
    """
    tokens = list(re.finditer(r"\w+|[^\w\s`]", response))
    for attempt in range(_TRIES):
        one = rng.choice(tokens)
        kind = attempt % (4 if swaps and len(tokens) > 1 else 3)
        if kind == 0:
            at = rng.randrange(one.start(), one.end())
            yield response[:at] + _other_than(response[at], rng) + response[at + 1 :]
        elif kind == 1:
            yield response[: one.start()] + response[one.end() :]
        elif kind == 2:
            yield response[: one.end()] + " " + response[one.start() :]
        else:
            left, right = sorted(rng.sample(tokens, 2), key=lambda token: token.start())
            between = response[left.end() : right.start()]
            yield response[: left.start()] + right[0] + between + left[0] + response[right.end() :]


def _other_than(character: str, rng: Random) -> str:
    return next((rng.choice(kind.replace(character, "")) for kind in _ALIKE if character in kind), "?")
