"""`veriward recipes`: what is listed, and what is told of one."""

import json

import pytest
from typer.testing import CliRunner

from veriward.cli.main import app
from veriward.verifiers.recipes import recipes


def told(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["recipes", *arguments])
    assert result.exit_code == code, result.output
    return result.output


def test_all_are_listed() -> None:
    listed = json.loads(told("--json"))
    assert [one["name"] for one in listed] == list(recipes())
    assert set(listed[0]) == {"name", "family", "summary", "source"}
    assert "rlcr" in told()


def test_those_of_a_system_are_listed() -> None:
    assert {one["name"] for one in json.loads(told("--system", "deepseek-r1", "--json"))} == {
        "deepseek_r1_zero",
        "deepseek_r1_zero_code",
        "deepseek_r1_language",
    }


def test_one_is_shown_in_full() -> None:
    text = told("ttrl")
    for piece in ("Source: TTRL", "answer (optional", '"recipe": "ttrl"', '"group_shaping"', "Systems: EMPO"):
        assert piece in text
    assert json.loads(told("ttrl", "--json"))["task"]["verifier"] == "math"


@pytest.mark.parametrize(("arguments", "said"), [(["dappo"], "'dapo'"), (["--system", "nobody"], "nobody")])
def test_what_is_not_there_is_a_wrong_use(arguments: list[str], said: str) -> None:
    assert said in told(*arguments, code=2)
