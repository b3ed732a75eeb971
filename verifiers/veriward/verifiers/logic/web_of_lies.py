"""Web of lies: who tells the truth, if each always does or never?"""

import re
from itertools import product
from random import Random
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, NoTask, Parameters, dial, generator, levels
from veriward.verifiers.logic import GameTask, Puzzle, Unread, judged, last_text
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

MAX_ANSWERS = 50
MAX_TRIES = 50

YES = {"yes", "true", "truth", "是", "真话", "真"}
NO = {"no", "false", "lie", "lies", "否", "不是", "假话", "假", "谎话"}
NAMES = (
    "Ada", "Bela", "Cato", "Dina", "Emil", "Fay", "Goran", "Hedy", "Ivo", "June", "Kofi", "Lena", "Milo", "Nadia",
    "Otto", "Petra", "Quinn", "Rosa", "Sven", "Tara",
)  # fmt: skip

_BETWEEN = re.compile(r"\s*(?:[,，、;；]\s*(?:and\s+)?|\s+and\s+|\s+)")


def _told(answer: Any) -> Any:
    """A published answer, such as "yes, no", as a list."""
    if not isinstance(answer, str):
        return answer
    try:
        return ["yes" if one else "no" for one in _words(answer)]
    except Unread as unread:
        raise ValueError(str(unread)) from None


class WebOfLiesTask(GameTask):
    """`answer`: "yes" or "no" for each question in its order; a list, or as published: "yes, no, yes"."""

    answer: Annotated[list[Literal["yes", "no"]], Field(min_length=1, max_length=MAX_ANSWERS), BeforeValidator(_told)]


