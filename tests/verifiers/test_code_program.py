"""The program in a response, and what is put in front of it."""

import pytest

from veriward.verifiers.code.program import NoProgram, completion_of, joined, program_of, undented

PROGRAMS: dict[str, tuple[str, str]] = {
    "the last Python block": ("```python\n1\n```\nor\n```python\n2\n```", "2\n"),
    "py and python3, in any case": ("```Py\n1\n```\n```PYTHON3\n2\n```", "2\n"),
    "a tagged block before a later one without a tag": ("```python\n1\n```\n```\noutput\n```", "1\n"),
    "the last block without a tag": ("```\n1\n```\n```\n2\n```", "2\n"),
    "a block that the text ends in": ("```python\n1\n```\nor\n```python\n2", "2"),
    "a block left open before another": ("```python\n1\nNo, again:\n```python\n2\n```", "2\n"),
    "a block after the reasoning": ("<think>```python\n1\n```</think>\n```python\n2\n```", "2\n"),
    "tildes": ("~~~python\n1\n~~~", "1\n"),
    "longer fences hold shorter ones": ("````python\n'''\n```\n'''\n````", "'''\n```\n'''\n"),
    "indented fences": ("- so\n  ```python\n  1\n  ```", "  1\n"),
}


@pytest.mark.parametrize(("response", "program"), PROGRAMS.values(), ids=PROGRAMS.keys())
def test_the_program_is(response: str, program: str) -> None:
    assert program_of(response) == program


NONE: dict[str, tuple[str, str]] = {
    "no text": ("", "no block"),
    "text alone": ("print(1)", "no block"),
    "another language": ("```js\n1\n```", "no block"),
    "blanks": ("```python\n \n```", "no block"),
    "reasoning that never ends": ("<think>\n```python\n1\n```", "never ends"),
    "code in the reasoning alone": ("<think>\n```python\n1\n```</think>none", "no block"),
}


@pytest.mark.parametrize(("response", "why"), NONE.values(), ids=NONE.keys())
def test_there_is_no_program_in(response: str, why: str) -> None:
    with pytest.raises(NoProgram, match=why):
        program_of(response)


@pytest.mark.parametrize("code", ["    return 1\n", "\n\treturn 1", "def f():\n  ...", "from a import b", "@cache\n"])
def test_a_bare_completion_is_code(code: str) -> None:
    assert completion_of(code) == code


@pytest.mark.parametrize("text", ["I can't.", "define it", "important", "returning", "", "``` def f(): ..."])
def test_a_bare_text_is_no_completion(text: str) -> None:
    with pytest.raises(NoProgram):
        completion_of(text)


def test_common_indentation_is_dropped() -> None:
    assert undented("  a\n    b\n") == "a\n  b\n"
    assert undented("a\n  \nb") == "a\n  \nb"


def test_future_imports_stay_first() -> None:
    program = '"""Doc."""\nfrom __future__ import annotations\nx = 1\n'
    whole = joined("import math\n", program)
    assert whole == 'from __future__ import annotations\nimport math\n"""Doc."""\nx = 1\n'
    compile(whole, "", "exec")
    assert joined(" \n", program) == program
