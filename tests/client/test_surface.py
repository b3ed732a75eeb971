"""What the package shows: its names, its errors, its signatures, and how little it imports."""

import inspect
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest

import veriward.client as client
from veriward.client import errors
from veriward.wire import ErrorCode, Problem

PROBLEM = Problem(title="Refused", status=422, code=ErrorCode.INVALID_REQUEST, detail="items[3].foo: unknown field")
HEAVY = {"fastapi", "starlette", "sympy", "torch", "redis", "typer", "numpy", "veriward.server", "veriward.verifiers"}


def test_all_names_are_the_real_exports() -> None:
    public = {name for name, value in vars(client).items() if not name.startswith("_") and not inspect.ismodule(value)}
    assert sorted(client.__all__) == sorted(public)


def test_every_error_is_drawn_in_the_tree_and_exported() -> None:
    kinds = {name: kind for name, kind in vars(errors).items() if inspect.isclass(kind) and name[0] != "_"}
    raised = {name for name, kind in kinds.items() if issubclass(kind, errors.VeriwardError)}
    drawn = re.findall(r"^    (?:[│ ]   )*(?:[├└]── )?(\w+)", str(errors.__doc__), re.MULTILINE)
    assert sorted(drawn) == sorted(raised)
    assert raised <= set(client.__all__)


ERRORS = [
    errors.ConnectionFailed("http://a", "refused", 3, 1.5),
    errors.ServerOverloaded("http://a", "queue full", 12.0, 3.0),
    errors.DeadlineExceeded("http://a", "POST /v1/grade", 30.0),
    errors.RequestRefused("http://a", "POST /v1/grade", PROBLEM),
    errors.ServerFailed("http://a", "POST /v1/grade", PROBLEM),
    errors.UnexpectedAnswer("http://a", "POST /v1/grade", "status 404"),
    errors.StreamBroken("http://a", "cut off"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_crosses_process_borders_whole(error: errors.VeriwardError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))
    assert "http://a" in str(error)


@pytest.mark.parametrize(
    "name",
    ["grade", "grade_rollouts", "rewards", "grade_one", "grade_stream", "execute", "ready", "submit", "job"],
)
def test_both_clients_take_the_same(name: str) -> None:
    def taken(kind: type) -> list[tuple[str, object]]:
        return [(p.name, p.default) for p in inspect.signature(getattr(kind, name)).parameters.values()]

    assert taken(client.Client) == taken(client.AsyncClient)
    assert inspect.getdoc(getattr(client.Client, name))


def test_help_tells_what_a_call_gives() -> None:
    assert inspect.signature(client.Client.rewards).return_annotation == list[float | None]


def test_importing_the_client_imports_nothing_heavy() -> None:
    code = "import sys, veriward.client, veriward.wire; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "httpx" in loaded
    assert not HEAVY & set(loaded)


def test_the_secret_is_not_shown() -> None:
    made = client.Client("http://a", api_key="secret")
    assert "secret" not in repr(vars(made))
    assert Path(str(client.__file__)).with_name("py.typed").exists()
