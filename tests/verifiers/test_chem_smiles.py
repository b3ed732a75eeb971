"""Molecules: similarity as RDKit defines it, bounds one step past, and what is said where RDKit is missing."""

import subprocess
import sys

import pytest

from veriward.verifiers.chem.smiles import (
    MAX_ALTERNATIVES,
    MAX_ATOMS,
    MAX_SMILES_CHARS,
    NEARLY,
    SmilesTask,
    available,
    smiles,
)
from veriward.verifiers.conformance import NoSandbox
from veriward.wire.outcomes import Outcome

HIDE_RDKIT = """
import importlib.machinery as machinery, sys

class Hiding:
    @staticmethod
    def find_spec(name, path=None, target=None):
        return None if name.partition(".")[0] == "rdkit" else machinery.PathFinder.find_spec(name, path, target)

sys.meta_path = [finder for finder in sys.meta_path if finder is not machinery.PathFinder] + [Hiding]
"""

WITHOUT = """
from veriward.verifiers import InvalidTask
from veriward.verifiers.chem.smiles import SmilesTask, available, smiles

assert not available()
try:
    smiles("CCO", SmilesTask(gold=["CCO"]), None)
except InvalidTask as invalid:
    print(invalid)
"""

needs_rdkit = pytest.mark.skipif(not available(), reason="needs the extra chem")


def test_without_rdkit_a_task_is_invalid_and_says_what_is_missing() -> None:
    told = subprocess.run([sys.executable, "-c", HIDE_RDKIT + WITHOUT], capture_output=True, text=True, check=True)
    assert "unavailable: RDKit is not installed here; install veriward[chem]" in told.stdout


@needs_rdkit
def test_similarity_is_tanimotos_of_morgan_fingerprints() -> None:
    from rdkit import Chem
    from rdkit.Chem import rdFingerprintGenerator
    from rdkit.DataStructs import TanimotoSimilarity

    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    aspirin, amide = "CC(=O)Oc1ccccc1C(=O)O", "CC(=O)Oc1ccccc1C(=O)N"
    prints = [generator.GetFingerprint(Chem.MolFromSmiles(one)) for one in (aspirin, amide)]
    verdict = smiles(f"<answer>{amide}</answer>", SmilesTask(gold=[aspirin], score="similarity"), NoSandbox())
    assert verdict.reward == TanimotoSimilarity(*prints)
    assert 0 < verdict.reward < NEARLY
    assert verdict.outcome is Outcome.PARTIAL


@needs_rdkit
def test_the_most_similar_of_several_golds_counts() -> None:
    def reward(*gold: str) -> float:
        return smiles("<answer>CCCO</answer>", SmilesTask(gold=list(gold), score="similarity"), NoSandbox()).reward

    assert reward("CCO", "c1ccccc1") == reward("CCO") > reward("c1ccccc1")


CHAINS = {
    "as many atoms as there may be": ("C" * MAX_ATOMS, 1.0),
    "an atom too many": ("C" * (MAX_ATOMS + 1), 0.0),
    "bonds written out": ("C" + "-C" * (MAX_ATOMS - 1), 1.0),
    "a character too many": ("C" + "-C" * (MAX_SMILES_CHARS // 2), 0.0),
}


@needs_rdkit
@pytest.mark.parametrize(("chain", "reward"), CHAINS.values(), ids=CHAINS.keys())
def test_one_step_past_each_bound_of_an_answer(chain: str, reward: float) -> None:
    verdict = smiles(f"<answer>{chain}</answer>", SmilesTask(gold=[], score="validity"), NoSandbox())
    assert verdict.reward == reward


@pytest.mark.parametrize("gold", [["C"] * (MAX_ALTERNATIVES + 1), ["C" * (MAX_SMILES_CHARS + 1)], [""]])
def test_one_step_past_each_bound_of_a_task(gold: list[str]) -> None:
    with pytest.raises(ValueError, match=r"at (?:most|least)"):
        SmilesTask(gold=gold)
