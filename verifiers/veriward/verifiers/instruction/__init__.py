"""Instructions that a program can check."""

from veriward.verifiers.instruction.grading import InstructionTask, instruction

__all__ = ["InstructionTask", "instruction"]
