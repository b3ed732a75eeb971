"""Formal proofs in Lean 4, checked by Lean itself."""

from veriward.verifiers.lean.verifier import LeanTask, lean

__all__ = ["LeanTask", "lean"]
