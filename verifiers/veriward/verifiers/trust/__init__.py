"""What a user's own tasks are tried with: responses that must be paid in full, and responses that must earn nothing."""

from veriward.verifiers.trust.golds import gold_responses
from veriward.verifiers.trust.probes import Probe, probes, sayable

__all__ = ["Probe", "gold_responses", "probes", "sayable"]