@verifier("logic.web_of_lies", version=1, task=WebOfLiesTask)
def web_of_lies(response: str, task: WebOfLiesTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last list of yes and no, whole words and nothing else; every one must be right.

    It stands in a container or in bold after "the answer is", in English or Chinese, `true` and `false` count as well.
    Published rows: SynLogic's `web_of_lies` (arXiv:2505.19641), where "unknown" was read as no, "maybe yes" as yes.
    """

    def read() -> list[str]:
        return ["yes" if one else "no" for one in _words(last_text(response))]

    def fault(told: list[str]) -> str | None:
        if len(told) != len(task.answer):
            return f"{len(told)} answers, not {len(task.answer)}"
        wrong = [at for at, (one, right) in enumerate(zip(told, task.answer, strict=True), 1) if one != right]
        return f"answer {wrong[0]} is wrong" if wrong else None

    return judged(read, fault)


def _words(text: str) -> list[bool]:
    told = []
    for word in _BETWEEN.split(text.strip().strip("*[](){}.。").strip()):
        plain = word.strip("*\"'`").lower()
        if plain not in YES and plain not in NO:
            raise Unread(f"{word[:40]!r} is neither yes nor no", text)
        told.append(plain in YES)
    return told


class WebOfLiesParameters(Parameters):
    """`people` who speak, `questions` that are asked, and of which `kinds` the statements are."""

    people: int = dial(4, 14, ge=3, le=len(NAMES))
    questions: int = dial(3, 6, ge=1, le=10)
    kinds: Literal["simple", "all"] = levels("simple", "all", "all", about="all: also of two people, and of equals")
    language: Literal["en", "zh"] = "en"


PROMPTS = {
    "en": """Each of these people either always tells the truth or always lies.

{statements}

{questions}

Give the answers at the end in this form, in the order of the questions: The answer is **yes, no, …**.""",
    "zh": """以下每个人要么总是说真话，要么总是说谎话。

{statements}

{questions}

请在最后按问题的顺序以下列格式作答：答案是 **是,否,…**。""",
}
KINDS = ("honest", "either", "alike")
SENTENCES = {
    ("en", "fact", True): "It is known that {0} tells the truth.",
    ("en", "fact", False): "It is known that {0} lies.",
    ("en", "honest", True): "{0} says that {1} tells the truth.",
    ("en", "honest", False): "{0} says that {1} lies.",
    ("en", "either", True): "{0} says that at least one of {1} and {2} tells the truth.",
    ("en", "either", False): "{0} says that both {1} and {2} lie.",
    ("en", "alike", True): "{0} says that {1} and {2} are of the same kind.",
    ("en", "alike", False): "{0} says that {1} and {2} are of different kinds.",
    ("zh", "fact", True): "已知{0}说真话。",
    ("zh", "fact", False): "已知{0}说谎话。",
    ("zh", "honest", True): "{0}说{1}说的是真话。",
    ("zh", "honest", False): "{0}说{1}说的是假话。",
    ("zh", "either", True): "{0}说{1}和{2}中至少有一个说真话。",
    ("zh", "either", False): "{0}说{1}和{2}都说假话。",
    ("zh", "alike", True): "{0}说{1}和{2}是同一类人。",
    ("zh", "alike", False): "{0}说{1}和{2}不是同一类人。",
}
QUESTIONS = {"en": "Does {0} tell the truth?", "zh": "{0}说的是真话吗？"}


@generator("logic.web_of_lies", version=1, parameters=WebOfLiesParameters, unique=True, preload=("pysat.solvers",))
def generate(rng: Random, parameters: WebOfLiesParameters, /) -> Generated:
    """Random people who say random things until only one assignment fits; then what tells nothing more is dropped."""
    people = rng.sample(NAMES, parameters.people)
    honest = [rng.random() < 0.5 for _ in people]
    for _ in range(MAX_TRIES):
        said = _statements(rng, honest, parameters.kinds)
        if said is not None:
            break
    else:
        raise NoTask(f"{parameters.people} people said nothing that told them apart")
    language = parameters.language
    lines = [
        SENTENCES[language, kind, claim].format(people[speaker], *(people[one] for one in about))
        for speaker, kind, about, claim in said
    ]
    asked = rng.sample(range(len(people)), min(parameters.questions, len(people)))
    questions = (" " if language == "en" else "").join(QUESTIONS[language].format(people[one]) for one in asked)
    answer: list[Any] = ["yes" if honest[one] else "no" for one in asked]
    prompt = PROMPTS[language].format(statements="\n".join(lines), questions=questions)
    return Generated(
        prompt=prompt, task=WebOfLiesTask(answer=answer), reference=f"The answer is **{', '.join(answer)}**."
    )


Statement = tuple[int, str, tuple[int, ...], bool]  # speaker, kind, about whom, whether it is claimed or denied


def _statements(rng: Random, honest: list[bool], kinds: str) -> list[Statement] | None:
    """Statements that leave one assignment; None where these leave several.

    Of statements about single people the opposite assignment is as good: then a fact is told beside them.
    """
    said: list[Statement] = []
    people = range(len(honest))
    with Puzzle() as puzzle:
        truthful = puzzle.literals(len(honest))
        clues = []
        for at in range(3 * len(honest)):
            kind = "fact" if not at and kinds == "simple" else rng.choice(KINDS if kinds == "all" else KINDS[:1])
            speaker, *others = rng.sample(people, len(people))
            about = () if kind == "fact" else tuple(others[: 1 if kind == "honest" else 2])
            claim = _is_so(kind, [honest[one] for one in about]) is honest[speaker]
            said.append((speaker, kind, about, claim))
            clues.append(puzzle.literal())
            _say(puzzle, clues[-1], truthful, said[-1])
        solution = [one if true else -one for one, true in zip(truthful, honest, strict=True)]
        if not puzzle.unique(solution, clues):
            return None
        kept = set(puzzle.thinned(rng, solution, clues, len(honest)))
    return [one for one, clue in zip(said, clues, strict=True) if clue in kept]


def _is_so(kind: str, them: list[bool]) -> bool:
    match kind:
        case "honest":
            return them[0]
        case "either":
            return any(them)
        case "alike":
            return them[0] is them[1]
    return True


def _say(puzzle: Puzzle, clue: int, truthful: list[int], statement: Statement) -> None:
    """Where `clue` holds: the speaker is truthful exactly if what is claimed is so. A fact says whether he is."""
    speaker, kind, about, claim = statement
    places = (speaker, *about)
    for values in product((True, False), repeat=len(places)):
        if values[0] is not (_is_so(kind, list(values[1:])) is claim):
            puzzle.never(
                [clue, *(truthful[at] if one else -truthful[at] for at, one in zip(places, values, strict=True))]
            )
