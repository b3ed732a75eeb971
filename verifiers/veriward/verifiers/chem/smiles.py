"""The verifier `chem.smiles`: a molecule in SMILES, compared as a molecule."""

from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.final import NoAnswer, final_answer
from veriward.verifiers.registry import Task, verifier
from veriward.verifiers.verdict import InvalidTask, Unavailable, Verdict, unparsed
from veriward.wire.outcomes import Outcome

if TYPE_CHECKING:
    from rdkit.Chem import Mol

MAX_SMILES_CHARS = 1_000
MAX_ATOMS = 300
MAX_ALTERNATIVES = 50
GOLDS_KEPT = 64
NEARLY = 0.99  # what another molecule may earn at most, fingerprints being equal
RADIUS, BITS = 2, 2_048

_LABELS = ("smiles:", "smiles =", "smiles=")


def _as_list(gold: Any) -> Any:
    return [gold] if isinstance(gold, str) else gold


class SmilesTask(Task):
    """`gold`: the molecule, or several that are each right; none is needed for `validity`.

    `stereo`: whether stereochemistry counts.
    """

    score: Literal["identity", "similarity", "validity"] = "identity"
    gold: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=MAX_SMILES_CHARS)]],
        BeforeValidator(_as_list),
        Field(default_factory=list, max_length=MAX_ALTERNATIVES, validate_default=True),
    ]
    stereo: bool = True

    @field_validator("gold")
    @classmethod
    def _given(cls, gold: list[str], known: ValidationInfo) -> list[str]:
        if not gold and known.data.get("score") != "validity":
            raise ValueError("a molecule is needed to compare with")
        return gold


def available() -> bool:
    return find_spec("rdkit") is not None


@verifier("chem.smiles", version=1, task=SmilesTask, preload=("rdkit.Chem.AllChem",) if available() else ())
def smiles(response: str, task: SmilesTask, sandbox: Sandbox, /) -> Verdict:
    """Read the final answer as one molecule in SMILES, and compare it with the gold one, however both are written.

    `score`: `identity` (default) pays 1 for the same molecule, by RDKit's canonical SMILES, atom maps apart, with its
    stereochemistry unless `stereo` is false. `similarity` pays the Tanimoto coefficient of Morgan fingerprints (radius
    2, 2,048 bits; Rogers and Hahn 2010, doi:10.1021/ci100050t), 1 for the same molecule alone and 0.99 at most for
    another; almost any molecule shares something, so prefer `identity` for training. `validity` pays any molecule.

    Tautomers, salts and charge states are different molecules. Several molecules, or none, are no answer. Needs the
    extra `chem`; without it every task is invalid, which says nothing of the response.
    """
    if not available():
        raise Unavailable("RDKit is not installed here; install veriward[chem]")
    golds = _golds(tuple(task.gold))
    try:
        answer = _unlabelled(final_answer(response))
    except NoAnswer as none:
        return unparsed(str(none))
    if len(answer) > MAX_SMILES_CHARS:
        return unparsed(f"the answer is longer than {MAX_SMILES_CHARS:,} characters")
    if not answer or any(map(str.isspace, answer)):
        return unparsed("the answer is not one molecule", answer)
    molecule = _molecule(answer)
    if molecule is None:
        return unparsed("the answer is no molecule in SMILES", answer)
    if task.score == "validity":
        return Verdict(Outcome.CORRECT, 1.0, {"valid": 1.0}, answer)
    same = any(_canonical(molecule, task.stereo) == _canonical(gold, task.stereo) for gold in golds)
    likeness = 1.0 if same else min(NEARLY, max(_similarity(molecule, gold) for gold in golds))
    if task.score == "similarity":
        outcome = Outcome.CORRECT if same else Outcome.PARTIAL if likeness else Outcome.WRONG
        return Verdict(outcome, likeness, {"similarity": likeness}, answer)
    outcome = Outcome.CORRECT if same else Outcome.WRONG
    return Verdict(outcome, float(same), {"answer": float(same)}, answer, metrics={"similarity": likeness})


def _unlabelled(answer: str) -> str:
    for label in _LABELS:
        if answer.lower().startswith(label):
            answer = answer[len(label) :]
    return answer.strip().strip("`").strip()


def _molecule(text: str) -> "Mol | None":
    from rdkit import Chem, RDLogger

    RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined]
    molecule = Chem.MolFromSmiles(text)
    if molecule is None or not 0 < molecule.GetNumAtoms() <= MAX_ATOMS:
        return None
    for atom in molecule.GetAtoms():
        atom.SetAtomMapNum(0)
    return molecule


@lru_cache(maxsize=GOLDS_KEPT)
def _golds(gold: tuple[str, ...]) -> "list[Mol]":
    molecules = [_molecule(one.strip()) for one in gold]
    for one, molecule in zip(gold, molecules, strict=True):
        if molecule is None:
            raise InvalidTask("gold", f"{one[:60]!r} is no molecule in SMILES of at most {MAX_ATOMS} atoms")
    return [molecule for molecule in molecules if molecule is not None]


def _canonical(molecule: Any, stereo: bool) -> str:
    from rdkit import Chem

    return str(Chem.MolToSmiles(molecule, isomericSmiles=stereo))


def _similarity(left: Any, right: Any) -> float:
    from rdkit.Chem import rdFingerprintGenerator
    from rdkit.DataStructs import TanimotoSimilarity

    generator = rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS, fpSize=BITS)
    return float(TanimotoSimilarity(generator.GetFingerprint(left), generator.GetFingerprint(right)))
