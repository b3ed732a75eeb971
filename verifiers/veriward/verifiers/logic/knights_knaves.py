"""Knights and knaves: knights only say what is true, knaves only what is false."""

import re
from functools import cache
from random import Random
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, NoTask, Parameters, dial, generator, levels
from veriward.verifiers.logic import GameTask, Unread, container, judged, parse_literal
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict
from veriward.wire.outcomes import Outcome

MAX_PEOPLE = 12
MAX_DEPTH = 6
MAX_SHARE = 1_000  # characters of an answer per person
MAX_TRIES = 2_000

ROLES = {True: "knight", False: "knave"}
TAGS = ("<think>", "</think>", "<answer>", "</answer>")

_GOLD_LINE = re.compile(r"\(\d+\)\s*(.{1,60}?) is an? (knight|knave)\.?", re.IGNORECASE)
_ROLE = re.compile(r"\b(?:knight|knave)s?\b", re.IGNORECASE)
_CONCLUSION = re.compile(r"(?:conclusion|answer)\s*(?:is)?\s*:", re.IGNORECASE)


def _literal(told: Any) -> Any:
    """Logic-RL writes statements as a tuple in a text."""
    if not isinstance(told, str):
        return told
    try:
        return parse_literal(told.strip())
    except Unread as unread:
        raise ValueError(str(unread)) from None


class KnightsKnavesTask(GameTask):
    """`names`, and what each of them says in `statements`, or who is a knight in `solution`; or, as Logic-RL publishes
    it, `solution_text_format`. `preset` "logic_rl" scores as that paper does.

    A statement is `["telling-truth", i]`, `["lying", i]` (of person i, from 0), or of statements `["not", s]`,
    `["and", s, …]`, `["or", s, …]`, `["->", s, s]`, `["<=>", s, s]`.
    """

    names: list[Annotated[str, Field(min_length=1, max_length=60)]] = Field(default=[], max_length=MAX_PEOPLE)
    statements: Annotated[list[Any], BeforeValidator(_literal)] = Field(default=[], max_length=MAX_PEOPLE)
    solution: list[bool] = Field(default=[], max_length=MAX_PEOPLE)
    solution_text_format: Annotated[str, Field(max_length=4_000)] = ""
    preset: Literal["logic_rl"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, fields: Any) -> Any:
        text = fields.get("solution_text_format") if isinstance(fields, dict) else None
        if not isinstance(text, str) or not text or fields.get("names"):
            return fields
        told = _GOLD_LINE.findall(text[:4_000])
        roles = [role.lower() == "knight" for _, role in told]
        return {**fields, "names": [name for name, _ in told], "solution": roles}

    @field_validator("names")
    @classmethod
    def _told_apart(cls, names: list[str]) -> list[str]:
        if len(names) < 2 or len({name.casefold() for name in names}) < len(names):
            raise ValueError(f"must be 2 to {MAX_PEOPLE} different names")
        return names

    @model_validator(mode="after")
    def _decided(self) -> "KnightsKnavesTask":
        people = len(self.names)
        if people < 2:
            raise ValueError("names: must be told")
        if {len(self.statements), len(self.solution)} - {0, people}:
            raise ValueError("there must be one statement, and one role, for each name")
        if not self.statements and not self.solution:
            raise ValueError("give the statements or the solution")
        if self.statements:
            fitting = fitting_roles(self.statements)
            if not fitting:
                raise ValueError("no roles fit the statements")
            if self.solution and not fitting >> _index(self.solution) & 1:
                raise ValueError("the solution does not fit the statements")
        return self


@verifier("logic.knights_knaves", version=1, task=KnightsKnavesTask)
def knights_knaves(response: str, task: KnightsKnavesTask, sandbox: Sandbox, /) -> Verdict:
    """Take each person's role from the last answer; with these roles every statement fits who says it.

    Roles are told as "Zoey is a knight", "Zoey: knight" or JSON, each name once and no other role beside them, in a
    container, after "conclusion:" or "answer:", or in the last paragraph. `preset` "logic_rl" gives exactly the score
    of Logic-RL (arXiv:2502.14768): format ±1, then all roles right +2, wrong -1.5, untold -2.
    """
    if task.preset == "logic_rl":
        return _logic_rl(response, task)
    return judged(lambda: _roles(response, task.names), lambda told: _fault(told, task))


