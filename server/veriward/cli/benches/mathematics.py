"""Row `math`: answers that need no algebra, ours and math-verify's, each in process and on distinct inputs."""

from veriward.cli.benches import baselines, samples
from veriward.cli.benches.cpu import cpu_per_call
from veriward.cli.benches.session import Figure, Session

WARM_CALLS = 50


def mathematics(session: Session) -> None:
    for kind in samples.MATH:
        baselines.math_verify(session, kind)
        _ours(session, kind)


def _ours(session: Session, kind: str) -> None:
    """Reading the task, extraction and comparison: all that a grader does for a rollout but its JSON."""
    from veriward.verifiers import verifiers
    from veriward.verifiers.conformance import NoSandbox
    from veriward.verifiers.judging import judge, parse_task

    session.tell(f"math.{kind}")
    verifier = verifiers()["math"]
    sandbox = NoSandbox()
    pairs = samples.math_pairs(kind)

    def one(_: int) -> None:
        answer, response = next(pairs)
        judge(verifier, parse_task(verifier, {"answer": answer}), response, sandbox)

    cpu_per_call(one, session.seconds, at_most=WARM_CALLS)
    seconds, count = cpu_per_call(one, session.seconds)
    session.add(Figure(f"math.{kind}", seconds * 1e6, count))
