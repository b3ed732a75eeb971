"""Row `families`: verdicts per second and core, in process, by the kinds of answer that are judged without algebra."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from veriward.cli.benches.cpu import cpu_per_call
from veriward.cli.benches.samples import prose
from veriward.cli.benches.session import Figure, Session

GROUP = 8  # responses per task, which is read once, as a grader does
CHARS = 500
WARM_CALLS = 50
_WORDS = ("Paris", "Rome", "Bonn", "Oslo", "Bern", "Riga", "Kyiv", "Lima")


@dataclass(frozen=True, slots=True)
class Family:
    """`task` and `end` make the n-th task and how a response to it ends; every response is another text."""

    verifier: str
    task: Callable[[int], dict[str, Any]]
    end: Callable[[int], str]


FAMILIES: dict[str, Family] = {
    "choice": Family("choice", lambda n: {"answer": "ABCD"[n % 4]}, lambda n: f"The answer is {'ABCD'[n % 4]}."),
    "labels": Family(
        "labels", lambda n: {"gold": "positive", "classes": ["positive", "negative"]}, lambda n: "Answer: positive"
    ),
    "short_answer": Family(
        "short_answer", lambda n: {"gold": [_WORDS[n % 8]]}, lambda n: f"<answer>{_WORDS[n % 8]}</answer>"
    ),
    "gsm8k": Family("math.gsm8k", lambda n: {"answer": str(n)}, lambda n: f"#### {n}"),
    "instruction": Family(
        "instruction",
        lambda n: {
            "instruction_id_list": ["length_constraints:number_words", "keywords:existence", "punctuation:no_comma"],
            "kwargs": [{"num_words": 20 + n % 9, "relation": "at least"}, {"keywords": ["ratio"]}, {}],
        },
        lambda n: "Done.",
    ),
    "table": Family("table", lambda n: {"gold": [f"{n:,}", "56.7"]}, lambda n: f"<answer>{n}, 56.7</answer>"),
    "rouge": Family("text", lambda n: {"gold": prose(200), "metric": "rouge_l"}, lambda n: f"so {n}"),
    "bleu": Family("text", lambda n: {"gold": prose(200), "metric": "bleu"}, lambda n: f"so {n}"),
    "language": Family(
        "instruction",
        lambda n: {"instruction_id_list": ["language:response_language"], "kwargs": [{"language": "en"}]},
        lambda n: f"That is all, and the number is {n}.",
    ),
}


def families(session: Session) -> None:
    """Verdicts on `GROUP` responses of each task, all of them distinct."""
    for name, family in FAMILIES.items():
        session.tell(f"families.{name}")
        judge_group = _group(family)
        cpu_per_call(judge_group, session.seconds, at_most=WARM_CALLS)
        seconds, count = cpu_per_call(judge_group, session.seconds)
        session.add(Figure(f"families.{name}", GROUP / seconds, count * GROUP))


def _group(family: Family) -> Callable[[int], None]:
    from veriward.verifiers import verifiers
    from veriward.verifiers.conformance import NoSandbox
    from veriward.verifiers.judging import judge, parse_task

    verifier, sandbox, numbers = verifiers()[family.verifier], NoSandbox(), itertools.count(1_000)
    body = prose(CHARS - 40)

    def one(_: int) -> None:
        first = next(numbers)
        task = parse_task(verifier, family.task(first))
        end = family.end(first)
        for index in range(GROUP):
            judge(verifier, task, f"Draft {first * GROUP + index}. {body}\n{end}", sandbox)

    return one
