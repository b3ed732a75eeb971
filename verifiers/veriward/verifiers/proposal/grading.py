"""The verifier `proposal`: a task that a model proposes, run in the sandbox to see whether it is one."""

from veriward.sandbox.execution import Execution, Limits, Run, RunStatus, Sandbox
from veriward.sandbox.plain import Unserialisable, decode, encode
from veriward.verifiers.answers import answer_region, last_fence
from veriward.verifiers.code.program import NoProgram, program_of
from veriward.verifiers.proposal.screening import Unfit, check_not_trivial, fingerprint, function_of
from veriward.verifiers.proposal.task import GeneratorProposal, ProgramProposal, ProposalTask
from veriward.verifiers.registry import verifier
from veriward.verifiers.simulation.literals import NotLiteral, arguments, call_of, same
from veriward.verifiers.verdict import Verdict, unparsed
from veriward.wire.outcomes import Outcome

CALL_CPU_SECONDS = 2.0
MAX_ANSWER_CHARS = 1_000


@verifier("proposal", version=1, task=ProposalTask, cpu_seconds=5.0, wall_seconds=60.0, batch=1, runs_programs=True)
def proposal(response: str, task: ProposalTask, sandbox: Sandbox, /) -> Verdict:
    """Run a task that the model proposes, and pay it for being one: sound, repeatable, not trivial, not there already.

    `program` (Absolute Zero, arXiv:2505.03335): the last Python block with a function, and an `input` block with its
    arguments. `extracted` is the value that it gives, as a literal: the gold answer of a `simulation` task.
    `generator` (EFAGen, arXiv:2504.09763): a function of a seed that gives a question and its answer; the same seed
    must give the same again, seeds must give different questions, and one question one answer.

    1 for a sound proposal, else 0. With `solve_rate` the published reward of the proposer: 1 - rate, and 0 at the ends,
    for what nobody solves or everybody does teaches nothing. The metric `solve_rate` repeats it. `reason` tells what is
    wrong, or the `fingerprint` of a sound one, for the `known` of later tasks.

    What is banned is refused unread: modules by which a program depends on more than its input, `eval` and its like,
    and names with double underscores.
    """
    asked = task.root
    region = answer_region(response)
    if region is None:
        return unparsed("the thinking never ends")
    try:
        source = program_of(response)
        given = last_fence(region, ("input",)) if isinstance(asked, ProgramProposal) else ""
        if given is None:
            return unparsed("there is no input block")
        function = function_of(source, asked.entry, asked.banned)
        check_not_trivial(function)
        mark = fingerprint(source, given.strip())
        if mark in asked.known:
            raise Unfit("it is there already")
        if isinstance(asked, ProgramProposal):
            names = [one.arg for one in (*function.args.posonlyargs, *function.args.args)]
            called = encode(arguments(call_of(asked.entry, given.strip()), names))
            runs = _run(sandbox, source, asked, [called] * asked.repeats)
            answer = _one_value(runs)
        else:
            seeds = [encode([seed]) for seed in range(asked.seeds)]
            runs = _run(sandbox, source, asked, seeds + seeds[:2])
            answer = _many_problems(runs, asked)
    except (NoProgram, NotLiteral, Unserialisable) as none:
        return unparsed(str(none))
    except Unfit as unfit:
        return Verdict(Outcome.WRONG, 0.0, {"sound": 0.0}, reason=str(unfit))
    return _paid(asked, answer, mark, runs)


def _run(sandbox: Sandbox, source: str, asked: ProgramProposal | GeneratorProposal, inputs: list[bytes]) -> list[Run]:
    """Each call in a child of its own, so that nothing is kept between them."""
    limits = Limits(cpu_seconds=CALL_CPU_SECONDS)
    execution = Execution(source, "call", tuple(inputs), asked.entry, limits=limits, reuse="per_test")
    runs = sandbox.run(execution, stop=lambda run: run.status is not RunStatus.FINISHED)
    if runs[-1].status is not RunStatus.FINISHED:
        raise Unfit(f"it ends in {runs[-1].status} ({runs[-1].reason})")
    return runs


def _one_value(runs: list[Run]) -> str:
    first, *others = (decode(run.result or b"") for run in runs)
    if not all(same(first, other) for other in others):
        raise Unfit("the same input gives different values")
    shown = repr(first)
    if len(shown) > MAX_ANSWER_CHARS:
        raise Unfit(f"its value is longer than {MAX_ANSWER_CHARS:,} characters")
    return shown


def _many_problems(runs: list[Run], asked: GeneratorProposal) -> str:
    problems = [decode(run.result or b"") for run in runs]
    for problem in problems:
        if not (isinstance(problem, dict) and isinstance(problem.get("question"), str) and "answer" in problem):
            raise Unfit('it does not give {"question": text, "answer": value}')
    drawn, again = problems[: asked.seeds], problems[asked.seeds :]
    if not all(same(first, second) for first, second in zip(drawn, again, strict=False)):
        raise Unfit("the same seed gives different problems")
    answers: dict[str, object] = {}
    for problem in drawn:
        known = answers.setdefault(problem["question"].strip(), problem["answer"])
        if not same(known, problem["answer"]):
            raise Unfit("one question has two answers")
    if len(answers) < max(2, asked.distinct * asked.seeds):
        raise Unfit(f"{asked.seeds} seeds give {len(answers)} questions")
    if all(same(answers[question], drawn[0]["answer"]) for question in answers):
        raise Unfit("every question has the same answer")
    return str(drawn[0])[:MAX_ANSWER_CHARS]


def _paid(asked: ProgramProposal | GeneratorProposal, answer: str, mark: str, runs: list[Run]) -> Verdict:
    isolation = (runs[-1].isolation.level, runs[-1].isolation.layers, runs[-1].isolation.backend)
    reason = f"fingerprint {mark}"
    rate = asked.solve_rate
    if rate is None:
        return Verdict(Outcome.CORRECT, 1.0, {"sound": 1.0}, answer, reason, isolation=isolation)
    learnable = 1.0 - rate if rate > 0 else 0.0
    outcome = Outcome.CORRECT if learnable else Outcome.WRONG
    return Verdict(
        outcome, learnable, {"learnable": learnable}, answer, reason, {"solve_rate": rate}, isolation=isolation
    )
