"""`math` and math-verify side by side over the same pairs: right, false positives, false negatives, and speed.

    python benchmarks/math_side_by_side.py [--show]

The pairs are tests/verifiers/math_pairs.toml, our own: they are chosen to hurt, not to be fair. math-verify sees the
gold answer as a formula and the answer in a box, as its documentation has it, with its limits of 5 s left on.
"""

import argparse
import logging
import time
import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from veriward.verifiers.math import MathTask, math
from veriward.wire.outcomes import Outcome

PAIRS = Path(__file__).parents[1] / "tests" / "verifiers" / "math_pairs.toml"

Judge = Callable[[str, str], bool]


def ours(gold: str, response: str) -> bool:
    return math(response, MathTask(answer=gold), None).outcome is Outcome.CORRECT


def peers(gold: str, response: str) -> bool:
    from math_verify import parse, verify

    return bool(verify(parse(f"${gold}$"), parse(response)))


def tally(judge: Judge, show: str = "") -> tuple[Counter[str], float]:
    """Counts by kind of verdict, and CPU seconds."""
    counts: Counter[str] = Counter()
    started = time.process_time()
    for group in tomllib.loads(PAIRS.read_text("utf-8")).values():
        for expected in (True, False):
            for gold, answer in group.get("accept" if expected else "reject", []):
                said = judge(gold, f"So it is $\\boxed{{{answer}}}$.")
                kind = "right" if said is expected else "false positive" if said else "false negative"
                counts[kind] += 1
                if show and kind != "right":
                    print(f"{show} {kind:15} {gold:40} {answer}")
    return counts, time.process_time() - started


def speed(judge: Judge, answers: int = 300) -> dict[str, float]:
    """CPU microseconds per distinct answer, gold read anew: the best of three runs; forms that need no algebra."""
    forms = {
        "integer": ("{0}", "{0}"),
        "fraction": ("\\frac{{{0}}}{{7}}", "\\dfrac{{{0}}}{{7}} "),
        "decimal": ("{0}.5", "{0}.50"),
        "percent": ("{0}\\%", "{0}.0\\%"),
        "unit": ("{0}", "{0} \\text{{ cm}}"),
        "tuple": ("({0}, 7)", "\\left({0}, 7.0\\right)"),
        "list": ("{0}, -7", "-7, {0}"),
        "words": ("word{0}", "\\text{{word{0}}}"),
    }
    found = {}
    for padding, length in (("", "short"), ("We simplify the sum and go on. " * 96, "3,000")):
        for name, (gold, answer) in forms.items():
            pairs = [
                (gold.format(n), f"{padding}So $\\boxed{{{answer.format(n)}}}$.") for n in range(100, 100 + answers)
            ]
            found[f"{name}, {length}"] = min(_microseconds(judge, pairs[start::3]) for start in range(3))
    return found


def _microseconds(judge: Judge, pairs: list[tuple[str, str]]) -> float:
    judge(*pairs[0])
    started = time.process_time()
    for pair in pairs[1:]:
        judge(*pair)
    return 1e6 * (time.process_time() - started) / (len(pairs) - 1)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--show", action="store_true", help="print every wrong verdict")
    show = arguments.parse_args().show
    logging.disable(logging.WARNING)
    for name, judge in (("veriward", ours), ("math-verify", peers)):
        counts, seconds = tally(judge, name if show else "")
        print(f"{name:12} {dict(counts)}  {1e3 * seconds / counts.total():.3f} CPU ms each")
    mine, theirs = speed(ours), speed(peers)
    for form, microseconds in mine.items():
        print(f"{form:18} {microseconds:8.1f} us  {theirs[form]:8.1f} us  {theirs[form] / microseconds:6.1f} x")


if __name__ == "__main__":
    main()
