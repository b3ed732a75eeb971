"""The files of languages are read strictly; the built-in ones are whole, and an operator's replace them."""

from pathlib import Path

import pytest

from veriward.sandbox.bounds import check
from veriward.sandbox.errors import ExecutionRefused
from veriward.sandbox.execution import MAX_LIMITS, MIB, Execution
from veriward.sandbox.languages import known
from veriward.sandbox.languages.language import MAX_THREADS, read
from veriward.sandbox.strict_toml import MAX_FILE_BYTES

LEAST = 'tags = ["T"]\nsource = "main.t"\nversion = ["t", "-v"]\n[run]\ncommand = ["t", "main.t"]\n'
COMPILED = LEAST + '[compile]\ncommand = ["tc"]\nmakes = "main"\n'

REFUSED = {
    "not TOML": ("t", "tags = [", "t.toml"),
    "a name in capitals": ("T", LEAST, "lower case"),
    "a name with a slash": ("../t", LEAST, "lower case"),
    "a name one character too long": ("t" * 31, LEAST, "lower case"),
    "no tags": ("t", LEAST.replace('tags = ["T"]', ""), "tags is missing"),
    "empty tags": ("t", LEAST.replace('["T"]', "[]"), "tags must be a list of strings, not empty"),
    "no source": ("t", LEAST.replace('source = "main.t"', ""), "source is missing"),
    "a source outside the box": ("t", LEAST.replace("main.t", "../main.t"), "not a plain file name"),
    "no run": ("t", LEAST.partition("[run]")[0], "command is missing"),
    "a command in one string": ("t", LEAST.replace('["t", "main.t"]', '"t main.t"'), "must be of type list"),
    "a command of numbers": ("t", LEAST.replace('"t", "main.t"', "1"), "list of strings"),
    "a key that there is not": ("t", "speed = 1\n" + LEAST, "unknown: speed"),
    "a key of run that there is not": ("t", LEAST + "speed = 1\n", "unknown: speed"),
    "an environment of numbers": ("t", LEAST + "environment = {A = 1}\n", "map names to strings"),
    "a thread too many": ("t", LEAST + f"threads = {MAX_THREADS + 1}\n", "threads = 65"),
    "threads that are true": ("t", LEAST + "threads = true\n", "type int"),
    "a compiler that makes nothing": ("t", COMPILED.replace('makes = "main"', ""), "makes is missing"),
    "more CPU time to compile": ("t", COMPILED + "limits = {cpu_seconds = 61}\n", "cpu_seconds = 61"),
    "a program one byte over": ("t", COMPILED + "limits = {output_bytes = 33554433}\n", "output_bytes = 33554433"),
    "negative time to compile": ("t", COMPILED + "limits = {cpu_seconds = -1}\n", "cpu_seconds = -1"),
    "a limit that there is not": ("t", COMPILED + "limits = {gpus = 1}\n", "unknown: gpus"),
}


@pytest.mark.parametrize("row", REFUSED.values(), ids=REFUSED)
def test_what_is_refused_is_named(row: tuple[str, str, str]) -> None:
    name, text, complaint = row
    with pytest.raises(ValueError, match=f"language file {name}.toml") as refused:
        read(name, text)
    assert complaint in str(refused.value)


def test_what_is_left_out_has_its_default() -> None:
    language = read("t", LEAST)
    assert (language.tags, language.compile, language.own_files) == (("t",), None, ("main.t",))
    language = read("t", COMPILED + f"limits = {{cpu_seconds = 2.5, wall_seconds = 9, memory_bytes = {64 * MIB}}}\n")
    assert language.compile is not None
    assert (language.compile.limits.cpu_seconds, language.compile.limits.memory_bytes) == (2.5, 64 * MIB)
    assert 0 < language.compile.limits.output_bytes < MAX_LIMITS.output_bytes
    assert language.own_files == ("main.t", "main")


def test_the_built_in_ones_are_there() -> None:
    assert {"bash", "c", "cpp", "javascript", "python-clean"} <= set(known())
    assert all(name in language.tags or name == "python-clean" for name, language in known().items())


def test_operators_add_and_replace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(LEAST)
    (tmp_path / "bash.toml").write_text(LEAST)
    monkeypatch.setenv("VERIWARD_LANGUAGES", f"/no/such/place:{tmp_path}")
    assert known()["mine"].source == known()["bash"].source == "main.t"
    assert known()["c"].source == "main.c"


FAULTY = {
    "a faulty file": ("t.toml", "tags = 1"),
    "the built-in language's name": ("python.toml", LEAST),
    "a file that is not UTF-8": ("t.toml", LEAST + "# \udcff"),
    "a file one byte too long": ("t.toml", LEAST + "#" * (MAX_FILE_BYTES + 1 - len(LEAST))),
}


@pytest.mark.parametrize("row", FAULTY.values(), ids=FAULTY)
def test_a_faulty_file_is_an_error(row: tuple[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    name, text = row
    (tmp_path / name).write_text(text, encoding="utf-8", errors="surrogateescape")
    monkeypatch.setenv("VERIWARD_LANGUAGES", str(tmp_path))
    with pytest.raises(ValueError, match=name):
        known()


@pytest.mark.parametrize("mode", ["call", "judged"])
def test_other_modes_are_pythons(mode: str) -> None:
    with pytest.raises(ExecutionRefused, match="takes programs in python alone, not bash") as refused:
        check(Execution("", mode=mode, entry="f", language="bash"))  # type: ignore[arg-type]
    assert refused.value.field == "mode"
