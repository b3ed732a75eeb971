"""The format of a file of cases: what it may say, what it refuses, and what it finds lacking."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from veriward.verifiers import InvalidTask, Task, Verdict, Verifier, correct, unparsed, wrong
from veriward.verifiers.conformance import BadCases, NoSandbox, cases, example, run, shortcomings


class WordTask(Task):
    word: str


def said(response: str, task: WordTask, sandbox: object, /) -> Verdict:
    """Take the word alone."""
    if task.word == "broken":
        raise InvalidTask("word", "is broken")
    if not response:
        return unparsed("nothing")
    return correct(response) if response == task.word else wrong(response)


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Verifier]:
    """Declares `acme.said` in a module of its own, with this text as its file of cases."""

    def write(text: str) -> Verifier:
        module = ModuleType("acme_said")
        module.__file__ = str(tmp_path / "acme_said.py")
        monkeypatch.setitem(sys.modules, "acme_said", module)
        (tmp_path / "said.cases.toml").write_text(text)
        return Verifier("acme.said", 1, WordTask, with_module(said, "acme_said"))

    return write


def with_module(function: Callable[..., Verdict], module: str) -> Callable[..., Verdict]:
    def moved(*arguments: object) -> Verdict:
        return function(*arguments)

    moved.__module__ = module
    return moved


KEPT = {
    "an accept": """kind = "accept"\ntask = {word = "yes"}\nresponse = "yes" """,
    "a reject": """kind = "reject"\ntask = {word = "yes"}\nresponse = "no"\nextracted = "no" """,
    "an unparsed": """kind = "unparsed"\ntask = {word = "yes"}\nresponse = "" """,
    "an invalid task": """kind = "invalid_task"\ntask = {word = "broken"}\nfield = "word" """,
    "an invalid task of another type": """kind = "invalid_task"\ntask = {word = 1}\nfield = "word" """,
    "an attack": """kind = "attack"\ntask = {word = "yes"}\nresponse = "yes no" """,
    "an attack that may earn": """kind = "attack"\ntask = {word = "yes"}\nresponse = "yes"\nreward = 1 """,
    "a named task": """kind = "accept"\ntask = {like = "fine"}\nresponse = "fine" """,
    "a named task with another field": """kind = "accept"\ntask = {like = "fine", word = "yes"}\nresponse = "yes" """,
    "a task in JSON": """kind = "accept"\ntask = '{"word": "yes"}'\nresponse = "yes" """,
    "a response in pieces": (
        """kind = "accept"\ntask = {word = "yesss!"}\nresponse = ["ye", {repeat = "s", times = 3}, "!"] """
    ),
    "messages": """kind = "accept"\ntask = {word = "yes"}\nmessages = [{role = "assistant", content = "yes"}] """,
}
TASKS = """[tasks.fine]\nword = "fine"\n"""


@pytest.mark.parametrize("case", KEPT.values(), ids=KEPT.keys())
def test_a_case_that_holds(written: Callable[[str], Verifier], case: str) -> None:
    verifier = written(f'{TASKS}["a sentence"]\n{case}')
    (found,) = cases(verifier)
    assert found.sentence == "a sentence"
    assert run(verifier, found, NoSandbox()) is None


BROKEN = {
    "another outcome": ("""kind = "accept"\ntask = {word = "yes"}\nresponse = "no" """, "outcome wrong"),
    "another reward": (
        """kind = "accept"\ntask = {word = "yes"}\nresponse = "yes"\nreward = 0.5 """,
        "reward 1.0, not",
    ),
    "another extract": (
        """kind = "accept"\ntask = {word = "yes"}\nresponse = "yes"\nextracted = "y" """,
        "extracted 'yes', not 'y'",
    ),
    "an attack that earns": ("""kind = "attack"\ntask = {word = "yes"}\nresponse = "yes" """, "the attack earned 1.0"),
    "a task refused": (
        """kind = "accept"\ntask = {word = "broken"}\nresponse = "yes" """,
        "the task was refused: word",
    ),
    "a task refused for another field": (
        """kind = "invalid_task"\ntask = {word = "broken"}\nfield = "answer" """,
        "refused for 'word', not for 'answer'",
    ),
    "a task not refused": ("""kind = "invalid_task"\ntask = {word = "yes"} """, "the task was not refused"),
}


@pytest.mark.parametrize(("case", "sentence"), BROKEN.values(), ids=BROKEN.keys())
def test_a_case_that_does_not_hold(written: Callable[[str], Verifier], case: str, sentence: str) -> None:
    verifier = written(f'["a sentence"]\n{case}')
    (found,) = cases(verifier)
    assert sentence in str(run(verifier, found, NoSandbox()))


REFUSED = {
    "no TOML": ("[", "Invalid"),
    "an unknown kind": ('["s"]\nkind = "good"\ntask = {}\nresponse = ""', "kind 'good'"),
    "no kind": ('["s"]\ntask = {}\nresponse = ""', "kind"),
    "no task": ('["s"]\nkind = "accept"\nresponse = ""', "task"),
    "no response": ('["s"]\nkind = "accept"\ntask = {}', "either response or messages"),
    "both": ('["s"]\nkind = "accept"\ntask = {}\nresponse = ""\nmessages = []', "either response or messages"),
    "an unknown key": ('["s"]\nkind = "accept"\ntask = {}\nresponse = ""\nanswer = 1', "unknown keys ['answer']"),
    "an unknown named task": ('["s"]\nkind = "accept"\ntask = {like = "x"}\nresponse = ""', "'x'"),
    "a task that is not JSON": ('["s"]\nkind = "accept"\ntask = "{"\nresponse = ""', "JSONDecodeError"),
    "a case that is no table": ("s = 1", "'s'"),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_broken_file_is_refused_with_its_place(written: Callable[[str], Verifier], text: str, message: str) -> None:
    with pytest.raises(BadCases) as refused:
        list(cases(written(text)))
    assert "said.cases.toml" in str(refused.value)
    assert message in str(refused.value)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(BadCases, match=r"nowhere: .*/nowhere\.cases\.toml is missing"):
        list(cases(Verifier("nowhere", 1, WordTask, said)))


def test_what_is_lacking_is_said(written: Callable[[str], Verifier]) -> None:
    assert shortcomings(written(f'["a"]\n{KEPT["an accept"]}\n["b"]\n{KEPT["an attack"]}')) == [
        "no case is of kind 'reject'",
        "no case is of kind 'unparsed'",
        "no case is of kind 'invalid_task'",
        "2 cases, fewer than 12",
    ]


def test_the_example_is_the_first_accepted_task(written: Callable[[str], Verifier]) -> None:
    verifier = written(f'["a"]\n{KEPT["a reject"]}\n["b"]\n{KEPT["an accept"]}')
    assert example(verifier) == {"word": "yes"}


def test_without_an_accept_there_is_no_example(written: Callable[[str], Verifier]) -> None:
    with pytest.raises(BadCases, match="no case is of kind 'accept'"):
        example(written(f'["a"]\n{KEPT["a reject"]}'))
