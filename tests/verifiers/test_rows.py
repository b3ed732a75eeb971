"""Rows of known sets, written by hand in their published columns: the task made of each, and how it grades.

It is over 400 lines long because every set's row is written out.
"""

import base64
import json
import pickle
import zlib
from typing import Any

import pytest

from veriward.sandbox.execution import MAX_INPUTS, Sandbox
from veriward.verifiers import Verdict, verifiers
from veriward.verifiers.conformance import NoSandbox
from veriward.verifiers.judging import judge, parse_task
from veriward.verifiers.rows import BadRow, RowError, UnknownRow, known_sets, packed, reading, to_item
from veriward.verifiers.rows.packed import unpacked
from veriward.verifiers.rows.sets import SETS

ECHO = "```python\nprint(int(input()) * 2)\n```"
TRIPLE = "```python\nprint(int(input()) * 3)\n```"
ADD = "```python\ndef add(a, b):\n    return a + b\n```"
SUB = "```python\ndef add(a, b):\n    return a - b\n```"
SQL = "```sql\nSELECT name FROM player WHERE age > 26\n```"


def private_tests(tests: list[dict[str, str]]) -> str:
    """As LiveCodeBench packs them."""
    return base64.b64encode(zlib.compress(pickle.dumps(json.dumps(tests)))).decode()


def verl(source: str, gold: Any, **extra: Any) -> dict[str, Any]:
    return {
        "data_source": source,
        "prompt": [{"role": "user", "content": "Question?"}],
        "ability": "x",
        "reward_model": {"style": "rule", "ground_truth": gold},
        "extra_info": {"index": 7, "split": "train", **extra},
    }


