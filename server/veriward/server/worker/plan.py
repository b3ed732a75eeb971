"""Where a verifier's jobs run and how long each response may take; read from the registry by the gateway."""

from dataclasses import dataclass

from veriward.verifiers.registry import Verifier

EXECUTE_LANE = "execute"


@dataclass(frozen=True, slots=True)
class Plan:
    """A lane is a queue with graders of its own, so that jobs that wait for the sandbox never stand before cheap ones.

    `cpu_seconds` and `wall_seconds` bound one response in the grader, time in the sandbox apart; `batch` bounds the
    responses that share one round trip.
    """

    lane: str
    preload: tuple[str, ...] = ()
    cpu_seconds: float = 2.0
    wall_seconds: float = 10.0
    batch: int = 1


EXECUTE = Plan(EXECUTE_LANE)


def plan_for(verifier: Verifier) -> Plan:
    lane = "+".join(("programs" if verifier.runs_programs else "pure", *verifier.preload))
    return Plan(lane, verifier.preload, verifier.cpu_seconds, verifier.wall_seconds, verifier.batch)
