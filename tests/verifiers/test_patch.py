"""Edits, their application and the likeness of diffs in `patch`; its cases say the rest."""

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veriward.verifiers import InvalidTask
from veriward.verifiers.conformance import NoSandbox
from veriward.verifiers.patch.edits import MAX_EDITS, MAX_FILE_CHARS, BadEdit, Edit, apply, read_edits
from veriward.verifiers.patch.grading import MAX_DIFF_CHARS, MAX_STEPS, PatchTask, patch
from veriward.verifiers.patch.similarity import Steps, ratio
from veriward.wire.outcomes import Outcome

BLOCK = "### {path}\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n"
DIFF = "--- a/f\n+++ b/f\n@@ -{line} +{line} @@\n"


@given(st.text("ab\n", max_size=60), st.text("ab\n", max_size=60))
def test_the_ratio_is_difflibs(first: str, second: str) -> None:
    steps = Steps(MAX_STEPS)
    assert ratio(first, second, steps) == difflib.SequenceMatcher(None, first, second, autojunk=False).ratio()
    assert steps.left >= 0


def test_ratios_by_hand() -> None:
    assert ratio("abcd", "bcde", Steps(100)) == 2 * 3 / 8
    assert ratio("", "", Steps(100)) == 1.0
    assert ratio("", "a", Steps(100)) == 0.0


def test_what_the_steps_do_not_reach_counts_as_different() -> None:
    assert ratio("abXcd", "abYcd", Steps(100)) == 0.8
    assert ratio("abXcd", "abYcd", Steps(10)) == 0.4
    assert ratio("abXcd", "abYcd", Steps(9)) == 0.0


EDITS: dict[str, tuple[str, list[Edit]]] = {
    "a block": (BLOCK.format(path="f", old="a", new="b"), [Edit("f", "a", "b")]),
    "a block that deletes": (
        "### f\n<<<<<<< SEARCH\na\nb\n=======\n>>>>>>> REPLACE",
        [Edit("f", "a\nb", "")],
    ),
    "two blocks under one path": (
        "### f\n" + 2 * "<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n",
        [Edit("f", "a", "b"), Edit("f", "a", "b")],
    ),
    "a hunk": (DIFF.format(line=3) + " a\n-b\n+c\n", [Edit("f", "a\nb", "a\nc", 3)]),
    "two hunks": (
        DIFF.format(line=1) + "-a\n+b\n@@ -9,1 +9,1 @@ def f():\n-c\n+d",
        [Edit("f", "a", "b", 1), Edit("f", "c", "d", 9)],
    ),
    "a new file": ("--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+x", [Edit("n", "", "x", 0)]),
    "a deleted file": ("--- a/n\n+++ /dev/null\n@@ -1 +0,0 @@\n-x", [Edit("n", "x", "", 1)]),
    "a removed line that looks like a name": (DIFF.format(line=1) + "--- x\n+y", [Edit("f", "-- x", "y", 1)]),
    "a note of no newline": (DIFF.format(line=1) + "-a\n\\ No newline at end of file\n+b", [Edit("f", "a", "b", 1)]),
}


@pytest.mark.parametrize(("solution", "edits"), EDITS.values(), ids=EDITS.keys())
def test_read_edits(solution: str, edits: list[Edit]) -> None:
    assert read_edits(solution) == edits


BROKEN: dict[str, str] = {
    "nothing": "",
    "a block without a path": "<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE",
    "a block without its middle": "### f\n<<<<<<< SEARCH\na\n>>>>>>> REPLACE",
    "a hunk without a name": "@@ -1 +1 @@\n-a\n+b",
    "a hunk that changes nothing": DIFF.format(line=1) + " a\n",
}


@pytest.mark.parametrize("solution", BROKEN.values(), ids=BROKEN.keys())
def test_broken_edits(solution: str) -> None:
    with pytest.raises(BadEdit):
        read_edits(solution)


APPLIED: dict[str, tuple[Edit, str, str]] = {
    "lines are replaced": (Edit("f", "b", "x\ny"), "a\nb\nc", "a\nx\ny\nc"),
    "only where they begin a line": (Edit("f", "b", "x"), "ab\nb", "ab\nx"),
    "everywhere, as published": (Edit("f", "b", "x"), "b\nb", "x\nx"),
    "a hunk at its line": (Edit("f", "b", "x", 4), "a\nb\nc\nb\n", "a\nb\nc\nx\n"),
    "a hunk where alone it fits": (Edit("f", "c", "x", 1), "a\nb\nc\nb\n", "a\nb\nx\nb\n"),
    "a hunk of only new lines": (Edit("f", "", "x", 2), "a\nb\n", "a\nx\nb\n"),
}


@pytest.mark.parametrize(("edit", "before", "after"), APPLIED.values(), ids=APPLIED.keys())
def test_apply(edit: Edit, before: str, after: str) -> None:
    assert apply([edit], {"f": before}) == {"f": after}