# Sentence: set or source, row, a right response, a wrong one. `None` where the verifier is not there yet.
ROWS: dict[str, tuple[str, dict[str, Any], str | None, str | None]] = {
    "GSM8K": (
        "gsm8k",
        {"question": "How much?", "answer": "She earns 2*536=<<2*536=1072>>1072.\n#### 1,072"},
        "so \\boxed{1072}",
        "so \\boxed{1073}",
    ),
    "MATH": (
        "math",
        {
            "problem": "Half?",
            "level": "Level 1",
            "type": "Algebra",
            "solution": "It is $\\boxed{\\frac{1}{2}}$.",
        },
        "\\boxed{0.5}",
        "\\boxed{2}",
    ),
    "MATH-500": (
        "math",
        {
            "problem": "Half?",
            "solution": "…",
            "answer": "\\frac{1}{2}",
            "subject": "Algebra",
            "level": 1,
            "unique_id": "test/algebra/1.json",
        },
        "\\boxed{0.5}",
        "\\boxed{2}",
    ),
    "DAPO-Math-17k": ("math_dapo", verl("math_dapo", "34"), "\\boxed{34}", "\\boxed{43}"),
    "DAPO-Math-17k, processed": (
        "dapo_math",
        {"prompt": "How many?", "solution": "34", "source_prompt": [{"role": "user", "content": "How many?"}]},
        "\\boxed{34}",
        "\\boxed{43}",
    ),
    "Big-Math": (
        "big_math",
        {
            "problem": "How many?",
            "answer": "34",
            "source": "orca_math",
            "domain": ["Algebra"],
            "llama8b_solve_rate": 0.5,
        },
        "\\boxed{34}",
        "\\boxed{43}",
    ),
    "OpenR1-Math": (
        "openr1_math",
        {
            "problem": "How many?",
            "solution": "…",
            "answer": "34",
            "problem_type": "Algebra",
            "question_type": "math-word-problem",
            "source": "olympiads",
            "uuid": "3fd0",
        },
        "\\boxed{34}",
        "\\boxed{43}",
    ),
    "Eurus-2, mathematics": ("numina_olympiads", verl("numina_olympiads", "34"), "\\boxed{34}", "\\boxed{43}"),
    "Eurus-2, code": (
        "taco",
        verl("taco", json.dumps({"inputs": ["2\n", "5\n"], "outputs": ["4\n", "10\n"]})),
        ECHO,
        TRIPLE,
    ),
    "Guru, mathematics": ("math__x", verl("math__x", "34"), "\\boxed{34}", "\\boxed{43}"),
    "Guru, a function that is checked": (
        "codegen__leetcode2k",
        verl(
            "codegen__leetcode2k",
            json.dumps({"functional": "def check(candidate):\n    assert candidate(2, 3) == 5\n\n\ncheck(add)"}),
            prefix="import math\n",
        ),
        ADD,
        SUB,
    ),
    "Guru, assertions": (
        "codegen__mbpp",
        verl("codegen__mbpp", json.dumps({"functional": "assert add(2, 3) == 5\nassert add(0, 0) == 0"})),
        ADD,
        SUB,
    ),
    "Guru, stdin": (
        "codegen__primeintellect",
        verl("codegen__primeintellect", json.dumps({"inputs": ["2\n"], "outputs": ["4\n"]})),
        ECHO,
        TRIPLE,
    ),
    "Guru, CodeI/O": (
        "simulation__codeio",
        verl("simulation__codeio", '"output": {"n": 3}'),
        '```json\n{"output": {"n": 3}}\n```',
        '```json\n{"output": {"n": 4}}\n```',
    ),
    "Guru, CruxEval-O": (
        "simulation__cruxeval-o",
        verl("simulation__cruxeval-o", json.dumps({"functional": "def f(x):\n    return x + 1"}), reference="3")
        | {"prompt": [{"role": "user", "content": "def f(x):\n    return x + 1\nassert f(2) == ??\n```\n"}]},
        "```python\nassert f(2) == 3\n```",
        "```python\nassert f(2) == 2\n```",
    ),
    "Guru, CruxEval-I": (
        "simulation__cruxeval-i",
        verl("simulation__cruxeval-i", json.dumps({"functional": "def f(x):\n    return x + 1"}))
        | {"prompt": [{"role": "user", "content": "def f(x):\n    return x + 1\nassert f(??) == 3\n```\n"}]},
        "```python\nassert f(2) == 3\n```",
        "```python\nassert f(3) == 3\n```",
    ),
    "Guru, ARC": (
        "simulation__arcagi1",
        verl("simulation__arcagi1", [[1, 2], [3, 4]]),
        "<answer>[[1, 2], [3, 4]]</answer>",
        "<answer>[[1, 2], [3, 5]]</answer>",
    ),
    "Guru, tables": (
        "table__hitab",
        verl("table__hitab", "3.5|4"),
        "\\boxed{3.5|4}",
        "\\boxed{3.5|5}",
    ),
    "Guru, science": ("stem__gpqa", verl("stem__gpqa", "C"), "\\boxed{C}", "\\boxed{D}"),
    "Guru, zebra puzzles": (
        "logic__zebra_puzzle_dataset",
        verl("logic__zebra_puzzle_dataset", {"header": ["House"], "rows": [["1"]]}),
        None,
        None,
    ),
    "Guru, IFEval": (
        "ood__ifeval",
        verl("ood__ifeval", [{}], instruction_id_list=["punctuation:no_comma"], prompt="Write."),
        "No comma here.",
        "A comma, here.",
    ),
    "Guru, IFBench": (
        "ood__ifbench",
        verl("ood__ifbench", "[{'instruction_id': ['punctuation:no_comma'], 'kwargs': [None]}]"),
        "No comma here.",
        "A comma, here.",
    ),
    "SynLogic": (
        "web_of_lies",
        verl(
            "web_of_lies",
            "",
            game_data_str=json.dumps({"question": "Who?", "answer": "yes, no", "difficulty": 1, "metadata": {"n": 2}}),
        ),
        "The answer is **yes, no**.",
        "The answer is **no, no**.",
    ),
    "Logic-RL": (
        "kk_logic",
        verl(
            "kk_logic",
            {
                "solution_text_format": "(1) Zoey is a knight\n(2) Oliver is a knave",
                "statements": "(('lying', 1), ('lying', 0))",
            },
        ),
        "<answer>(1) Zoey is a knight\n(2) Oliver is a knave</answer>",
        "<answer>(1) Zoey is a knight\n(2) Oliver is a knight</answer>",
    ),
    "TinyZero": (
        "countdown",
        verl("countdown", {"numbers": [44, 19, 35], "target": 98}),
        "<answer>44 + 19 + 35</answer>",
        "<answer>44 + 35 - 19</answer>",
    ),
    "KodCode": (
        "kodcode",
        {
            "question": "Write add.",
            "solution": "def add(a, b):\n    return a + b",
            "test": "from solution import add\n\ndef test_add():\n    assert add(2, 3) == 5\n",
            "style": "instruct",
            "subset": "Prefill",
            "question_id": "Prefill_1_I",
        },
        ADD,
        SUB,
    ),
    "TACO": (
        "taco",
        {
            "question": "Double it.",
            "solutions": "[]",
            "starter_code": "",
            "input_output": json.dumps({"inputs": ["2\n", "5\n"], "outputs": ["4\n", "10\n"]}),
            "difficulty": "EASY",
            "skill_types": "[]",
            "time_limit": "2.0 seconds",
        },
        ECHO,
        TRIPLE,
    ),
    "APPS, with a function": (
        "apps",
        {
            "problem_id": 0,
            "question": "Add.",
            "solutions": "[]",
            "input_output": json.dumps({"fn_name": "add", "inputs": [[2, 3], [0, 1]], "outputs": [[5], [1]]}),
            "difficulty": "introductory",
            "url": "…",
            "starter_code": "def add(a, b):",
        },
        ADD,
        SUB,
    ),
    "CodeContests": (
        "code_contests",
        {
            "name": "1_A. Double",
            "description": "Double it.",
            "public_tests": {"input": ["2\n"], "output": ["4\n"]},
            "private_tests": {"input": ["5\n"], "output": ["10\n"]},
            "generated_tests": {"input": [], "output": []},
            "source": 2,
            "time_limit": {"seconds": 2, "nanos": 0},
        },
        ECHO,
        TRIPLE,
    ),
    "LiveCodeBench, packed": (
        "livecodebench",
        {
            "question_title": "Double",
            "question_content": "Double it.",
            "platform": "atcoder",
            "question_id": "abc301_a",
            "starter_code": "",
            "public_test_cases": json.dumps([{"input": "2\n", "output": "4\n", "testtype": "stdin"}]),
            "private_test_cases": private_tests([{"input": "5\n", "output": "10\n", "testtype": "stdin"}]),
            "metadata": "{}",
        },
        ECHO,
        "```python\nprint({2: 4}.get(int(input())))\n```",
    ),
    "LiveCodeBench, a function": (
        "livecodebench",
        {
            "question_title": "Add",
            "question_content": "Add.",
            "platform": "leetcode",
            "question_id": "2727",
            "starter_code": "class Solution:\n    def add(self, a: int, b: int) -> int:\n        ",
            "public_test_cases": json.dumps([{"input": "2\n3", "output": "5", "testtype": "functional"}]),
            "private_test_cases": json.dumps([{"input": "0\n1", "output": "1", "testtype": "functional"}]),
            "metadata": '{"func_name": "add"}',
        },
        "```python\nclass Solution:\n    def add(self, a, b):\n        return a + b\n```",
        SUB,
    ),
    "MBPP": (
        "mbpp",
        {
            "task_id": 11,
            "text": "Write a function to add.",
            "code": "def add(a, b): return a + b",
            "test_list": ["assert add(2, 3) == 5", "assert add(0, 1) == 1"],
            "test_setup_code": "",
            "challenge_test_list": [],
        },
        ADD,
        SUB,
    ),
    "MBPP, sanitized": (
        "mbpp",
        {
            "source_file": "x.ipynb",
            "task_id": 11,
            "prompt": "Write a function to add.",
            "code": "…",
            "test_imports": ["import math"],
            "test_list": ["assert math.isclose(add(2, 3), 5)"],
        },
        ADD,
        SUB,
    ),
    "HumanEval": (
        "humaneval",
        {
            "task_id": "HumanEval/0",
            "prompt": 'def add(a, b):\n    """Add."""\n',
            "canonical_solution": "    return a + b\n",
            "test": "METADATA = {}\n\n\ndef check(candidate):\n    assert candidate(2, 3) == 5\n",
            "entry_point": "add",
        },
        ADD,
        SUB,
    ),
    "BIRD, with its database": (
        "bird",
        {
            "question_id": 3,
            "db_id": "team",
            "question": "Who is older than 26?",
            "evidence": "",
            "SQL": "SELECT name FROM player WHERE age > 26",
            "difficulty": "simple",
            "schema": "CREATE TABLE player (name TEXT, age INT); INSERT INTO player VALUES ('Ada', 30), ('Ben', 20);",
        },
        SQL,
        "```sql\nSELECT name FROM player\n```",
    ),
    "Spider, without its database": (
        "spider",
        {"db_id": "team", "question": "Who?", "query": "SELECT name FROM player", "query_toks": ["SELECT"]},
        None,
        None,
    ),
    "WikiTableQuestions": (
        "wikitablequestions",
        {
            "id": "nt-0",
            "question": "Which?",
            "answers": ["Spain", "Italy"],
            "table": {"header": ["a"], "rows": [["Spain"]], "name": "x.csv"},
        },
        "<answer>Italy, Spain</answer>",
        "<answer>Italy</answer>",
    ),
    "HiTab": (
        "hitab",
        {
            "id": "0a",
            "table_id": "100",
            "question": "How much?",
            "answer": [3.5],
            "answer_formulas": ["=B4"],
            "aggregation": ["none"],
        },
        "\\boxed{3.5}",
        "\\boxed{4.5}",
    ),
    "FinQA": (
        "finqa",
        {
            "id": "A/2010/page_1.pdf-1",
            "pre_text": ["…"],
            "post_text": ["…"],
            "table": [["", "2010"], ["sales", "12"]],
            "qa": {"question": "By how much?", "answer": "93.5%", "exe_ans": 0.935, "program": "divide(1, 2)"},
        },
        "\\boxed{93.5\\%}",
        "\\boxed{9.35\\%}",
    ),
    "TabFact": (
        "tabfact",
        {
            "id": 0,
            "table_id": "2-1.html.csv",
            "table_text": "a#b\n1#2",
            "table_caption": "x",
            "statement": "a is 1",
            "label": 1,
        },
        "<answer>entailed</answer>",
        "<answer>refuted</answer>",
    ),
    "IFEval": (
        "ifeval",
        {
            "key": 1000,
            "prompt": "Write without commas.",
            "instruction_id_list": ["punctuation:no_comma"],
            "kwargs": [{"num_words": None}],
        },
        "No comma here.",
        "A comma, here.",
    ),
    "IFBench": (
        "ifbench",
        {
            "key": "0",
            "prompt": "Use two numbers.",
            "instruction_id_list": ["count:numbers"],
            "kwargs": [{"N": 2}],
        },
        "Take 3 and 4.",
        "Take three.",
    ),
    "HotpotQA": (
        "hotpotqa",
        {
            "id": "5a7a",
            "question": "Who wrote it?",
            "answer": "Mary Shelley",
            "type": "bridge",
            "level": "hard",
            "supporting_facts": {"title": [], "sent_id": []},
            "context": {},
        },
        "<answer>Mary Shelley</answer>",
        "<answer>Lord Byron</answer>",
    ),
    "NQ": (
        "nq",
        {"question": "where is it", "answer": ["Paris", "Paris, France"]},
        "<answer>paris</answer>",
        "<answer>Lyon</answer>",
    ),
    "Search-R1": (
        "searchR1_nq",
        verl("searchR1_nq", {"target": ["Paris"]}, question="where is it"),
        "<answer>paris</answer>",
        "<answer>Lyon</answer>",
    ),
    "FlashRAG": (
        "search_qa",
        {"id": "test_0", "question": "where is it", "golden_answers": ["Paris"]},
        "<answer>paris</answer>",
        "<answer>Lyon</answer>",
    ),
    "GPQA": (
        "gpqa",
        {
            "Record ID": "rec06",
            "Question": "Which?",
            "Correct Answer": "10^-4 eV\n",
            "Incorrect Answer 1": "10^-11 eV",
            "Incorrect Answer 2": "10^-8 eV",
            "Incorrect Answer 3": "10^-9 eV",
        },
        "\\boxed{10^-4 eV}",
        "\\boxed{10^-8 eV}",
    ),
    "MMLU-Pro": (
        "mmlu_pro",
        {
            "question_id": 70,
            "question": "Which?",
            "options": ["one", "two", "three"],
            "answer": "C",
            "answer_index": 2,
            "cot_content": "",
            "category": "math",
            "src": "x",
        },
        "The answer is (C).",
        "The answer is (B).",
    ),
    "reasoning-gym": (
        "reasoning_gym",
        {
            "question": "What is 2 + 2?",
            "answer": "4",
            "metadata": {"source_dataset": "basic_arithmetic", "source_index": 0},
        },
        None,
        None,
    ),
}
GRADED = {name: row for name, row in ROWS.items() if row[2] is not None}


