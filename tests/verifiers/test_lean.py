"""`lean` without Lean: what is refused before it, what it would be asked, what is made of its answer.

The run itself is shown with a stand-in, a shell script in the sandbox that answers as Lean would: no Lean is at hand
here, so what Lean itself accepts is not shown by these tests. Where one is, the verifier's own cases run with it.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from veriward.sandbox.local import LocalSandbox
from veriward.verifiers import verifiers
from veriward.verifiers.judging import judge, parse_task
from veriward.verifiers.lean.checking import claim_alone, question, read_answer
from veriward.verifiers.lean.forbidden import forbidden_in, without_imports
from veriward.verifiers.lean.source import NoStatement, code_of, read_statement
from veriward.verifiers.lean.verifier import MAX_PROOF_CHARS, MAX_STATEMENT_CHARS
from veriward.verifiers.verdict import InvalidTask, Unavailable, Verdict
from veriward.wire.outcomes import Outcome

STATEMENTS = {
    "binders of every kind": (
        "theorem t (a : Nat) {b : Nat} [inst : Add Nat] ⦃c : Nat⦄ : a = b",
        ("t", "(a : Nat) {b : Nat} [inst : Add Nat] ⦃c : Nat⦄", "a = b"),
    ),
    "no binders": ("theorem Nat.t' : 1 = 1", ("Nat.t'", "", "1 = 1")),
    "a lemma, published with its sorry": ("lemma t (h : 1 < 2) : 1 < 3 := by sorry\n", ("t", "(h : 1 < 2)", "1 < 3")),
    "published with `:= by`": ("theorem t : 1 = 1 := by", ("t", "", "1 = 1")),
    "a claim with colons and brackets": (
        "theorem t : ∀ (x : Nat), (x : Int) = ↑x ∧ {y : Nat | y = x} = {x}",
        ("t", "", "∀ (x : Nat), (x : Int) = ↑x ∧ {y : Nat | y = x} = {x}"),
    ),
}


@pytest.mark.parametrize(("text", "parts"), STATEMENTS.values(), ids=STATEMENTS.keys())
def test_a_statement_is_taken_apart(text: str, parts: tuple[str, str, str]) -> None:
    assert tuple(read_statement(text)) == parts


NO_STATEMENTS = {
    "no theorem": "def t : Nat := 1",
    "no claim": "theorem t (a : Nat) := by sorry",
    "an empty claim": "theorem t :",
    "brackets that do not match": "theorem t (a : Nat] : a = a",
    "nothing": "",
}


@pytest.mark.parametrize("text", NO_STATEMENTS.values(), ids=NO_STATEMENTS.keys())
def test_what_is_no_statement_is_refused(text: str) -> None:
    with pytest.raises(NoStatement):
        read_statement(text)


COMMENTS = {
    "to the end of the line": ("a -- sorry\nb", "a  \nb"),
    "nested": ("a /- x /- y -/ sorry -/ b", "a   b"),
    "a doc comment": ("/-- sorry -/ b", "  b"),
    "never closed": ("a /- /- -/ sorry", "a  "),
    "a line comment within a block": ("/- -- -/ b", "  b"),
    "a block within a line comment": ("-- /- \nb", " \nb"),
}


@pytest.mark.parametrize(("text", "code"), COMMENTS.values(), ids=COMMENTS.keys())
def test_comments_are_no_code(text: str, code: str) -> None:
    assert code_of(text) == code


REFUSED = {
    "sorry": "theorem t : 1 = 2 := by sorry",
    "sorry within a term": "theorem t : 1 = 2 := (sorry)",
    "admit": "theorem t : 1 = 2 := by admit",
    "an axiom": "axiom a : False",
    "native_decide": "theorem t : 1 = 1 := by native_decide",
    "decide +native": "theorem t : 1 = 1 := by decide +native",
    "a native configuration": "theorem t : 1 = 1 := by decide (config := { native := true })",
    "reduceBool": "theorem t : b = true := Lean.ofReduceBool b true rfl",
    "bv_decide, which trusts a solver's compiled checker": "theorem t : x = x := by bv_decide",
    "an unsafe definition": "unsafe def f : Nat := 1",
    "another implementation": "@[implemented_by f] def g : Nat := 1",
    "foreign code": '@[extern c] def g : Nat := 1',
    "#eval": "#eval 1",
    "#exit, which ends the file": "theorem t : 1 = 1 := rfl\n#exit",
    "#print after a semicolon": "theorem t : 1 = 1 := rfl; #print axioms t",
    "run_cmd": "run_cmd logInfo m!x",
    "run_tac": "theorem t : 1 = 1 := by run_tac f",
    "an initializer": "initialize f",
    "a macro": "macro done : tactic => f",
    "macro rules": "macro_rules | `(x) => `(y)",
    "notation": "local notation a => b",
    "infix": "infixl:65 plus => g",
    "syntax": "syntax term : tactic",
    "an elaborator": "elab term : tactic => f",
    "a simproc": "simproc f (x) := g",
    "a unification hint": "unif_hint (x : Nat) where",
    "Lean's own namespace": "open Lean Meta",
    "Lean's own namespace, from the root": "def f := _root_.Lean.Elab.x",
    "open … in": "open Real in theorem t : 1 = 1 := rfl",
    "open … in over several names": "open Nat Real in\ntheorem t : 1 = 1 := rfl",
    "a variable": "variable (h : False)",
    "an import": "import Lean.Elab",
    "an import that looks like the task's": "import MathlibExtra",
    "an option of the kernel": "set_option debug.skipKernelTC true",
    "an option for one statement": "set_option compiler.extract_closed false in theorem t : 1 = 1 := rfl",
    "a tactic's attribute": "@[tactic f] def g := 1",
    "a rule of the delaborator": "attribute [app_unexpander f] g",
    "a string, which may hide code": 'theorem t : "a" = "a" := rfl',
    "a character that looks like the start of a string": "def c := '\"'\n#eval 1\ndef d := '\"'",
    "an interpolated string with code in it": 'def s := s!"{by_elab f}"',
    "a name in «»": "open «Lean»",
    "a namespace left open": "namespace A\ntheorem t : 1 = 1 := rfl",
    "an end of nothing": "end A\nnamespace A",
    "code after a comment that seems longer than it is": "/-- x -/ sorry /- -/",
}  # fmt: skip


@pytest.mark.parametrize("proof", REFUSED.values(), ids=REFUSED.keys())
def test_what_no_proof_may_hold(proof: str) -> None:
    assert forbidden_in(code_of(proof), ["import Mathlib"]) is not None


ALLOWED = {
    "the task's own imports": "import Mathlib\n\ntheorem t : 1 = 1 := rfl",
    "the words in a comment": "-- no sorry, no axiom, #eval\n/- open Real in -/ theorem t : 1 = 1 := rfl",
    "names that hold the words": "theorem sorry_not : 1 = 1 := List.prefix_append'\ntheorem t : p := axiom_of_choice",
    "attributes of every day": "@[simp, local instance] theorem t : 1 = 1 := rfl\nattribute [-simp] t",
    "options of every day": "set_option maxHeartbeats 400000 in\ntheorem t : 1 = 1 := rfl",
    "a namespace that ends": "namespace A\ntheorem s : 1 = 1 := rfl\nend A\ntheorem t : 1 = 1 := A.s",
    "open, and `in` elsewhere": "open Nat Real\ntheorem t : 1 = 1 := by\n  simp only [f] at h\n  rcases h with ⟨x, hx⟩",
    "decide": "theorem t : 1 = 1 := by decide",
    "names that begin as Lean's": "def Leaning := 1",
}


@pytest.mark.parametrize("proof", ALLOWED.values(), ids=ALLOWED.keys())
def test_what_a_proof_may_hold(proof: str) -> None:
    assert forbidden_in(code_of(proof), ["import Mathlib"]) is None


def test_the_claim_stands_before_the_proof_and_is_asked_for_after_it() -> None:
    statement = read_statement("theorem t {a : Nat} (h : 0 < a) : a ≠ 0")
    asked = question("import Mathlib", statement, without_imports("import Mathlib\ntheorem t := x"))
    lines = [line.strip() for line in asked.text.splitlines() if line.strip()]
    mark = asked.result.removeprefix("veriward_result_")
    assert lines == [
        "import Mathlib",
        f"def veriward_claim_{mark} : Prop :=",
        "∀ {a : Nat} (h : 0 < a), a ≠ 0",
        "theorem t := x",
        f"theorem {asked.result} : veriward_claim_{mark} :=",
        "@t",
        f"#print axioms {asked.result}",
    ]
    assert question("import Mathlib", statement, "other").result != asked.result
    assert "veriward_claim : Prop" in claim_alone("", statement)


ANSWERS = {
    "no axioms": ("'r' does not depend on any axioms\n", (), ""),
    "axioms on one line": ("'r' depends on axioms: [propext, Classical.choice]\n", ("propext", "Classical.choice"), ""),
    "axioms on several lines": ("main.lean:9:0: info: 'r' depends on axioms: [propext,\n Quot.sound]\n",
                                ("propext", "Quot.sound"), ""),
    "sorry": ("main.lean:2:8: warning: declaration uses 'sorry'\n'r' depends on axioms: [sorryAx]", ("sorryAx",), ""),
    "an error": ("main.lean:3:2: error: unknown identifier 'x'\n", None, "unknown identifier 'x'"),
    "said twice": ("'r' does not depend on any axioms\n'r' depends on axioms: [sorryAx]\n", None, ""),
    "of another": ("'r2' does not depend on any axioms\n", None, ""),
    "nothing": ("", None, ""),
}  # fmt: skip


@pytest.mark.parametrize(("output", "axioms", "error"), ANSWERS.values(), ids=ANSWERS.keys())
def test_what_is_made_of_leans_answer(output: str, axioms: tuple[str, ...] | None, error: str) -> None:
    assert read_answer(output, "r") == (axioms, error)


STAND_IN = r"""
# Answers as Lean does, to files that say which answer they want.
case "$(cat main.lean)" in
  *does_not_elaborate*) echo "main.lean:1:0: error: unknown constant 'p'"; exit 1;;
  *proof_fails*) echo "main.lean:5:2: error: unsolved goals"; [[ $(cat main.lean) == *"#print"* ]] && exit 1; exit 0;;
  *takes_for_ever*) [[ $(cat main.lean) == *"#print"* ]] && while :; do :; done; exit 0;;
