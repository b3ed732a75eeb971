"""Tasks that a model proposes."""

from veriward.verifiers.proposal.grading import proposal
from veriward.verifiers.proposal.screening import fingerprint
from veriward.verifiers.proposal.task import ProposalTask

__all__ = ["ProposalTask", "fingerprint", "proposal"]