@pytest.mark.parametrize(("source", "row", "right", "wrong"), ROWS.values(), ids=ROWS.keys())
def test_a_row_becomes_an_item(source: str, row: dict[str, Any], right: str | None, wrong: str | None) -> None:
    item = to_item(row)
    assert item["source"] == source
    assert item["id"].startswith(f"{source}/")
    assert item["prompt"]
    assert to_item(dict(reversed(row.items()))) == item
    known = verifiers().get(item["task"]["verifier"])
    if known is not None and item["source"] != "spider":
        parse_task(known, {name: value for name, value in item["task"].items() if name != "verifier"})


def verdict(row: dict[str, Any], response: str, sandbox: Sandbox) -> Verdict:
    task = to_item(row)["task"]
    verifier = verifiers()[task.pop("verifier")]
    return judge(verifier, parse_task(verifier, task), response, sandbox if verifier.runs_programs else NoSandbox())


@pytest.mark.sandbox
@pytest.mark.parametrize(("source", "row", "right", "wrong"), GRADED.values(), ids=GRADED.keys())
def test_its_right_answer_earns_1_and_a_wrong_one_0(
    source: str, row: dict[str, Any], right: str, wrong: str, sandbox: Sandbox
) -> None:
    assert verdict(row, right, sandbox).reward == 1.0
    assert verdict(row, wrong, sandbox).reward == 0.0


