"""The verifier `paths`: values that go from coarse to fine, with credit for how far each is right."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.classes import key_of
from veriward.verifiers.final import NoAnswer, final_answer
from veriward.verifiers.grounding.reading import last_value
from veriward.verifiers.registry import Task, verifier
from veriward.verifiers.verdict import InvalidTask, Verdict, unparsed
from veriward.wire.outcomes import Outcome

MAX_PATHS = 64
MAX_PARTS = 8
MAX_PART_CHARS = 200
MAX_CREDIT = 1_000.0

Keys = tuple[str, ...]


def _text(part: Any) -> Any:
    return str(part) if isinstance(part, int) and not isinstance(part, bool) else part


def _several(gold: Any) -> Any:
    """A flat list is one path."""
    return [gold] if isinstance(gold, list) and gold and not any(isinstance(each, list) for each in gold) else gold


Part = Annotated[str, BeforeValidator(_text), Field(min_length=1, max_length=MAX_PART_CHARS)]
Path = Annotated[list[Part], Field(min_length=1, max_length=MAX_PARTS)]
Credit = Annotated[float, Field(ge=0, le=MAX_CREDIT)]


class PathsTask(Task):
    """`gold`: the paths, each a list from coarse to fine, `["2", "color", "cyan"]`; a flat list is one path.

    `credits`: what the first part is worth where it is right, what the first two are, and so on, rising; equal steps
    unless given. `separator`: what stands between the parts of an answered path that is not JSON.
    """

    gold: Annotated[list[Path], BeforeValidator(_several), Field(min_length=1, max_length=MAX_PATHS)]
    credits: Annotated[list[Credit], Field(min_length=1, max_length=MAX_PARTS)] | None = None
    separator: Annotated[str, Field(min_length=1, max_length=3, pattern=r"^[^\w\s\[\]{}\"';]+$")] = ">"

    @model_validator(mode="after")
    def _comparable(self) -> "PathsTask":
        keys = [tuple(map(key_of, path)) for path in self.gold]
        if any("" in path for path in keys):
            raise InvalidTask("gold", "a part holds no letter or digit")
        if len(set(keys)) < len(keys):
            raise InvalidTask("gold", "lists one path twice")
        if len(set(map(len, keys))) > 1:
            raise InvalidTask("gold", "its paths are not equally long")
        worth = self.worth
        if len(worth) != len(keys[0]):
            raise InvalidTask("credits", f"there are {len(worth)}, and a path has {len(keys[0])} parts")
        if list(worth) != sorted(worth) or not worth[-1] > 0:
            raise InvalidTask("credits", "must rise")
        return self

    @property
    def worth(self) -> Sequence[float]:
        if self.credits is not None:
            return self.credits
        parts = len(self.gold[0])
        return [at / parts for at in range(1, parts + 1)]


def golds(fields: Mapping[str, Any]) -> Iterator[str]:
    """The gold paths, by the task's separator."""
    gold = _several(fields.get("gold"))
    if isinstance(gold, list) and all(isinstance(path, list) for path in gold):
        between = f" {fields.get('separator', '>')} "
        yield f"<answer>{'; '.join(between.join(map(str, path)) for path in gold)}</answer>"


@verifier("paths", version=1, task=PathsTask, golds=golds)
def paths(response: str, task: PathsTask, sandbox: Sandbox, /) -> Verdict:
    """Pay each answered path for as many of its first parts as are those of a gold path of its own.

    With k paths answered and n gold ones, matched one to one, the best agreement first: reward = sum of the credits /
    (highest credit × max(k, n)), in [0, 1]. So naming more than there is costs as much as naming less, and naming all
    there could be earns nearly nothing. Correct where every path is whole and none is left over.

    An answer is JSON (`[["2", "color", "cyan"]]`), or paths in lines or with `;` between them. Case and punctuation do
    not count. For changes of a scene as STAR-R1 pays them (arXiv:2505.15804: 0.5 the object, 1.5 with its attribute, 5
    with the value), diagnoses in a hierarchy, actions with their arguments.
    """
    try:
        answer = final_answer(response)
    except NoAnswer as none:
        return unparsed(str(none))
    told = _read(answer, task.separator)
    if told is None:
        return unparsed(f"the answer is not 1 to {MAX_PATHS} paths", answer)
    gold = [tuple(map(key_of, path)) for path in task.gold]
    agreed = _matched(gold, told)
    most = max(len(gold), len(told))
    earned = sum(task.worth[parts - 1] for parts in agreed if parts)
    right = len(gold) == len(told) and sorted(gold) == sorted(told)
    reward = 1.0 if right else min(earned / (task.worth[-1] * most), 1.0)
    outcome = Outcome.CORRECT if right else Outcome.PARTIAL if reward else Outcome.WRONG
    return Verdict(outcome, reward, {"agreement": reward}, answer, metrics={"paths": float(len(told))})


def _matched(gold: Sequence[Keys], told: Sequence[Keys]) -> list[int]:
    """How many first parts agree, for each pair of a gold path and a told one, the largest first."""
    pairs = sorted(
        ((_common(one, other), at, there) for at, one in enumerate(gold) for there, other in enumerate(told)),
        key=lambda pair: (-pair[0], pair[1], pair[2]),
    )
    left_gold, left_told, agreed = set(range(len(gold))), set(range(len(told))), []
    for common, at, there in pairs:
        if common and at in left_gold and there in left_told:
            left_gold.remove(at)
            left_told.remove(there)
            agreed.append(common)
    return agreed


def _common(gold: Keys, told: Keys) -> int:
    """A longer answer than the gold path says more than is so: it agrees in nothing beyond all but the last part."""
    common = 0
    for one, other in zip(gold, told, strict=False):
        if one != other:
            break
        common += 1
    return common - 1 if common == len(gold) < len(told) else common


def _read(answer: str, separator: str) -> list[Keys] | None:
    value = last_value(answer) if answer.lstrip().startswith("[") else None
    if isinstance(value, list):
        listed = _several(value)
        if not all(isinstance(path, list) for path in listed):
            return None
        written = [[_text(part) for part in path] for path in listed]
        if not all(isinstance(part, str) for path in written for part in path):
            return None
    else:
        lines = answer.replace("\n", ";").split(";")
        written = [line.split(separator, MAX_PARTS) for line in lines if line.strip()]
    if not 1 <= len(written) <= MAX_PATHS or any(len(path) > MAX_PARTS for path in written):
        return None
    keys = [tuple(map(key_of, path)) for path in written]
    return keys if all(path and all(path) for path in keys) else None
