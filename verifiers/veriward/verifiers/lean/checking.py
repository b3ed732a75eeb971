"""The file that Lean is given, and what its answer says.

The claim comes first, as a proposition of our own name, so that nothing in the proof can change what its words mean;
then the proof; then a theorem that the task's name proves the claim, and the axioms that it rests on. Our names hold
a hash of the response, which no response can hold itself, and what Lean says of them must be said exactly once.
"""

import re
from hashlib import sha256
from typing import NamedTuple

from veriward.verifiers.lean.source import Statement

_ERROR = re.compile(r"^[^\n]{0,300}?\berror\b:?\s*(?P<said>[^\n]{0,500})", re.MULTILINE)


class Question(NamedTuple):
    """`text` is for Lean; `result` is the theorem whose axioms it prints."""

    text: str
    result: str


class Answer(NamedTuple):
    """The axioms that the result rests on, None where there is no result; the first error, "" where there is none."""

    axioms: tuple[str, ...] | None
    error: str


def claim_alone(header: str, statement: Statement) -> str:
    """A file that Lean accepts exactly where the task's header and statement are good."""
    return f"{header}\n\ndef veriward_claim : Prop :=\n  {statement.proposition}\n"


def question(header: str, statement: Statement, proof: str) -> Question:
    mark = sha256("\0".join((header, *statement, proof)).encode()).hexdigest()[:24]
    claim, result = f"veriward_claim_{mark}", f"veriward_result_{mark}"
    pieces = (
        header,
        f"def {claim} : Prop :=\n  {statement.proposition}",
        proof,
        f"theorem {result} : {claim} :=\n  @{statement.name}",
        f"#print axioms {result}",
    )
    return Question("\n\n".join(piece for piece in pieces if piece) + "\n", result)


def read_answer(output: str, result: str) -> Answer:
    """What Lean printed of the result. Two answers are none: one of them is not Lean's."""
    rest = re.compile(
        rf"'{result}'\s+(?:does\s+not\s+depend\s+on\s+any\s+axioms|depends\s+on\s+axioms:\s*\[(?P<axioms>[^\]]*)\])"
    )
    found = list(rest.finditer(output))
    error = _ERROR.search(output)
    said = error["said"].strip() if error else ""
    if len(found) != 1:
        return Answer(None, said)
    listed = found[0]["axioms"] or ""
    return Answer(tuple(name.strip() for name in listed.split(",") if name.strip()), said)
