"""Every program of the corpus gets the verdict that its folder names, and every honest one too."""

from typing import Any

import pytest

from veriward.sandbox.local import LocalSandbox

pytestmark = pytest.mark.sandbox


def test_an_attack_gets_its_verdict(attack: Any, sandbox: LocalSandbox) -> None:
    if why_not := attack.obstacle(sandbox.isolation):
        pytest.skip(why_not)
    assert attack.complaints(attack.perform(sandbox)) == []


def test_an_honest_program_gets_its_verdict(honest_program: Any, sandbox: LocalSandbox) -> None:
    assert honest_program.complaints(honest_program.perform(sandbox)) == []
