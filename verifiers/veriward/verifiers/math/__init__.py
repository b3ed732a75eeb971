"""Mathematics: `math` compares by value; its children keep the strict published rules of their sets."""

from veriward.verifiers.math.verifier import MathTask, math

__all__ = ["MathTask", "math"]
