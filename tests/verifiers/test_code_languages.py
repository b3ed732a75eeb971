"""Programs in other languages than Python are found by their fence, run, and judged as Python's are."""

import os
from typing import Any

import pytest

from veriward.sandbox.execution import Sandbox
from veriward.sandbox.languages import known
from veriward.verifiers import InvalidTask, Verdict, verifiers
from veriward.verifiers.code.program import NoProgram, program_of
from veriward.verifiers.judging import judge, parse_task
from veriward.wire.outcomes import Outcome

TESTS = [{"input": "1 2\n", "output": "3\n"}, {"input": "-4 4\n", "output": "0\n"}]

BLOCKS = {
    "a tag": ("```cpp\nint main() {}\n```", "cpp", "int main() {}\n"),
    "another tag of the language, in capitals": ("```C++\nint main() {}\n```", "cpp", "int main() {}\n"),
    "the last of two": ("```cpp\n1\n```\n```cpp\n2\n```", "cpp", "2\n"),
    "a block of another language after it": ("```js\n1\n```\n```python\n2\n```", "javascript", "1\n"),
    "a block without a tag": ("```\n1\n```", "bash", "1\n"),
    "a block of another language alone": ("```python\n1\n```", "c", None),
    "C is not C++": ("```cpp\n1\n```", "c", None),
    "no block": ("int main() {}", "c", None),
}


@pytest.mark.parametrize("row", BLOCKS.values(), ids=BLOCKS)
def test_the_program_is_found_by_its_fence(row: tuple[str, str, str | None]) -> None:
    response, language, program = row
    if program is None:
        with pytest.raises(NoProgram, match=f"no block of {language} code"):
            program_of(response, known()[language].tags, language)
    else:
        assert program_of(response, known()[language].tags, language) == program


INVALID: dict[str, dict[str, Any]] = {
    "a language that there is not": {"kind": "stdin", "tests": TESTS, "language": "cobol"},
    "a function in C": {"kind": "call", "fn_name": "f", "inputs": [[1]], "outputs": [1], "language": "c"},
    "asserts for C": {"kind": "assert", "tests": ["assert f()"], "language": "c"},
}


@pytest.mark.parametrize("fields", INVALID.values(), ids=INVALID)
def test_invalid_tasks_name_the_language(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidTask) as invalid:
        parse_task(verifiers()["code"], fields)
    assert invalid.value.field == "language"


def grade(response: str, language: str, sandbox: Sandbox, **fields: Any) -> Verdict:
    here = sandbox.languages()  # type: ignore[attr-defined]
    if language not in here:
        complaint = f"{language} is not installed"
        pytest.fail(complaint) if os.environ.get("CI") == "true" else pytest.skip(complaint)
    task = parse_task(verifiers()["code"], {"kind": "stdin", "tests": TESTS, "language": language, **fields})
    return judge(verifiers()["code"], task, response, sandbox)


GOOD = {
    "c": '#include <stdio.h>\nint main() { int a, b; scanf("%d%d", &a, &b); printf("%d", a + b); }',
    "cpp": "#include <bits/stdc++.h>\nint main() { int a, b; std::cin >> a >> b; std::cout << a + b; }",
    "javascript": "const [a, b] = require('fs').readFileSync('/dev/stdin', 'utf8').split(' ')\nconsole.log(+a + +b)",
    "bash": "read a b\necho $((a + b))",
    "python-clean": "print(sum(map(int, input().split())))",
}


@pytest.mark.sandbox
@pytest.mark.parametrize("language", GOOD)
def test_a_right_program_is_right(language: str, sandbox: Sandbox) -> None:
    tag = known()[language].tags[0]
    verdict = grade(f"So:\n\n```{tag}\n{GOOD[language]}\n```\n", language, sandbox)
    assert (verdict.outcome, verdict.reward) == (Outcome.CORRECT, 1.0), verdict


WRONG = {
    "another output": ("bash", "echo 3", "test 2 of 2: wrong output: '3\\n'"),
    "what is printed before a crash": (
        "c",
        '#include <stdio.h>\n#include <stdlib.h>\nint main() { puts("3"); fflush(stdout); abort(); }',
        "test 1 of 2: runtime_error (SIGABRT)",
    ),
    "a program that is none": ("c", "int main() { return x; }", "test 1 of 2: compile_error (compile_error)"),
    "a program in Python": ("c", "print(sum(map(int, input().split())))", "test 1 of 2: compile_error"),
    "a look at the tests": ("bash", "cat /proc/*/environ /proc/*/cmdline | grep -a -o output", "test 1 of 2: "),
}


@pytest.mark.sandbox
@pytest.mark.parametrize("row", WRONG.values(), ids=WRONG)
def test_a_wrong_program_is_wrong(row: tuple[str, str, str], sandbox: Sandbox) -> None:
    language, program, reason = row
    verdict = grade(f"```{language}\n{program}\n```", language, sandbox)
    assert (verdict.outcome, verdict.reward) == (Outcome.WRONG, 0.0), verdict
    assert verdict.reason.startswith(reason), verdict.reason


@pytest.mark.sandbox
def test_the_share_of_tests(sandbox: Sandbox) -> None:
    verdict = grade("```bash\necho 3\n```", "bash", sandbox, score="fraction")
    assert (verdict.outcome, verdict.reward) == (Outcome.PARTIAL, 0.5)
