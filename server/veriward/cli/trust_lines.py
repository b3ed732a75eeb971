"""Reads a user's tasks and makes of each a `Line` whose responses are golds, to be paid, and probes, to earn nothing.

A line is `{"task": {…}}`, or a task's own fields, or, with a set's name, a published row. It may carry `prompt` (a text
or chat messages) and `gold_response` (a response known to be right, or several).
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from veriward.cli.rollout_lines import BadLine, Line, Unfit, bad_line, json_object, line_hash, line_of, raw_lines
from veriward.verifiers import InvalidTask
from veriward.verifiers.judging import text_of
from veriward.verifiers.recipes import made_of
from veriward.verifiers.rows import RowError, to_item
from veriward.verifiers.trust import gold_responses, probes, sayable

SAMPLED_TASKS = 100  # whose answers are listed beside each other's
GOLD = "gold"
GIVEN = "given gold"  # by the user, as a response
TRIALS = "trials"
"""The key, among what is kept of a line, of its list of `Trial`."""


class Trial(NamedTuple):
    """One response and what it is to show."""

    kind: str
    response: str


class TaskLines:
    """The tasks of a file; `verifier` names that of tasks that do not, `set_name` the set of published rows."""

    def __init__(self, path: Path, verifier: str | None, rows: bool, set_name: str | None) -> None:
        self._path = path
        self._verifier = verifier
        self._rows = rows
        self._set_name = set_name

    def __iter__(self) -> Iterator[Line | BadLine]:
        others = list(self._sample())
        for number, raw, end in raw_lines(self._path):
            try:
                told = self._told(raw)
                trials = _trials(told, others)
                item: dict[str, Any] = {
                    "id": str(told.get("id", ""))[:200],
                    "source": str(told.get("source", ""))[:100],
                    "task": told["task"],
                    "responses": [trial.response for trial in trials],
                    TRIALS: trials,
                }
                yield line_of(number, line_hash(raw), end, item, raw)
            except (Unfit, RowError) as error:
                yield bad_line(number, raw, end, str(error))

    def _sample(self) -> Iterable[str]:
        """Answers and options of the first tasks."""
        found: dict[str, None] = {}
        for _, raw, _ in islice(raw_lines(self._path), SAMPLED_TASKS):
            try:
                found |= dict.fromkeys(sayable(self._told(raw)["task"]))
            except (Unfit, RowError):
                continue
        return found

    def _told(self, raw: bytes) -> dict[str, Any]:
        """The line's `task`, whole, and what stands beside it. Raises `Unfit` and `RowError`."""
        fields = json_object(raw)
        if self._rows:
            gold_response = fields.pop("gold_response", None)
            return {**to_item(fields, self._set_name), "gold_response": gold_response}
        if "task" not in fields or "verifier" in fields or "recipe" in fields:
            own: dict[str, Any] = {key: fields.pop(key) for key in ("id", "source", "gold_response") if key in fields}
            fields = {**own, "task": fields}
        task = fields["task"]
        if not isinstance(task, dict):
            raise Unfit("its task is no object")
        if "ref" in task:
            raise Unfit("its task is a reference; its answer is not known here")
        if "recipe" in task:
            task = _made(task)
        if "verifier" not in task and self._verifier is None:
            raise Unfit("its task names no verifier; name one with --verifier")
        named = task.get("verifier", self._verifier)
        if self._verifier not in (None, named):
            raise Unfit(f"its task is for {str(named)[:100]!r}, not for {self._verifier!r}")
        return {**fields, "task": {"verifier": named, **task}}


def _made(task: dict[str, Any]) -> dict[str, Any]:
    """What its recipe makes of the task: the gold answer has other names there."""
    try:
        return dict(made_of(task).task)
    except InvalidTask as invalid:
        raise Unfit(f"its task: {invalid}") from None


def _trials(told: dict[str, Any], others: list[str]) -> list[Trial]:
    task = told["task"]
    fields = {key: value for key, value in task.items() if key != "verifier"}
    given = told.get("gold_response")
    if given is None:
        found = [Trial(GOLD, response) for response in gold_responses(str(task["verifier"]), fields)]
    else:
        responses = given if isinstance(given, list) else [given]
        if not all(isinstance(response, str) for response in responses):
            raise Unfit("gold_response is neither a text nor a list of texts")
        found = [Trial(GIVEN, response) for response in responses]
    return found + [Trial(*probe) for probe in probes(fields, _prompt(told.get("prompt")), others)]


def _prompt(prompt: Any) -> str:
    """The text of a prompt, of chat messages that of the user's last."""
    if isinstance(prompt, str):
        return prompt
    if not isinstance(prompt, list) or not all(isinstance(one, dict) for one in prompt):
        return ""
    asked = [{**one, "role": "assistant"} for one in prompt if one.get("role") == "user"]
    return text_of(asked) or ""
