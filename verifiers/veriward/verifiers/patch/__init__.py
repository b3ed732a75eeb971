"""Patches, compared with the one that was made."""

from veriward.verifiers.patch.grading import PatchTask, patch

__all__ = ["PatchTask", "patch"]
