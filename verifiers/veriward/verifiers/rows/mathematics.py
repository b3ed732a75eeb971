"""Sets of mathematics, judged by value with `math`; for a set's own strict rule, name `math.gsm8k` or `math.dapo`."""

from veriward.verifiers.answers import last_boxed
from veriward.verifiers.rows.reading import BadRow, Row, text, text_or_number
from veriward.verifiers.rows.sets import Made, row_set


def math_task(answer: str) -> dict[str, object]:
    return {"verifier": "math", "answer": answer}


@row_set("gsm8k", "question", "answer", fits=lambda row: "####" in str(row["answer"]))
def gsm8k(row: Row) -> Made:
    """openai/gsm8k: `question`, `answer` that ends in `#### 1,072`."""
    _, marked, number = text(row, "answer").rpartition("####")
    if not marked or not number.strip():
        raise BadRow("answer", "has no number after ####")
    return Made(math_task(number.strip().replace(",", "")), text(row, "question"))


@row_set("math", "problem", "solution")
def hendrycks_math(row: Row) -> Made:
    """MATH and MATH-500: `problem`, `solution` with a box, `answer` in some, `level`, `type` or `subject`."""
    if row.get("answer") is not None:
        return Made(math_task(text_or_number(row, "answer")), text(row, "problem"))
    answer = last_boxed(text(row, "solution"))
    if not answer:
        raise BadRow("solution", "has no box with an answer")
    return Made(math_task(answer), text(row, "problem"))


@row_set("big_math", "problem", "answer", "llama8b_solve_rate")
@row_set("openr1_math", "problem", "answer", "solution", "problem_type")
def answered_problem(row: Row) -> Made:
    """Big-Math-RL-Verified and OpenR1-Math-220k: `problem`, `answer`."""
    return Made(math_task(text_or_number(row, "answer")), text(row, "problem"))


@row_set("dapo_math", "prompt", "solution", "source_prompt")
def dapo_math(row: Row) -> Made:
    """DAPO-Math-17k as open-r1 processed it; the original is in verl's form."""
    return Made(math_task(text_or_number(row, "solution")), text(row, "prompt"))
