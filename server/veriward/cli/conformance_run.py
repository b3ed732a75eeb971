"""Runs verifiers' own cases against the sandbox of this host."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack

from veriward.sandbox import Sandbox
from veriward.sandbox.local import LocalSandbox
from veriward.verifiers import Verifier
from veriward.verifiers.conformance import BadCases, NoSandbox, cases, run, shortcomings


def conformance_of(chosen: Iterable[Verifier]) -> Iterator[tuple[Verifier, int, list[str]]]:
    """For each verifier: how many of its cases hold, and a sentence for each that does not, or that it lacks."""
    with ExitStack() as resources:
        sandbox: Sandbox | None = None
        for verifier in chosen:
            if verifier.runs_programs and sandbox is None:
                sandbox = resources.enter_context(LocalSandbox())
            held, complaints = _run_cases(verifier, sandbox if verifier.runs_programs and sandbox else NoSandbox())
            yield verifier, held, complaints


def _run_cases(verifier: Verifier, sandbox: Sandbox) -> tuple[int, list[str]]:
    held = 0
    try:
        complaints = shortcomings(verifier)
        for case in cases(verifier):
            difference = run(verifier, case, sandbox)
            if difference is None:
                held += 1
            else:
                complaints.append(f"{case.sentence}: {difference}")
    except BadCases as bad:
        return held, [str(bad)]
    return held, complaints
