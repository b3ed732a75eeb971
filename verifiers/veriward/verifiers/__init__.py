"""Judges responses. One verifier is one module; `registry.py` says how it is declared and found."""

from veriward.verifiers.asking import Ask, Replies, Reply, Request
from veriward.verifiers.registry import Task, Verifier, verifier, verifiers
from veriward.verifiers.verdict import InvalidTask, Verdict, correct, unparsed, wrong

__all__ = [
    "Ask",
    "InvalidTask",
    "Replies",
    "Reply",
    "Request",
    "Task",
    "Verdict",
    "Verifier",
    "correct",
    "unparsed",
    "verifier",
    "verifiers",
    "wrong",
]
