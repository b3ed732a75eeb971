"""The verifier `patch`: SWE-RL's similarity of the change that was made and the one that is proposed."""

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping
from statistics import fmean
from typing import Annotated, Any

from pydantic import Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.patch.edits import MAX_FILE_CHARS, BadEdit, apply, read_edits
from veriward.verifiers.patch.similarity import Steps, ratio
from veriward.verifiers.registry import Task, verifier
from veriward.verifiers.verdict import InvalidTask, Verdict
from veriward.wire.outcomes import Outcome

MAX_FILES = 100
MAX_PATH_CHARS = 1_000
MAX_DIFF_CHARS = 200_000
# Characters that the comparison may read, at half a microsecond each; a diff of 50,000 with many small edits needs 1e6.
MAX_STEPS = 8_000_000
# Pairs of equal lines that a diff may have to look at: what makes line diffs of repetitive files slow.
MAX_LINE_PAIRS = 200_000
LOWEST = -1.0

Files = Annotated[
    dict[
        Annotated[str, Field(min_length=1, max_length=MAX_PATH_CHARS)], Annotated[str, Field(max_length=MAX_FILE_CHARS)]
    ],
    Field(min_length=1, max_length=MAX_FILES),
]


class PatchParams(Task):
    """`format_error`: what a response earns whose form is broken; -1 as published, 0 unless said."""

    format_error: float = Field(default=0.0, ge=LOWEST, le=0)


class PatchTask(Task):
    """`context`: the files before, `oracle`: those that were changed as they are after; path to text."""

    context: Annotated[dict[str, Annotated[str, Field(max_length=MAX_FILE_CHARS)]], Field(max_length=MAX_FILES)]
    oracle: Files
    params: PatchParams = PatchParams()

    @model_validator(mode="after")
    def _oracle_changes_something(self) -> "PatchTask":
        if all(self.context.get(path, "") == text for path, text in self.oracle.items()):
            raise ValueError("the oracle changes nothing")
        return self


class TooRepetitive(Exception):
    """A file whose line diff could take long."""


def golds(fields: Mapping[str, Any]) -> Iterator[str]:
    """The oracle's change as a unified diff of whole files."""
    context, oracle = fields.get("context"), fields.get("oracle")
    if not isinstance(context, Mapping) or not isinstance(oracle, Mapping):
        return
    diffs = [
        "\n".join(difflib.unified_diff(_lines(context.get(path)), _lines(text), path, path, lineterm=""))
        for path, text in oracle.items()
    ]
    yield "<think>I mend it.</think>\n<solution>\n" + "\n".join(diffs) + "\n</solution>"


@verifier("patch", version=1, task=PatchTask, cpu_seconds=20.0, wall_seconds=40.0, batch=1, golds=golds)
def patch(response: str, task: PatchTask, sandbox: Sandbox, /) -> Verdict:
    """Pay a patch by the similarity of its diff to the oracle's, file by file.

    Formula (SWE-RL, Wei et al. 2025, arXiv:2502.18449, section 2.2, and its `reward.py`): the edits are applied to
    `context`; both results become unified diffs with three lines of context; reward = mean over the files that either
    changes of difflib's ratio of the two diffs (no junk heuristic), 0 for a file that only one of them changes.
    A response whose form is broken earns `format_error`.

    Form: `<solution>` and `</think>` once each, some thinking before, and in the solution SEARCH/REPLACE blocks under
    `### path`, each of which must be found and change something; or unified diffs, whose hunks stand at their line or
    at the only place that fits.

    Similarity is not correctness: close to the oracle's diff is what a small wrong edit is too. Correct is only the
    oracle's own diff; combine with tests where there are any. What would take too long to compare counts as different.
    """
    made = _oracle_diffs(task)
    try:
        solution = _solution(response)
        proposed = apply(read_edits(solution), task.context)
    except BadEdit as bad:
        reward = task.params.format_error
        return Verdict(Outcome.UNPARSED, reward, {"format": reward}, reason=str(bad))
    steps = Steps(MAX_STEPS)
    similarities: dict[str, float] = {}
    for path in sorted(made.keys() | proposed.keys()):
        try:
            own = _diff(task.context.get(path, ""), proposed[path]) if path in proposed else ""
        except TooRepetitive:
            similarities[path] = 0.0
            continue
        if own or path in made:
            similarities[path] = _similarity(own, made.get(path, ""), steps)
    reward = fmean(similarities.values())
    outcome = Outcome.CORRECT if reward == 1 else Outcome.PARTIAL if reward > 0 else Outcome.WRONG
    metrics: dict[str, float] = {"files": len(similarities), "cut_short": float(steps.left < 0)}
    return Verdict(outcome, reward, {"similarity": reward}, solution.strip(), metrics=metrics)


def _lines(text: Any) -> list[str]:
    return text.splitlines() if isinstance(text, str) else []


def _solution(response: str) -> str:
    """What `<solution>` holds, in a response of the right form. Raises `BadEdit`."""
    for tag in ("</think>", "<solution>", "</solution>"):
        if response.count(tag) != 1:
            raise BadEdit(f"{tag} stands {response.count(tag)} times, not once")
    thinking, _, rest = response.partition("</think>")
    _, opened, rest = rest.partition("<solution>")
    solution, closed, _ = rest.partition("</solution>")
    if not opened or not closed:
        raise BadEdit("the solution does not follow the thinking")
    if thinking.count("<think>") > 1 or not thinking.replace("<think>", "").strip():
        raise BadEdit("there is no thinking")
    return solution


def _oracle_diffs(task: PatchTask) -> dict[str, str]:
    """The oracle's diff of each file that it changes. Raises `InvalidTask` where one can not be compared."""
    try:
        diffs = {path: _diff(task.context.get(path, ""), text) for path, text in task.oracle.items()}
    except TooRepetitive as fault:
        raise InvalidTask("oracle", str(fault)) from None
    if any(len(diff) > MAX_DIFF_CHARS for diff in diffs.values()):
        raise InvalidTask("oracle", f"changes more than {MAX_DIFF_CHARS:,} characters of one file")
    return {path: diff for path, diff in diffs.items() if diff}


def _diff(before: str, after: str) -> str:
    """The unified diff without its two lines of names; "" where no line differs. Raises `TooRepetitive`."""
    old, new = before.splitlines(), after.splitlines()
    counts = Counter(new)
    if sum(counts[line] for line in old) > MAX_LINE_PAIRS + len(old):
        raise TooRepetitive("too many lines are equal to too many others")
    return "\n".join(list(difflib.unified_diff(old, new, n=3, lineterm=""))[2:])


def _similarity(own: str, made: str, steps: Steps) -> float:
    if not own or not made or len(own) > MAX_DIFF_CHARS:
        return 0.0
    return ratio(own, made, steps)
