"""Sets of programming problems, judged by running the program with `code`.

Of tests that call a function, published rows wrap each output in a list of one as often as not: where every output of a
row is such a list, it is unwrapped.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from veriward.sandbox.execution import MAX_INPUTS
from veriward.verifiers.rows.packed import unpacked
from veriward.verifiers.rows.reading import BadRow, Row, from_json, mapping, optional, text, texts
from veriward.verifiers.rows.sets import Made, row_set


def tests_task(told: Mapping[str, Any], column: str) -> dict[str, Any]:
    """A task of `{"inputs", "outputs", "fn_name"?}`, as APPS, TACO and PRIME write their tests."""
    inputs, outputs, name = told.get("inputs"), told.get("outputs"), told.get("fn_name")
    if not isinstance(inputs, list) or not isinstance(outputs, list) or not inputs:
        raise BadRow(column, "has no lists `inputs` and `outputs`")
    _check_count(len(inputs), len(outputs), column)
    if name:
        return call_task(str(name), inputs, outputs)
    return stdin_task([(_lines(given), _lines(output)) for given, output in zip(inputs, outputs, strict=True)])


def call_task(name: str, inputs: list[Any], outputs: list[Any]) -> dict[str, Any]:
    if all(isinstance(output, list) and len(output) == 1 for output in outputs):
        outputs = [output[0] for output in outputs]
    return {"verifier": "code", "kind": "call", "fn_name": name, "inputs": inputs, "outputs": outputs}


def stdin_task(tests: Sequence[tuple[str, str]]) -> dict[str, Any]:
    pairs = [{"input": given, "output": output} for given, output in tests]
    return {"verifier": "code", "kind": "stdin", "tests": pairs}


def _check_count(inputs: int, outputs: int, column: str) -> None:
    if inputs != outputs:
        raise BadRow(column, f"has {inputs} inputs and {outputs} outputs")
    if inputs > MAX_INPUTS:
        raise BadRow(column, f"has {inputs:,} tests, more than {MAX_INPUTS:,}")


def _lines(told: Any) -> str:
    """A text; some rows give it as a list of lines."""
    return "\n".join(map(str, told)) if isinstance(told, list) else str(told)


@row_set("apps", "question", "input_output", "starter_code")
@row_set("taco", "question", "input_output", "starter_code", "skill_types")
def apps(row: Row) -> Made:
    """codeparrot/apps and BAAI/TACO: `question`, `input_output` (JSON), `starter_code`."""
    starter = optional(row, "starter_code")
    prompt = text(row, "question") + (f"\n\n{starter}" if starter else "")
    return Made(tests_task(mapping(row, "input_output"), "input_output"), prompt)


@row_set("code_contests", "description", "public_tests", "private_tests", "generated_tests")
def code_contests(row: Row) -> Made:
    """deepmind/code_contests: three columns of tests, each `{"input": […], "output": […]}`."""
    tests: list[tuple[str, str]] = []
    for column in ("public_tests", "private_tests", "generated_tests"):
        told = mapping(row, column)
        inputs, outputs = list(told.get("input") or ()), list(told.get("output") or ())
        _check_count(len(inputs), len(outputs), column)
        tests += zip(map(str, inputs), map(str, outputs), strict=True)
    if not tests:
        raise BadRow("private_tests", "the row has no tests")
    _check_count(len(tests), len(tests), "generated_tests")
    return Made(stdin_task(tests), text(row, "description"))


@row_set("livecodebench", "question_content", "public_test_cases", "private_test_cases")
def livecodebench(row: Row) -> Made:
    """livecodebench/code_generation_lite: tests as JSON, the private ones packed; `metadata` may name a function."""
    tests = _cases(row, "public_test_cases") + _cases(row, "private_test_cases")
    _check_count(len(tests), len(tests), "private_test_cases")
    starter = optional(row, "starter_code")
    prompt = text(row, "question_content") + (f"\n\n{starter}" if starter else "")
    name = mapping(row, "metadata").get("func_name") if row.get("metadata") else None
    if name:
        task = {"verifier": "code", "kind": "call", "fn_name": str(name)}
        return Made({**task, "inputs": [given for given, _ in tests], "outputs": [out for _, out in tests]}, prompt)
    return Made(stdin_task(tests), prompt)


def _cases(row: Row, column: str) -> list[tuple[str, str]]:
    told = row.get(column)
    if isinstance(told, str) and not told.lstrip().startswith("["):
        try:
            row = {column: unpacked(text(row, column))}
        except ValueError as error:
            raise BadRow(column, str(error)) from None
    cases = from_json(row, column)
    try:
        return [(str(case["input"]), str(case["output"])) for case in cases]
    except (TypeError, KeyError):
        raise BadRow(column, "is no list of tests with `input` and `output`") from None


@row_set("mbpp", "test_list", "code")
def mbpp(row: Row) -> Made:
    """google-research-datasets/mbpp, full (`text`, `test_setup_code`) and sanitized (`prompt`, `test_imports`)."""
    setup = optional(row, "test_setup_code") or "\n".join(row.get("test_imports") or ())
    task = {"verifier": "code", "kind": "assert", "tests": texts(row, "test_list"), "setup": setup}
    return Made(task, text(row, "text" if "text" in row else "prompt"))


@row_set("humaneval", "prompt", "test", "entry_point")
def humaneval(row: Row) -> Made:
    """openai/openai_humaneval: `prompt` is the beginning of the program, `test` defines `check(candidate)`."""
    prompt = text(row, "prompt")
    task = {"verifier": "code", "kind": "check", "entry_point": text(row, "entry_point").strip()}
    return Made({**task, "test_code": text(row, "test"), "prefix": prompt}, prompt)


@row_set("kodcode", "question", "test", "solution")
def kodcode(row: Row) -> Made:
    """KodCode/KodCode-V1: `test` is a file for pytest that imports from `solution`."""
    task = {"verifier": "code", "kind": "pytest", "files": {"test_solution.py": text(row, "test")}}
    return Made(task, text(row, "question"))