def test_every_set_has_a_row_here() -> None:
    covered = {to_item(row)["source"] for _, row, _, _ in ROWS.values()}
    assert SETS.keys() - covered == set()


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if "reward_model" not in row[1]])
def test_a_set_may_be_named(name: str) -> None:
    source, row, _, _ = ROWS[name]
    assert to_item(row, source) == to_item(row)


def test_verls_form_may_be_named() -> None:
    assert to_item(verl("math_dapo", "34"), "verl")["task"] == {"verifier": "math", "answer": "34"}


def test_verls_rows_are_known_by_split_and_index() -> None:
    assert to_item(verl("math_dapo", "34"))["id"] == "math_dapo/train/7"


def test_a_row_without_an_id_is_known_by_what_it_asks() -> None:
    row = {"question": "How much?", "answer": "#### 5"}
    assert to_item(row)["id"] == to_item(dict(row))["id"]
    assert to_item(row)["id"] != to_item({**row, "answer": "#### 6"})["id"]


UNKNOWN = {
    "columns of no set": ({"foo": 1, "bar": 2}, None, "foo, bar"),
    "no columns": ({}, None, "known sets"),
    "a source that nobody publishes": (verl("my_set", "34"), None, "my_set"),
    "a name that is no set": ({"question": "?", "answer": "#### 5"}, "gms8k", "gms8k"),
    "very many columns": ({f"c{index}": 1 for index in range(100)}, None, "c29, …"),
}