def _fault(told: dict[str, str], task: KnightsKnavesTask) -> str | None:
    roles = [told[name] == "knight" for name in task.names]
    if not task.statements:
        return None if roles == task.solution else "a role is wrong"
    return None if fitting_roles(task.statements) >> _index(roles) & 1 else "a statement does not fit who says it"


def fitting_roles(statements: list[Any]) -> int:
    """Bit i is set where the roles that i spells (bit p: person p is a knight) fit. Raises `ValueError`."""
    people = len(statements)
    fitting = (1 << (1 << people)) - 1
    for person, statement in enumerate(statements):
        fitting &= ~(_truth(statement, people, 0) ^ _knight(person, people))
    return fitting


def _truth(statement: Any, people: int, depth: int) -> int:
    """The truth table of a statement, a bit for each of the 2**people roles."""
    if depth > MAX_DEPTH:
        raise ValueError(f"a statement is more than {MAX_DEPTH} deep")
    if not isinstance(statement, list) or not 2 <= len(statement) <= MAX_PEOPLE + 1:
        raise ValueError("a statement must be a list of its kind and what it is about")
    everything = (1 << (1 << people)) - 1
    kind, *parts = statement
    if kind in ("telling-truth", "lying"):
        if len(parts) != 1 or type(parts[0]) is not int or not 0 <= parts[0] < people:
            raise ValueError(f"{kind!r} must name a person from 0 to {people - 1}")
        table = _knight(parts[0], people)
        return table if kind == "telling-truth" else everything ^ table
    tables = [_truth(part, people, depth + 1) for part in parts]
    match kind, len(tables):
        case "not", 1:
            return everything ^ tables[0]
        case "->", 2:
            return everything ^ tables[0] | tables[1]
        case "<=>", 2:
            return everything ^ tables[0] ^ tables[1]
        case (("and" | "or"), _):
            table = tables[0]
            for other in tables[1:]:
                table = table & other if kind == "and" else table | other
            return table
    raise ValueError(f"{str(kind)[:20]!r} of {len(tables)} is no kind of statement")


@cache
def _knight(person: int, people: int) -> int:
    """The roles in which a person is a knight."""
    block = ((1 << (1 << person)) - 1) << (1 << person)  # of 2**(person + 1) roles, the upper half
    width = 1 << (person + 1)
    table = 0
    for at in range(0, 1 << people, width):
        table |= block << at
    return table


def _index(roles: list[bool]) -> int:
    return sum(1 << person for person, knight in enumerate(roles) if knight)


def _roles(response: str, names: list[str]) -> dict[str, str]:
    text, contained = container(response)
    if not contained:
        phrases = list(_CONCLUSION.finditer(text))
        text = text[phrases[-1].end() :] if phrases else text.rstrip().rpartition("\n\n")[2]
    if len(text) > MAX_SHARE * len(names):
        raise Unread("the answer is too long")
    told: dict[str, str] = {}
    for name in names:
        found = re.findall(
            rf"(?<!\w){re.escape(name)}[\s*\"']*(?:is|are|[:=]|->|→)?[\s*\"']*(?:an?\s)?[\s*\"']*\b(knight|knave)\b",
            text,
            re.IGNORECASE,
        )
        if len(found) != 1:
            raise Unread(f"the role of {name} is told {len(found)} times", text)
        told[name] = found[0].lower()
    if len(_ROLE.findall(text)) != len(names):
        raise Unread("there are roles beside those of the people", text)
    return told


def _logic_rl(response: str, task: KnightsKnavesTask) -> Verdict:
    """Logic-RL's score; its extraction as published: the tags once each and in order, the last `<answer>`, and for each
    name the first role after it."""
    for marker in ("Assistant:", "<|im_start|>assistant"):
        if marker in response:
            response = response.partition(marker)[2]
            break
    places = [response.find(tag) for tag in TAGS]
    formed = all(response.count(tag) == 1 for tag in TAGS) and places == sorted(places)
    told = _logic_rl_roles(response, task.names) if formed else None
    answer = -2.0 if told is None else -1.5 if _fault(told, task) else 2.0
    form = 1.0 if formed else -1.0
    outcome = Outcome.UNPARSED if told is None else Outcome.CORRECT if answer > 0 else Outcome.WRONG
    shown = None if told is None else "\n".join(f"{name}: {role}" for name, role in told.items())
    return Verdict(outcome, form + answer, {"format": form, "answer": answer}, shown)


