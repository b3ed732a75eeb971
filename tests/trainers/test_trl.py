"""TRL's real `GRPOTrainer` trains with rewards from a real server."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from veriward.integrations.trl import async_reward_function, reward_function

pytestmark = [pytest.mark.trainers, pytest.mark.fleet]

DOCUMENT = Path(__file__).parents[2] / "docs" / "trainers" / "trl.md"
STEPS = 5
ROWS = [("What is 3 + 4 ?", "7"), ("What is 2 + 6 ?", "8"), ("What is 9 - 4 ?", "5"), ("What is 1 + 1 ?", None)]
FORMS = {"sync": reward_function, "async": async_reward_function}


def same_answer(completions: list[str], solution: list[str | None], **_: Any) -> list[float | None]:
    """What the server must say of completions of one word, boxed or bare."""
    return [
        None if right is None else float(said.strip() in (right, f"\\boxed{{{right}}}"))
        for said, right in zip(completions, solution, strict=True)
    ]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.usefixtures("environment")
def test_grpo_trains_with_rewards_from_the_server(form: Callable[..., Any], tiny_model: Path, tmp_path: Path) -> None:
    import torch
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    torch.set_num_threads(1)
    trainer = GRPOTrainer(
        model=str(tiny_model),
        reward_funcs=[form(verifier="math", task_columns={"answer": "solution"}, source="test"), same_answer],
        args=GRPOConfig(
            output_dir=str(tmp_path),
            per_device_train_batch_size=64,
            num_generations=16,
            max_completion_length=1,
            max_steps=STEPS,
            learning_rate=1e-3,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            use_cpu=True,
            bf16=False,
            seed=0,
        ),
        train_dataset=Dataset.from_list([{"prompt": prompt, "solution": solution} for prompt, solution in ROWS]),
    )
    before = {name: value.clone() for name, value in trainer.model.named_parameters()}
    trainer.train()

    steps = [entry for entry in trainer.state.log_history if "reward" in entry]
    assert len(steps) == STEPS
    ours = [step["rewards/veriward_math/mean"] for step in steps]
    assert ours == [step["rewards/same_answer/mean"] for step in steps]
    assert any(0 < mean < 1 for mean in ours)
    # The row without a gold answer is a quarter of each batch: out of the mean, and not a 0 in it.
    assert [step["veriward_math/not_graded"] for step in steps] == [0.25] * STEPS
    assert [step["reward"] for step in steps] == pytest.approx([2 * mean for mean in ours])
    assert any(not torch.equal(before[name], value) for name, value in trainer.model.named_parameters())


def test_the_first_example_of_the_documentation_runs(
    environment: None, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first, *others = re.findall(r"^```python\n(.*?)^```", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    for written, here in (("Qwen/Qwen3-0.6B", str(tiny_model)), ('"none",', '"none", use_cpu=True, bf16=False,')):
        assert written in first
        first = first.replace(written, here)
    names: dict[str, Any] = {}
    exec(first, names)  # noqa: S102
    log = names["trainer"].state.log_history
    assert len([entry for entry in log if "rewards/veriward_math/mean" in entry]) == 5
    for other in others:
        exec(other, names)  # noqa: S102
    assert names["reward"].__name__ == "correctness"