@pytest.mark.parametrize(("row", "name", "told"), UNKNOWN.values(), ids=UNKNOWN.keys())
def test_an_unknown_row_is_told_with_what_was_seen(row: dict[str, Any], name: str | None, told: str) -> None:
    with pytest.raises(UnknownRow, match=told):
        to_item(row, name)


def changed(name: str, **columns: Any) -> dict[str, Any]:
    return {**ROWS[name][1], **columns}


LCB = "LiveCodeBench, packed"
BAD = {
    "an answer without a number": (changed("GSM8K", answer="x ####  "), "answer"),
    "a solution without a box": (changed("MATH", solution="It is 1/2."), "solution"),
    "a blank answer": (changed("Big-Math", answer=" "), "answer"),
    "an answer that is a truth value": (changed("Big-Math", answer=True), "answer"),
    "tests that are not JSON": (changed("TACO", input_output="{"), "input_output"),
    "tests that are no object": (changed("TACO", input_output="[]"), "input_output"),
    "no tests": (changed("TACO", input_output='{"inputs": [], "outputs": []}'), "input_output"),
    "an output too few": (changed("TACO", input_output='{"inputs": ["1", "2"], "outputs": ["1"]}'), "input_output"),
    "JSON nested past all bounds": (changed("TACO", input_output="[" * 100_000), "input_output"),
    "no tests in three columns": (
        changed("CodeContests", public_tests={}, private_tests={}, generated_tests={}),
        "private_tests",
    ),
    "packed tests that are no base64": (changed(LCB, private_test_cases="%%%"), "private_test_cases"),
    "packed tests that are no zlib": (
        changed(LCB, private_test_cases=base64.b64encode(b"plain").decode()),
        "private_test_cases",
    ),
    "tests without an output": (changed(LCB, public_test_cases='[{"input": "1"}]'), "public_test_cases"),
    "a test list of numbers": (changed("MBPP", test_list=[1]), "test_list"),
    "a query without its database's name": (changed("Spider, without its database", db_id=None), "db_id"),
    "no answers": (changed("WikiTableQuestions", answers=[]), "answers"),
    "a label that is neither": (changed("TabFact", label=2), "label"),
    "two options alike": (changed("GPQA", **{"Incorrect Answer 1": "10^-8 eV"}), "Correct Answer"),
    "a letter of no option": (changed("MMLU-Pro", answer="D"), "answer"),
    "an option too many": (changed("MMLU-Pro", options=[str(n) for n in range(11)]), "options"),
    "a gym entry without its data set": (changed("reasoning-gym", metadata={}), "source_dataset"),
    "no gold answer": (verl("math_dapo", None), "ground_truth"),
    "a prompt without the assertion": (
        verl("simulation__cruxeval-i", json.dumps({"functional": "def f(x):\n    return x"})),
        "prompt",
    ),
    "a source past its bound": (verl("m" * 201, "34"), "data_source"),
    "a game that is no name": (verl("a/../b c", "", game_data_str="{}"), "data_source"),
}