UNFIT: dict[str, tuple[Edit, str]] = {
    "lines that are not there": (Edit("f", "z", "x"), "a\nb"),
    "a hunk that fits twice, and not at its line": (Edit("f", "b", "x", 1), "a\nb\nc\nb\n"),
    "a hunk that fits nowhere": (Edit("f", "z", "x", 1), "a\n"),
    "new lines beyond the end": (Edit("f", "", "x", 9), "a\n"),
}


@pytest.mark.parametrize(("edit", "before"), UNFIT.values(), ids=UNFIT.keys())
def test_edits_that_do_not_fit(edit: Edit, before: str) -> None:
    with pytest.raises(BadEdit):
        apply([edit], {"f": before})


def test_one_edit_too_many_is_refused() -> None:
    block = BLOCK.format(path="f", old="a", new="b")
    assert len(read_edits(block * MAX_EDITS)) == MAX_EDITS
    with pytest.raises(BadEdit, match="more than"):
        read_edits(block * (MAX_EDITS + 1))


def test_a_file_that_grows_one_character_too_long_is_refused() -> None:
    room = "x" * (MAX_FILE_CHARS - 1)
    assert len(apply([Edit("f", "a", room)], {"f": "a"})["f"]) == MAX_FILE_CHARS - 1
    with pytest.raises(BadEdit, match="grows past"):
        apply([Edit("f", "a", room + "x")], {"f": "a"})
    with pytest.raises(BadEdit, match="grows past"):
        apply([Edit("f", "a", room, 1)], {"f": "ab" * 2 + "\na"})


def said(solution: str) -> str:
    return f"<think>so</think>\n<solution>\n{solution}\n</solution>"


ORDERS = {
    "a solution before the thinking's end": "<think>so<solution>\n{block}</solution></think>",
    "a solution that ends before it begins": "<think>so</think></solution>\n{block}<solution>",
    "thinking opened twice": "<think><think>so</think><solution>\n{block}</solution>",
}


@pytest.mark.parametrize("form", ORDERS.values(), ids=ORDERS.keys())
def test_tags_out_of_order_break_the_form(form: str) -> None:
    task = PatchTask(context={"f": "x"}, oracle={"f": "y"})
    verdict = patch(form.format(block=BLOCK.format(path="f", old="x", new="y")), task, NoSandbox())
    assert verdict.outcome is Outcome.UNPARSED


def test_an_oracle_whose_diff_is_too_long_is_the_tasks_fault() -> None:
    room = "x" * (MAX_DIFF_CHARS - len("@@ -0,0 +1 @@\n+"))
    patch(said(""), PatchTask(context={}, oracle={"f": room}), NoSandbox())
    with pytest.raises(InvalidTask, match="oracle"):
        patch(said(""), PatchTask(context={}, oracle={"f": room + "x"}), NoSandbox())


def test_an_oracle_too_repetitive_to_diff_is_the_tasks_fault() -> None:
    context = {"f": "\n".join("ab" * 400)}
    with pytest.raises(InvalidTask, match="oracle"):
        patch(said(""), PatchTask(context=context, oracle={"f": "\n".join("ab" * 400) + "\nc"}), NoSandbox())


def test_a_proposal_too_repetitive_to_diff_earns_nothing() -> None:
    task = PatchTask(context={"f": "a\n" * 400 + "end\n"}, oracle={"f": "start\n"})
    flood = BLOCK.format(path="f", old="end", new="a\n" * 400 + "start")
    verdict = patch(said(flood), task, NoSandbox())
    assert (verdict.outcome, verdict.reward) == (Outcome.WRONG, 0.0)


def test_a_long_alternation_ends_within_its_steps() -> None:
    task = PatchTask(context={"f": "x\n"}, oracle={"f": "ab" * 20_000})
    verdict = patch(said(BLOCK.format(path="f", old="x", new="ac" * 20_000)), task, NoSandbox())
    assert verdict.metrics["cut_short"] == 1.0
    assert 0 < verdict.reward < 0.5


@given(st.text("#<>=-+@ ,01ab/\n", max_size=200))
def test_any_text_is_edits_or_not(text: str) -> None:
    try:
        apply(read_edits(text), {"a": "b\n"})
    except BadEdit:
        pass


MARKS = ["### a\n", "<<<<<<< SEARCH\n", "=======\n", ">>>>>>> REPLACE\n", "@@ -1 +1 @@\n"]
FLOODS = [*MARKS, "--- a/f\n+++ b/f\n", "+a\n", "\n"]


@pytest.mark.parametrize("piece", FLOODS)
def test_a_million_characters_of_anything_are_judged(piece: str) -> None:
    task = PatchTask(context={"f": "x\n"}, oracle={"f": "y\n"})
    flood = piece * (990_000 // len(piece))
    patch(said(flood), task, NoSandbox())
    patch(said("--- a/f\n+++ b/f\n@@ -1 +1 @@\n" + flood), task, NoSandbox())
    patch(said("<<<<<<< SEARCH\n" + flood), task, NoSandbox())
