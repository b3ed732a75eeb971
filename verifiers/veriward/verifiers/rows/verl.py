"""Rows in verl's form: `data_source` says which set, `reward_model.ground_truth` holds the answer.

Known are the sources of verl's own examples, of DAPO, Eurus-2 (PRIME), Guru, SynLogic, Logic-RL, TinyZero, Search-R1
and reasoning-gym.
"""

import re
from collections.abc import Callable
from typing import Any

from veriward.verifiers.rows.instructions import instruction_task
from veriward.verifiers.rows.mathematics import math_task
from veriward.verifiers.rows.programs import tests_task
from veriward.verifiers.rows.questions import short_task
from veriward.verifiers.rows.reading import (
    BadRow,
    Row,
    UnknownRow,
    from_literal,
    mapping,
    optional,
    text,
    text_or_number,
    texts,
)
from veriward.verifiers.rows.sets import Made
from veriward.verifiers.rows.tables import table_task

VERL_COLUMNS = {"data_source", "reward_model"}
GOLD = "ground_truth"
MAX_SOURCE_CHARS = 200

Task = dict[str, Any]
_CHECKED = re.compile(r"^check\(([^()\n]{1,200}(?:\(\)\.\w{1,200})?)\)\s*\Z", re.MULTILINE)
_TASK_NAME = re.compile(r"[a-z][a-z0-9_]{0,80}")


def from_verl(row: Row) -> tuple[str, Made]:
    """The row's source and what is made of it."""
    source = text(row, "data_source")
    if len(source) > MAX_SOURCE_CHARS:
        raise BadRow("data_source", f"is longer than {MAX_SOURCE_CHARS} characters")
    extra = mapping(row, "extra_info") if row.get("extra_info") else {}
    gold = mapping(row, "reward_model")
    if "game_data_str" in extra:
        task = _synlogic(source, extra)
    else:
        task = _maker(source)(gold, extra, row)
    place = [str(extra[name]) for name in ("split", "index") if extra.get(name) is not None]
    return source, Made(task, row.get("prompt"), "/".join(place) if "index" in extra else None)


def _maker(source: str) -> Callable[[Row, Row, Row], Task]:
    for pattern, make in SOURCES:
        if re.fullmatch(pattern, source):
            return make
    raise UnknownRow(f"no set is known whose data_source is {source!r}")


def _math(gold: Row, extra: Row, row: Row) -> Task:
    return math_task(text_or_number(gold, GOLD))


def _tests(gold: Row, extra: Row, row: Row) -> Task:
    return tests_task(mapping(gold, GOLD), GOLD)


def _guru_code(gold: Row, extra: Row, row: Row) -> Task:
    """`{"inputs", "outputs"}`, `{"functional": Python that calls the program}` or `{"pytest": a test file}`."""
    told = mapping(gold, GOLD)
    if "pytest" in told:
        return {"verifier": "code", "kind": "pytest", "files": {"test_solution.py": text(told, "pytest")}}
    if "functional" not in told:
        return tests_task(told, GOLD)
    script, prefix = text(told, "functional"), optional(extra, "prefix")
    called = _CHECKED.search(script)
    if called is None or "def check(" not in script:
        return {"verifier": "code", "kind": "assert", "tests": [script], "setup": prefix}
    test_code = script[: called.start()].rstrip()
    task = {"verifier": "code", "kind": "check", "entry_point": called[1].strip(), "test_code": test_code}
    return {**task, "prefix": prefix}


def _codeio(gold: Row, extra: Row, row: Row) -> Task:
    """The gold answer is a JSON object, or the fragment `"output": …`, which the verifier reads itself."""
    return {"verifier": "simulation", "kind": "codeio", "gold": gold.get(GOLD)}


def _cruxeval_output(gold: Row, extra: Row, row: Row) -> Task:
    """The arguments stand in the prompt alone: `assert f(…) == ??`."""
    given = _between(row, "assert f(", ") == ??")
    code = text(mapping(gold, GOLD), "functional")
    task = {"verifier": "simulation", "kind": "output", "code": code, "input": given}
    return {**task, "gold": text(extra, "reference")}


def _cruxeval_input(gold: Row, extra: Row, row: Row) -> Task:
    """The output stands in the prompt alone: `assert f(??) == …`."""
    code = text(mapping(gold, GOLD), "functional")
    return {"verifier": "simulation", "kind": "input", "code": code, "gold_output": _between(row, "f(??) == ", "\n")}


def _between(row: Row, before: str, after: str) -> str:
    prompt = row.get("prompt")
    last = prompt[-1] if isinstance(prompt, list) and prompt else None
    content = last.get("content") if isinstance(last, dict) else prompt
    start = content.rfind(before) if isinstance(content, str) else -1
    end = content.find(after, start) if isinstance(content, str) and start >= 0 else -1
    if not isinstance(content, str) or end < 0:
        raise BadRow("prompt", f"has no assertion `{before}…{after.strip()}`")
    return content[start + len(before) : end]


