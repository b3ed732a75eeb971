"""Sets of questions with a short answer or with options, judged with `short_answer` and `choice`; and reasoning-gym."""

import hashlib
from typing import Any

from veriward.verifiers.choice.grading import DEFAULT_LETTERS
from veriward.verifiers.rows.reading import BadRow, Row, mapping, optional, text, texts
from veriward.verifiers.rows.sets import Made, row_set

WRONG_OPTIONS = ("Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")


def short_task(gold: list[str], question: str) -> dict[str, Any]:
    task: dict[str, Any] = {"verifier": "short_answer", "gold": gold}
    return {**task, "question": question} if question else task


@row_set("hotpotqa", "question", "answer", "supporting_facts")
@row_set("nq", "question", "answer", fits=lambda row: isinstance(row["answer"], list))
def hotpotqa(row: Row) -> Made:
    """hotpot_qa: `question`, `answer`; nq_open: `question`, `answer` (a list of aliases)."""
    question = text(row, "question")
    return Made(short_task(texts(row, "answer"), question), question)


@row_set("search_qa", "question", "golden_answers")
def search_qa(row: Row) -> Made:
    """FlashRAG's form, in which Search-R1 publishes NQ and HotpotQA: `question`, `golden_answers`."""
    question = text(row, "question")
    return Made(short_task(texts(row, "golden_answers"), question), question)


@row_set("gpqa", "Question", "Correct Answer", *WRONG_OPTIONS)
def gpqa(row: Row) -> Made:
    """Idavidrein/gpqa: the right option and three wrong ones, put in an order that depends on the question alone."""
    right = text(row, "Correct Answer").strip()
    options = [right, *(text(row, column).strip() for column in WRONG_OPTIONS)]
    if len(set(options)) < len(options):
        raise BadRow("Correct Answer", "two options are the same")
    question = text(row, "Question").strip()
    options.sort(key=lambda option: hashlib.sha256(f"{question}\n{option}".encode()).digest())
    return _choice(question, options, DEFAULT_LETTERS[options.index(right)])


@row_set("mmlu_pro", "question", "options", "answer", "answer_index")
def mmlu_pro(row: Row) -> Made:
    """TIGER-Lab/MMLU-Pro: `question`, `options` (at most ten), `answer` (a letter)."""
    options = texts(row, "options")
    answer = text(row, "answer").strip()
    if len(options) > len(DEFAULT_LETTERS):
        raise BadRow("options", f"has {len(options)} options, more than {len(DEFAULT_LETTERS)}")
    if answer not in DEFAULT_LETTERS[: len(options)]:
        raise BadRow("answer", "is the letter of no option")
    return _choice(text(row, "question"), options, answer)


def _choice(question: str, options: list[str], answer: str) -> Made:
    lettered = dict(zip(DEFAULT_LETTERS, options, strict=False))
    prompt = "\n".join([question, "", *(f"{letter}) {option}" for letter, option in lettered.items())])
    return Made({"verifier": "choice", "answer": answer, "options": lettered}, prompt)


@row_set("reasoning_gym", "question", "answer", "metadata")
def reasoning_gym(row: Row) -> Made:
    """Entries of the reasoning-gym library: `question`, `answer`, `metadata` with `source_dataset`."""
    metadata = mapping(row, "metadata")
    question = text(row, "question")
    task = {"verifier": "reasoning_gym", "task": text(metadata, "source_dataset"), "metadata": dict(metadata)}
    return Made({**task, "answer": optional(row, "answer") or None, "question": question}, question)
