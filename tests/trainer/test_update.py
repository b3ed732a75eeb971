"""Updates: micro-batches add up, what the policy did not write changes nothing, a rewarded token grows likelier."""

import copy
from dataclasses import replace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from veriward.trainer import losses, reductions  # noqa: E402
from veriward.trainer.advantages import Scored, advantage  # noqa: E402
from veriward.trainer.batch import Batch, Rollout  # noqa: E402
from veriward.trainer.update import Objective, Updater  # noqa: E402

pytestmark = pytest.mark.trainers


@pytest.fixture
def model() -> Any:
    torch.manual_seed(0)
    config = transformers.Qwen3Config(
        vocab_size=24, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=16, max_position_embeddings=64, tie_word_embeddings=True,
    )  # fmt: skip
    return transformers.Qwen3ForCausalLM(config)


def rollout(prompt: list[int], tokens: list[int], group: int, reward: float, written: str = "") -> Rollout:
    marks = tuple(mark == "w" for mark in written) if written else (True,) * len(tokens)
    return Rollout(tuple(prompt), tuple(tokens), marks, (-1.0,) * len(tokens), group, 0, reward=reward)


ROLLOUTS = [
    rollout([5, 6], [7, 8, 1], 0, 1.0),
    rollout([5, 6], [9, 1], 0, 0.0),
    rollout([7], [10, 11, 12, 13, 14, 1], 1, 0.0),
    rollout([7], [3, 1], 1, 1.0),
]


def prepared(rollouts: list[Rollout]) -> tuple[Batch, Any]:
    batch = Batch.of(rollouts, pad_id=0)
    rewards = torch.tensor([float(one.reward or 0) for one in rollouts])
    groups = torch.tensor([one.group for one in rollouts])
    return batch, advantage.get("grpo")(Scored(rewards, groups, batch.mask))


def gradients(model: Any, rollouts: list[Rollout], **settings: Any) -> tuple[dict[str, Any], dict[str, float]]:
    """What one update does to a copy of the model's weights at a learning rate of 1, and its figures."""
    one = copy.deepcopy(model)
    updater = Updater(one, torch.optim.SGD(one.parameters(), lr=1.0), Objective(losses.clip, max_norm=1e9, **settings))
    batch, gains = prepared(rollouts)
    figures = updater.update(batch, gains, max_tokens=8)
    before = dict(model.named_parameters())
    return {name: (value - before[name]).detach() for name, value in one.named_parameters()}, figures


def same(left: dict[str, Any], right: dict[str, Any]) -> None:
    for name in left:
        torch.testing.assert_close(left[name], right[name], atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("reduce", [reductions.token, reductions.sequence, reductions.constant])
@pytest.mark.parametrize("micro_batch", [1, 3])
def test_micro_batches_add_up_to_one_batch(model: Any, reduce: Any, micro_batch: int) -> None:
    whole, figures = gradients(model, ROLLOUTS, reduce=reduce)
    parts, others = gradients(model, ROLLOUTS, reduce=reduce, micro_batch=micro_batch)
    same(whole, parts)
    assert others == pytest.approx(figures, abs=1e-4)


def test_masked_tokens_change_nothing_but_what_is_read(model: Any) -> None:
    """Two rollouts, one with a tool's output between: its tokens carry no loss whatever the engine said of them."""
    told = rollout([5, 6], [7, 20, 21, 8, 1], 0, 1.0, "wttww")
    lied = replace(told, logprobs=(-1.0, 9.0, -50.0, -1.0, -1.0))
    plain, figures = gradients(model, [told, ROLLOUTS[1]])
    other, others = gradients(model, [lied, ROLLOUTS[1]])
    same(plain, other)
    assert others == pytest.approx(figures)
    batch, _ = prepared([told, ROLLOUTS[1]])
    assert batch.mask.sum(1).tolist() == [3, 2]


def test_padding_changes_nothing(model: Any) -> None:
    long = rollout([4] * 9, [5] * 9, 2, 0.5)
    one, _ = gradients(model, ROLLOUTS[:2], reduce=reductions.constant)
    batch, gains = prepared([*ROLLOUTS[:2], long])
    clone = copy.deepcopy(model)
    updater = Updater(
        clone, torch.optim.SGD(clone.parameters(), lr=1.0), Objective(losses.clip, reductions.constant, max_norm=1e9)
    )
    updater.update(batch, gains, max_tokens=8)
    before = dict(model.named_parameters())
    changed = {name: (value - before[name]).detach() * 3 / 2 for name, value in clone.named_parameters()}
    same(one, changed)


def test_a_rewarded_rollout_becomes_likelier(model: Any) -> None:
    batch, gains = prepared(ROLLOUTS)
    updater = Updater(model, torch.optim.AdamW(model.parameters(), lr=1e-2), Objective(losses.clip))
    before = updater.logp(batch).sum(1)
    for _ in range(5):
        figures = updater.update(batch, gains, max_tokens=8)
    after = updater.logp(batch).sum(1)
    assert ((after - before).sign() == torch.tensor([1, -1, -1, 1])).all()
    assert set(figures) == {"loss", "entropy", "gradient_norm", "ratio_far", "mismatch_kl"}


def test_the_reference_holds_the_policy_back(model: Any) -> None:
    def moved(kl_weight: float) -> float:
        one = copy.deepcopy(model)
        objective = Objective(losses.clip, kl_weight=kl_weight, epochs=4)
        updater = Updater(one, torch.optim.SGD(one.parameters(), lr=0.3), objective, copy.deepcopy(model))
        batch, gains = prepared(ROLLOUTS)
        updater.update(batch, gains, max_tokens=8)
        reference = updater.reference_logp(batch)
        assert reference is not None
        return float((updater.logp(batch) - reference).abs().sum())

    assert moved(5.0) < moved(0.0)


def test_a_divergence_without_a_reference_is_refused(model: Any) -> None:
    with pytest.raises(ValueError, match="needs a reference policy"):
        Updater(model, torch.optim.SGD(model.parameters(), lr=1.0), Objective(losses.clip, kl_weight=0.1))