def _logic_rl_roles(response: str, names: list[str]) -> dict[str, str] | None:
    text = response.partition("<answer>")[2].partition("</answer>")[0]
    if len(text) > MAX_SHARE * len(names):
        return None
    lower = text.lower()
    if lower.count("knight") + lower.count("knave") != len(names):
        return None
    told = {}
    for name in names:
        start = re.search(rf"\b{re.escape(name)}\b", text, re.IGNORECASE)
        role = (
            None
            if start is None
            else re.search(r"\b(knight|knave)\b", text[start.end() :].split("\n")[0], re.IGNORECASE)
        )
        if role is None:
            return None
        told[name] = role[1].lower()
    return told


NAMES = ("Ava", "Ben", "Chloe", "Daniel", "Ella", "Finn", "Grace", "Henry", "Iris", "Jack", "Lily", "Mason")


class KnightsKnavesParameters(Parameters):
    """How many people there are, and how deep what they say may be nested."""

    people: int = dial(2, 8, ge=2, le=10)
    depth: int = levels(1, 1, 2, 2, about="0: of one person; 1: of statements of these; 2: once more")


PROMPT = """On an island live knights, who only say what is true, and knaves, who only say what is false. You meet \
{names}.

{said}

Who is what? Give the role of each at the end, in a fenced block:
```
{form}
```"""


@generator("logic.knights_knaves", version=1, parameters=KnightsKnavesParameters, unique=True)
def generate(rng: Random, parameters: KnightsKnavesParameters, /) -> Generated:
    """Random statements until one assignment of all fits: every one is tried, by truth tables."""
    people = parameters.people
    names = rng.sample(NAMES, people)
    for _ in range(MAX_TRIES):
        statements = [_statement(rng, speaker, people, parameters.depth) for speaker in range(people)]
        fitting = fitting_roles(statements)
        if fitting.bit_count() == 1:
            break
    else:
        raise NoTask(f"no statements of {people} people had one solution")
    index = fitting.bit_length() - 1
    lines = [f"({at}) {name} is a {ROLES[bool(index >> at - 1 & 1)]}" for at, name in enumerate(names, 1)]
    said = [f'{name} says: "{_sentence(one, names)}."' for name, one in zip(names, statements, strict=True)]
    form = "\n".join(f"({at}) {name} is a …" for at, name in enumerate(names, 1))
    prompt = PROMPT.format(names=f"{', '.join(names[:-1])} and {names[-1]}", said="\n".join(said), form=form)
    task = KnightsKnavesTask(names=names, statements=statements)
    return Generated(prompt=prompt, task=task, reference="```\n" + "\n".join(lines) + "\n```")


def _statement(rng: Random, speaker: int, people: int, depth: int) -> list[Any]:
    if depth == 0 or rng.random() < 0.25:
        other = rng.choice([one for one in range(people) if one != speaker])
        return [rng.choice(("telling-truth", "lying")), other]
    kind = rng.choice(("and", "or", "->", "<=>"))
    first = second = _statement(rng, speaker, people, depth - 1)
    for _ in range(4):  # "Ava is a knight or Ava is a knave" says nothing; of two people there is no other to name
        second = _statement(rng, speaker, people, depth - 1)
        if second[1] != first[1]:
            break
    return [kind, first, second]


def _sentence(statement: list[Any], names: list[str]) -> str:
    kind, *parts = statement
    if kind in ("telling-truth", "lying"):
        return f"{names[parts[0]]} is a {ROLES[kind == 'telling-truth']}"
    first, second = (_clause(part, names) for part in parts)
    match kind:
        case "->":
            return f"If {first} then {second}"
        case "<=>":
            return f"{first} if and only if {second}"
    return f"{first} {kind} {second}"


def _clause(statement: list[Any], names: list[str]) -> str:
    """A part of a statement; in brackets where it has parts of its own."""
    text = _sentence(statement, names)
    return (
        text
        if statement[0] in ("telling-truth", "lying")
        else f"({text[0].lower() if text.startswith('If ') else text[0]}{text[1:]})"
    )
