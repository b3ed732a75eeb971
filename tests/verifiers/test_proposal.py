"""Proposals: what is the same, what is there already, and what a proposer is paid."""

from typing import Any

import pytest

from veriward.sandbox import Sandbox
from veriward.verifiers import Verdict, verifiers
from veriward.verifiers.judging import judge, parse_task
from veriward.verifiers.proposal import fingerprint
from veriward.verifiers.proposal.screening import Unfit, check_not_trivial, function_of
from veriward.verifiers.proposal.task import BANNED
from veriward.wire.outcomes import Outcome

PROGRAM = "def f(x):\n    return x * x - 1\n"
SAME = {
    "comments and layout": "def f( x ):  # squares\n\n    return (x*x) - 1\n",
    "a docstring": "def f(x):\n    'Square it.'\n    return x * x - 1\n",
}
OTHER = {
    "another number": "def f(x):\n    return x * x - 2\n",
    "another name": "def f(y):\n    return y * y - 1\n",
}


@pytest.mark.parametrize("name", SAME)
def test_what_reads_otherwise_and_is_the_same_has_one_fingerprint(name: str) -> None:
    assert fingerprint(SAME[name], "7") == fingerprint(PROGRAM, "7")


@pytest.mark.parametrize("name", OTHER)
def test_what_is_not_the_same_has_another(name: str) -> None:
    assert fingerprint(OTHER[name], "7") != fingerprint(PROGRAM, "7")


def test_another_input_is_another_task() -> None:
    assert fingerprint(PROGRAM, "7") != fingerprint(PROGRAM, "8")


REFUSED = {
    "a banned module": "import os.path\ndef f(x):\n    return x + 1",
    "a relative import": "from . import a\ndef f(x):\n    return x + 1",
    "a name with double underscores": "def f(x):\n    return x.__class__.__name__ + 'a'",
    "eval under another name": "def f(x, e=eval):\n    return e(x)",
    "an input that is not used": "def f(x):\n    return 2 + 2",
    "an input given back": "def f(x):\n    return x",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_unfit_is_refused_unread(name: str) -> None:
    with pytest.raises(Unfit):
        check_not_trivial(function_of(REFUSED[name], "f", BANNED))


def proposed(sandbox: Sandbox, **fields: Any) -> Verdict:
    verifier = verifiers()["proposal"]
    task = parse_task(verifier, {"kind": "program", **fields})
    return judge(verifier, task, f"```python\n{PROGRAM}```\n```input\n7\n```", sandbox)


@pytest.mark.sandbox
def test_a_sound_one_comes_with_its_value_and_its_fingerprint(sandbox: Sandbox) -> None:
    verdict = proposed(sandbox)
    assert (verdict.outcome, verdict.reward, verdict.extracted) == (Outcome.CORRECT, 1.0, "48")
    assert verdict.reason == f"fingerprint {fingerprint(PROGRAM, '7')}"
    assert verdict.isolation is not None


@pytest.mark.sandbox
def test_one_that_is_there_already_earns_nothing(sandbox: Sandbox) -> None:
    verdict = proposed(sandbox, known=[fingerprint(PROGRAM, "7")])
    assert (verdict.reward, verdict.reason) == (0.0, "it is there already")


@pytest.mark.sandbox
@pytest.mark.parametrize(("rate", "reward"), [(0.0, 0.0), (0.125, 0.875), (0.5, 0.5), (1.0, 0.0)])
def test_a_proposer_is_paid_what_there_is_to_learn(sandbox: Sandbox, rate: float, reward: float) -> None:
    assert proposed(sandbox, solve_rate=rate).reward == reward