def _arc(gold: Row, extra: Row, row: Row) -> Task:
    return {"verifier": "arc", "gold": from_literal(gold, GOLD)}


def _logic(game: str) -> Callable[[Row, Row, Row], Task]:
    return lambda gold, extra, row: {"verifier": f"logic.{game}", "answer": gold.get(GOLD), "metadata": {}}


def _table(gold: Row, extra: Row, row: Row) -> Task:
    """Guru writes a list as `a|b`."""
    return table_task(text_or_number(gold, GOLD).split("|"), GOLD)


def _letter(gold: Row, extra: Row, row: Row) -> Task:
    return {"verifier": "choice", "answer": text(gold, GOLD).strip()}


def _ifeval(gold: Row, extra: Row, row: Row) -> Task:
    return instruction_task(texts(extra, "instruction_id_list"), from_literal(gold, GOLD), optional(extra, "prompt"))


def _ifbench(gold: Row, extra: Row, row: Row) -> Task:
    """`[{"instruction_id": […], "kwargs": […]}]`, as JSON or as a Python literal."""
    told = from_literal(gold, GOLD)
    told = told[0] if isinstance(told, list) and told else told
    if not isinstance(told, dict):
        raise BadRow(GOLD, "names no instructions")
    return instruction_task(texts(told, "instruction_id"), told.get("kwargs"), None)


def _search(gold: Row, extra: Row, row: Row) -> Task:
    told = gold.get(GOLD)
    aliases = texts(told, "target") if isinstance(told, dict) else texts(gold, GOLD)
    return short_task(aliases, optional(row, "question") or optional(extra, "question"))


def _reasoning_gym(gold: Row, extra: Row, row: Row) -> Task:
    told = mapping(gold, GOLD) if isinstance(gold.get(GOLD), dict) else {**extra, "answer": gold.get(GOLD)}
    metadata = mapping(told, "metadata")
    task = {"verifier": "reasoning_gym", "task": text(metadata, "source_dataset"), "metadata": dict(metadata)}
    return {**task, "answer": told.get("answer")}


def _knights_knaves(gold: Row, extra: Row, row: Row) -> Task:
    """Logic-RL: who is what as a text, and what they say."""
    told = mapping(gold, GOLD)
    task = {"verifier": "logic.knights_knaves", "solution_text_format": text(told, "solution_text_format")}
    return {**task, "statements": told["statements"]} if told.get("statements") else task


def _countdown(gold: Row, extra: Row, row: Row) -> Task:
    """TinyZero."""
    told = mapping(gold, GOLD)
    numbers, target = from_literal(told, "numbers"), told.get("target")
    if not isinstance(numbers, list) or not all(isinstance(number, int) for number in numbers):
        raise BadRow(f"{GOLD}.numbers", "is no list of whole numbers")
    return {"verifier": "logic.countdown", "numbers": numbers, "target": target}


def _synlogic(source: str, extra: Row) -> Task:
    """SynLogic: `data_source` names the game; question, answer and metadata stand in `extra_info.game_data_str`."""
    game = re.split(r"[/]|__", source)[-1]
    if not _TASK_NAME.fullmatch(game):
        raise BadRow("data_source", "names no game")
    told = mapping(extra, "game_data_str")
    return {"verifier": f"logic.{game}", "answer": told.get("answer"), "metadata": told.get("metadata") or {}}


SOURCES: tuple[tuple[str, Callable[[Row, Row, Row], Task]], ...] = (
    (r"openai/gsm8k|gsm8k", _math),
    (r"lighteval/MATH|DigitalLearningGmbH/MATH-lighteval|HuggingFaceH4/MATH-500|math_dapo|math_500", _math),
    (r"math__.*|aime.*|amc.*|numina_.*|olympiads?.*|minerva.*", _math),
    (r"apps|taco|codecontests|codeforces", _tests),
    (r"codegen__.*", _guru_code),
    (r"simulation__codeio.*", _codeio),
    (r"simulation__cruxeval-o.*", _cruxeval_output),
    (r"simulation__cruxeval-i.*", _cruxeval_input),
    (r"(?:simulation|logic)__(?:arcagi|barc).*", _arc),
    (r"logic__zebra_puzzle.*", _logic("zebra_puzzle")),
    (r"logic__ordering_puzzle.*", _logic("ordering_puzzle")),
    (r"logic__graph.*", _logic("graph")),
    (r"kk_logic|kk", _knights_knaves),
    (r"countdown", _countdown),
    (r"table__.*", _table),
    (r"stem__(?:gpqa|supergpqa).*", _letter),
    (r"ood__ifeval", _ifeval),
    (r"ood__ifbench", _ifbench),
    (r"(?:searchR1_)?(?:nq|triviaqa|popqa|hotpotqa|2wikimultihopqa|musique|bamboogle)", _search),
    (r"reasoning_gym.*", _reasoning_gym),
)