esac
result=$(sed -n 's/^#print axioms //p' main.lean)
axioms="does not depend on any axioms"
[[ $(cat main.lean) == *rests_on_choice* ]] && axioms="depends on axioms: [propext, Classical.choice]"
[[ $(cat main.lean) == *rests_on_cheat* ]] && axioms="depends on axioms: [propext, cheat]"
[ -z "$result" ] || echo "'$result' $axioms"
"""


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSandbox]:
    """A sandbox whose `lean` is a script in bash."""
    folder: Path = tmp_path_factory.mktemp("languages")
    (folder / "lean.toml").write_text(
        'tags = ["lean"]\nsource = "main.lean"\nversion = ["bash", "--version"]\n'
        f"[run]\ncommand = [\"bash\", \"-c\", '''{STAND_IN}''']\n"
    )
    before = os.environ.get("VERIWARD_LANGUAGES")
    os.environ["VERIWARD_LANGUAGES"] = str(folder)
    try:
        with LocalSandbox() as sandbox:
            yield sandbox
    finally:
        os.environ.pop("VERIWARD_LANGUAGES")
        if before is not None:
            os.environ["VERIWARD_LANGUAGES"] = before


TASK = {"statement": "theorem t (a : Nat) : a = a", "limits": {"cpu_seconds": 0.5}}


def judged(sandbox: LocalSandbox, proof: str, **more: object) -> Verdict:
    known = verifiers()["lean"]
    verdict = judge(known, parse_task(known, {**TASK, **more}), f"```lean\n{proof}\n```", sandbox)
    assert isinstance(verdict, Verdict)
    return verdict


RUNS = {
    "a proof": ("theorem t (a : Nat) : a = a := rfl", Outcome.CORRECT, ""),
    "a proof from Lean's own axioms": ("theorem t (a : Nat) : a = a := rests_on_choice", Outcome.CORRECT, ""),
    "a proof from an axiom of its own": ("theorem t (a : Nat) : a = a := rests_on_cheat", Outcome.WRONG, "cheat"),
    "no proof": ("theorem t (a : Nat) : a = a := proof_fails", Outcome.WRONG, "unsolved goals"),
    "a proof that takes too long": ("theorem t (a : Nat) : a = a := takes_for_ever", Outcome.WRONG, "time limit"),
    "a refused proof is not run": ("theorem t (a : Nat) : a = a := sorry", Outcome.WRONG, "`sorry`"),
    "no theorem of that name": ("theorem u (a : Nat) : a = a := rfl", Outcome.UNPARSED, "'t'"),
    "a proof past the bound": (f"theorem t : x := {'a' * MAX_PROOF_CHARS}", Outcome.UNPARSED, "longer than"),
}  # fmt: skip


@pytest.mark.sandbox
@pytest.mark.parametrize(("proof", "outcome", "reason"), RUNS.values(), ids=RUNS.keys())
def test_a_run_with_a_stand_in(stand_in: LocalSandbox, proof: str, outcome: Outcome, reason: str) -> None:
    verdict = judged(stand_in, proof)
    assert verdict.outcome is outcome, verdict
    assert reason in verdict.reason
    if outcome is Outcome.CORRECT:
        assert verdict.isolation is not None


@pytest.mark.sandbox
def test_a_statement_that_lean_does_not_accept_is_the_tasks_fault(stand_in: LocalSandbox) -> None:
    with pytest.raises(InvalidTask, match="statement: Lean does not accept it: unknown constant"):
        judged(stand_in, "theorem t : does_not_elaborate := rfl", statement="theorem t : does_not_elaborate")


@pytest.mark.sandbox
def test_without_lean_no_response_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VERIWARD_LANGUAGES", raising=False)
    with LocalSandbox() as sandbox:
        if "lean" in sandbox.languages():
            pytest.skip("there is a Lean here")
        for proof in ("theorem t (a : Nat) : a = a := rfl", "sorry"):
            with pytest.raises(Unavailable, match="unavailable: no Lean 4"):
                judged(sandbox, proof)


def test_a_statement_past_the_bound_is_refused() -> None:
    known = verifiers()["lean"]
    with pytest.raises(InvalidTask) as refused:
        parse_task(known, {"statement": "theorem t : " + "a" * MAX_STATEMENT_CHARS})
    assert refused.value.field == "statement"
