"""Sets of verifiable instructions, judged with `instruction`."""

from typing import Any

from veriward.verifiers.rows.reading import Row, from_json, text, texts
from veriward.verifiers.rows.sets import Made, row_set

IFBENCH_GROUPS = ("count:", "ratio:", "words:", "sentence:", "format:", "custom:", "repeat:")


def instruction_task(ids: list[str], kwargs: Any, prompt: str | None) -> dict[str, Any]:
    of = "ifbench" if any(one.startswith(IFBENCH_GROUPS) for one in ids) else "ifeval"
    task: dict[str, Any] = {"verifier": "instruction", "set": of, "instruction_id_list": ids, "kwargs": kwargs}
    return task if prompt is None else {**task, "prompt": prompt}


def is_ifbench(row: Row) -> bool:
    return str(row["instruction_id_list"]).find(":") >= 0 and any(
        str(one).startswith(IFBENCH_GROUPS) for one in row["instruction_id_list"]
    )


@row_set("ifeval", "prompt", "instruction_id_list", "kwargs", fits=lambda row: not is_ifbench(row))
@row_set("ifbench", "prompt", "instruction_id_list", "kwargs", fits=is_ifbench)
def ifeval(row: Row) -> Made:
    """google/IFEval and allenai/IFBench_test: `prompt`, `instruction_id_list`, `kwargs` (an object per id)."""
    prompt = text(row, "prompt")
    return Made(instruction_task(texts(row, "instruction_id_list"), from_json(row, "kwargs"), prompt), prompt)
