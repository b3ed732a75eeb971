"""The files of profiles are read strictly; what a profile shows of an environment is what it names and no more."""

from pathlib import Path

import pytest

from veriward.sandbox.bounds import check
from veriward.sandbox.errors import ExecutionRefused
from veriward.sandbox.execution import Execution
from veriward.sandbox.profiles import holders, known, packages
from veriward.sandbox.profiles.packages import NotInstalled, entries
from veriward.sandbox.profiles.profile import MAX_IMPORTS, read
from veriward.sandbox.warmup import Warmup

REFUSED = {
    "not TOML": ("p", "imports = [", "p.toml"),
    "a name in capitals": ("P", "", "lower case"),
    "a name with a slash": ("../p", "", "lower case"),
    "a name one character too long": ("p" * 31, "", "lower case"),
    "a key that there is not": ("p", "speed = 1", "unknown: speed"),
    "imports in one string": ("p", 'imports = "re"', "type list"),
    "an import that is no module": ("p", 'imports = ["re; import os"]', "not a module's name"),
    "one import too many": ("p", f"imports = {['re'] * (MAX_IMPORTS + 1)}", "imports are over"),
    "a requirement with a range": ("p", 'requirements = ["numpy>=2"]', "name==version"),
    "a requirement that is a path": ("p", 'requirements = ["../x"]', "name==version"),
    "an environment that is no absolute path": ("p", 'environment = "venv"', "not an absolute path"),
}


@pytest.mark.parametrize("row", REFUSED.values(), ids=REFUSED)
def test_what_is_refused_is_named(row: tuple[str, str, str]) -> None:
    name, text, complaint = row
    with pytest.raises(ValueError, match=f"profile file {name}.toml") as refused:
        read(name, text)
    assert complaint in str(refused.value)


def test_what_is_left_out_has_its_default() -> None:
    profile = read("p", 'requirements = ["a", "b==1.2"]')
    assert (profile.imports, profile.requirements, profile.environment) == ((), (("a", ""), ("b", "1.2")), "")
    assert profile.install == "pip install a 'b==1.2'"
    assert read("p", 'requirements = ["a"]\nenvironment = "/e"').install == "/e/bin/python -m pip install a"
    assert not read("p", 'imports = ["re"]').has_packages


def test_the_built_in_ones_are_there_and_std_is_first() -> None:
    assert next(iter(known())) == "std"
    assert {"sci", "sql"} <= set(known())


def test_only_profiles_with_packages_are_told_to_have_a_module() -> None:
    profiles = [read("a", 'imports = ["x.y", "re"]\nrequirements = ["x"]'), read("b", 'imports = ["re"]')]
    assert holders(profiles) == {"re": ["a"], "x": ["a"]}


def test_a_warmup_arrives_as_it_was_sent() -> None:
    warmup = Warmup("p", ("a", "b.c"), (("/site/a", "a"),), {"x": ["q"]})
    assert Warmup.unpack(warmup.pack()) == warmup


def test_directories_of_the_operator_add_and_replace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.toml").write_text('imports = ["re"]')
    (tmp_path / "sql.toml").write_text('summary = "mine"')
    monkeypatch.setenv("VERIWARD_PROFILES", f"/nonexistent:{tmp_path}")
    assert known()["own"].imports == ("re",)
    assert known()["sql"].summary == "mine"
    assert next(iter(known())) == "std"


def test_the_standard_profile_has_no_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "std.toml").write_text('requirements = ["numpy"]')
    monkeypatch.setenv("VERIWARD_PROFILES", str(tmp_path))
    with pytest.raises(ValueError, match="the standard library alone"):
        known()


ASKED = {
    "an unknown profile": (Execution("", profile="best"), f"'best' is not one of {', '.join(known())}"),
    "a profile for another language": (
        Execution("", profile="sci", language="bash"),
        "'sci' is for python, not for bash",
    ),
}


@pytest.mark.parametrize("row", ASKED.values(), ids=ASKED)
def test_an_execution_asks_for_a_profile_that_there_is(row: tuple[Execution, str]) -> None:
    execution, complaint = row
    with pytest.raises(ExecutionRefused) as refused:
        check(execution)
    assert (refused.value.field, refused.value.message) == ("profile", complaint)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Three distributions: `one` requires `two`, and `other` if asked for by an extra."""
    site = tmp_path / "site"
    site.mkdir(mode=0o755)
    for name, requires, files in (
        (
            "one",
            ["two>=1 ; python_version > '3'", "other; extra == 'all'", "absent"],
            ["one/__init__.py", "../bin/one"],
        ),
        ("Two_x", [], ["two.py", "__pycache__/two.pyc"]),
        ("other", [], ["other/__init__.py"]),
    ):
        metadata = site / f"{name}-1.5.dist-info"
        metadata.mkdir()
        lines = [
            "Metadata-Version: 2.1",
            f"Name: {name}",
            "Version: 1.5",
            *(f"Requires-Dist: {line}" for line in requires),
        ]
        (metadata / "METADATA").write_text("\n".join(lines).replace("two>", "two-x>"))
        (metadata / "RECORD").write_text("".join(f"{file},,\n" for file in [*files, f"{metadata.name}/METADATA"]))
        for file in files:
            (site / file).parent.mkdir(exist_ok=True)
            (site / file).touch()
    return site


def test_a_distribution_brings_what_it_requires_and_nothing_else(site: Path) -> None:
    found = entries(read("p", 'requirements = ["one"]'), [str(site)])
    names = ["Two_x-1.5.dist-info", "one", "one-1.5.dist-info", "two.py"]
    assert found == tuple((str(site / name), name) for name in names)


def test_an_environment_without_requirements_is_shown_whole(site: Path) -> None:
    assert entries(read("p", f'environment = "{site}"')) == ((str(site), ""),)


LACKING = {
    "a distribution that is not there": ('requirements = ["three", "one"]', "needs three, which"),
    "another version": ('requirements = ["one==1.4"]', "needs one==1.4"),
    "the extra of a built-in profile": (
        'requirements = ["three"]\ninstall = "pip install \'veriward[x]\'"',
        "To do: pip install 'veriward[x]'",
    ),
    "no environment": ('environment = "/nonexistent"', "there is no /nonexistent"),
}


@pytest.mark.parametrize("row", LACKING.values(), ids=LACKING)
def test_what_is_not_installed_is_told_with_what_to_do(row: tuple[str, str], site: Path) -> None:
    text, complaint = row
    with pytest.raises(NotInstalled) as lacking:
        entries(read("p", text), [str(site)])
    assert complaint in str(lacking.value)


def test_an_environment_of_another_python_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lib" / "python3.1" / "site-packages").mkdir(parents=True)
    with pytest.raises(NotInstalled, match=r"is for python3\.1, this is python3"):
        entries(read("p", f'environment = "{tmp_path}"'))


def test_packages_over_the_bound_are_refused(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "MAX_ENTRIES", 3)
    with pytest.raises(NotInstalled, match="4 packages, over 3"):
        entries(read("p", 'requirements = ["one"]'), [str(site)])


def test_packages_that_programs_could_not_read_are_refused(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    (site / "two.py").chmod(0o600)
    with pytest.raises(NotInstalled, match=r"two\.py can't be read by others"):
        entries(read("p", 'requirements = ["one"]'), [str(site)])