@pytest.mark.parametrize(("row", "column"), BAD.values(), ids=BAD.keys())
def test_a_bad_row_is_told_by_its_column(row: dict[str, Any], column: str) -> None:
    with pytest.raises(BadRow) as bad:
        to_item(row)
    assert bad.value.column == column
    assert isinstance(bad.value, RowError)


def test_one_step_past_the_bound_of_tests() -> None:
    def row(count: int) -> dict[str, Any]:
        return changed("TACO", input_output=json.dumps({"inputs": ["1"] * count, "outputs": ["1"] * count}))

    assert len(to_item(row(MAX_INPUTS))["task"]["tests"]) == MAX_INPUTS
    with pytest.raises(BadRow, match="tests, more than"):
        to_item(row(MAX_INPUTS + 1))


def test_one_step_past_the_bound_of_a_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_TEXT_CHARS", 10)
    assert to_item(changed("Big-Math", problem="1234567890"))
    with pytest.raises(BadRow, match="problem: is longer than 10"):
        to_item(changed("Big-Math", problem="12345678901"))


def test_one_step_past_the_bound_of_what_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    pickled = pickle.dumps("a" * 1_000)
    whole = base64.b64encode(zlib.compress(pickled)).decode()
    monkeypatch.setattr(packed, "MAX_UNPACKED_BYTES", len(pickled))
    assert unpacked(whole) == "a" * 1_000
    monkeypatch.setattr(packed, "MAX_UNPACKED_BYTES", len(pickled) - 1)
    with pytest.raises(ValueError, match="once unpacked"):
        unpacked(whole)


class Evil:
    """Would run a command if it were ever unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("unpickled",)


def packing(pickled: bytes) -> str:
    return base64.b64encode(zlib.compress(pickled)).decode()


HOSTILE = {
    "a call": packing(pickle.dumps(Evil())),
    "a call in the oldest protocol": packing(pickle.dumps(Evil(), protocol=0)),
    "a list of texts": packing(pickle.dumps(["a", "b"])),
    "a number": packing(pickle.dumps(7)),
    "bytes": packing(pickle.dumps(b"[]")),
    "no pickle": packing(b"[]"),
    "nothing": packing(b""),
    "a pickle that ends early": packing(pickle.dumps("abc")[:-3]),
    "a bomb of zeros": base64.b64encode(zlib.compress(bytes(packed.MAX_UNPACKED_BYTES + 1))).decode(),
    "cut off": packing(pickle.dumps("a" * 1_000))[:-8],
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_more_than_a_packed_text_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match=r"."):
        unpacked(text)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol_of_a_packed_text_is_read(protocol: int) -> None:
    assert unpacked(packing(pickle.dumps("[]π", protocol=protocol))) == "[]π"


def test_options_are_put_in_an_order_that_the_question_alone_decides() -> None:
    row = ROWS["GPQA"][1]
    swapped = {**row, "Incorrect Answer 1": row["Incorrect Answer 3"], "Incorrect Answer 3": row["Incorrect Answer 1"]}
    assert to_item(row)["task"] == to_item(swapped)["task"]


def test_the_known_sets_are_listed() -> None:
    assert {"gsm8k", "livecodebench", "verl"} <= set(known_sets())
