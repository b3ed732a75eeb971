"""Advantages, losses, reductions and estimators against values computed by hand, and against each other."""

import math
import re
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from veriward.trainer.advantages import Scored, advantage  # noqa: E402
from veriward.trainer.kl import kl  # noqa: E402
from veriward.trainer.losses import Tokens, loss  # noqa: E402
from veriward.trainer.mismatch import correction, divergence  # noqa: E402
from veriward.trainer.reductions import Whole, reduction  # noqa: E402
from veriward.trainer.registry import UnknownName  # noqa: E402

pytestmark = pytest.mark.trainers


def scored(rewards: list[float], groups: list[int], **more: Any) -> Scored:
    mask = more.pop("mask", torch.ones(len(rewards), 2))
    return Scored(torch.tensor(rewards), torch.tensor(groups), mask, **more)


HALF = math.sqrt(1 / 3)
"""The unbiased deviation of 1, 0, 1, 0."""

ADVANTAGES: dict[str, tuple[str, list[float], list[int], list[float]]] = {
    "grpo: the group's mean and unbiased deviation": ("grpo", [1, 0, 1, 0], [0] * 4, [0.5 / HALF, -0.5 / HALF] * 2),
    "grpo: groups do not mix": ("grpo", [1, 0, 9, 9], [0, 0, 1, 1], [math.sqrt(0.5), -math.sqrt(0.5), 0, 0]),
    "grpo: all equal earn nothing": ("grpo", [1, 1, 1], [0, 0, 0], [0, 0, 0]),
    "grpo: a group of one earns nothing": ("grpo", [1.0], [0], [0]),
    "dr_grpo: no deviation": ("dr_grpo", [1, 0, 0, 0], [0] * 4, [0.75, -0.25, -0.25, -0.25]),
    "rloo: against the mean of the others": ("rloo", [1, 0, 0, 0], [0] * 4, [1, -1 / 3, -1 / 3, -1 / 3]),
    "rloo: a group of one earns nothing": ("rloo", [1.0], [0], [0]),
    "batch_std: the batch's deviation": ("batch_std", [1, 0, 1, 0], [0, 0, 1, 1], [0.5 / HALF, -0.5 / HALF] * 2),
    "pass_at_k: only the best, by its margin": ("pass_at_k", [0.2, 1, 0.7, 0], [0] * 4, [0, 0.3, 0, 0]),
    "pass_at_k: two best ones add nothing": ("pass_at_k", [1, 1, 0], [0] * 3, [0, 0, 0]),
    "reinforce++: whitened over tokens": ("reinforce++", [1, 0], [0, 1], [math.sqrt(0.75), -math.sqrt(0.75)]),
    "reinforce++_baseline: centred, then whitened": (
        "reinforce++_baseline",
        [1, 0, 5, 4],
        [0, 0, 1, 1],
        [math.sqrt(7 / 8), -math.sqrt(7 / 8)] * 2,
    ),
}


@pytest.mark.parametrize("name", ADVANTAGES)
def test_an_advantage_is_what_its_formula_gives(name: str) -> None:
    function, rewards, groups, expected = ADVANTAGES[name]
    got = advantage.get(function)(scored([float(reward) for reward in rewards], groups))
    want = torch.tensor(expected, dtype=torch.float32).unsqueeze(1).expand(-1, 2)
    torch.testing.assert_close(got, want, atol=1e-4, rtol=1e-4)


def test_gdpo_gives_a_small_part_the_say_that_its_weight_says() -> None:
    parts = torch.tensor([[1.0, 0.0], [0.0, 0.01], [1.0, 0.01], [0.0, 0.0]])
    both = scored([1.0, 0.01, 1.01, 0.0], [0] * 4, parts=parts, weights=torch.tensor([1.0, 1.0]))
    first = advantage.get("gdpo")(both)[:, 0]
    assert first[0] == pytest.approx(float(first[1]), abs=1e-3), "each of the two has one of the two parts"
    assert first.mean() == pytest.approx(0, abs=1e-6)
    assert first.std() == pytest.approx(1, abs=1e-4)


def test_a_token_return_pays_for_the_divergence_still_to_come() -> None:
    batch = scored([1.0, 1.0], [0, 1], kl=torch.tensor([[1.0, 3.0], [0.0, 0.0]]))
    returns = advantage.get("reinforce++", kl_weight=0.1)(batch)
    plain = torch.tensor([[0.6, 0.7], [1.0, 1.0]])
    torch.testing.assert_close(returns, (plain - plain.mean()) / plain.std(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", advantage.names)
def test_no_advantage_falls_on_a_token_that_the_policy_did_not_write(name: str) -> None:
    mask = torch.tensor([[1.0, 1, 0], [1, 0, 0], [1, 1, 1], [0, 1, 1]])
    got = advantage.get(name)(scored([1.0, 0.0, 0.5, 0.1], [0, 0, 1, 1], mask=mask))
    assert torch.equal(got * (1 - mask), torch.zeros_like(mask))
    assert got.isfinite().all()


def tokens(log_ratio: list[float], advantages: list[float]) -> Tokens:
    logp = torch.tensor([log_ratio], requires_grad=True)
    return Tokens(logp, torch.zeros(1, len(log_ratio)), torch.tensor([advantages]), torch.ones(1, len(log_ratio)))


R = math.log(1.65)
LOSSES = {
    "clip: inside the range, -r A": ("clip", {}, 0.1, 2.0, -math.exp(0.1) * 2, -math.exp(0.1) * 2),
    "clip: above, a gain is cut and so is its gradient": ("clip", {}, R, 1.0, -1.2, 0.0),
    "clip: above, a loss is not": ("clip", {}, R, -1.0, 1.65, 1.65),
    "clip: below, a loss is cut": ("clip", {}, -R, -1.0, 0.8, 0.0),
    "clip: higher, as DAPO": ("clip", {"clip_high": 0.28}, R, 1.0, -1.28, 0.0),
    "clip: dual, a far ratio of a bad token costs c": ("clip", {"dual_clip": 3.0}, math.log(10), -1.0, 3.0, 0.0),
    "gppo: clip's value, a gradient of 1 + ε": ("gppo", {}, R, 1.0, -1.28, -1.28),
    "gppo: below, a gradient of 1 - ε": ("gppo", {}, -R, -1.0, 0.8, 0.8),
    "gppo: dual": ("gppo", {}, math.log(10), -1.0, 3.0, 3.0),
    "cispo: the weight is constant": ("cispo", {"clip_high": 0.5}, R, 1.0, -1.5 * R, -1.5),
    "sapo: half-way up the gate at ratio 1": ("sapo", {}, 0.0, 1.0, -2.0, -1.0),
    "gspo: one token is its own sequence": ("gspo", {}, 0.0, 1.0, -1.0, -1.0),
    "gspo: cut": ("gspo", {}, 0.1, 1.0, -1.0004, 0.0),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_and_its_gradient_are_what_its_formula_gives(name: str) -> None:
    function, parameters, log_ratio, gain, value, slope = LOSSES[name]
    batch = tokens([log_ratio], [gain])
    got = loss.get(function, **parameters)(batch)
    got.sum().backward()
    assert float(got.detach().sum()) == pytest.approx(value, abs=1e-5)
    assert float(batch.logp.grad) == pytest.approx(slope, abs=1e-5)


@pytest.mark.parametrize("other", ["cispo", "gppo", "gspo"])
def test_on_policy_every_loss_is_the_policy_gradient(other: str) -> None:
    torch.manual_seed(0)
    start, gains, mask = torch.randn(4, 6) - 1, torch.randn(4, 1).expand(4, 6), (torch.rand(4, 6) < 0.8).float()
    slopes = []
    for name in ("clip", other):
        logp = start.clone().requires_grad_()
        losses = loss.get(name)(Tokens(logp, start, gains, mask))
        reduction.get("token")(losses, mask, Whole(int(mask.sum()), 4, 6)).backward()
        slopes.append(logp.grad)
    torch.testing.assert_close(slopes[0], slopes[1], atol=0, rtol=1e-6)


def test_gspo_weighs_every_token_by_its_sequence() -> None:
    batch = tokens([0.2, -0.2], [1.0, 1.0])
    assert loss.get("gspo")(batch).tolist() == [[-1.0, -1.0]], "the ratios cancel, so nothing is cut"


def test_clip_cov_drops_some_of_the_tokens_that_covary() -> None:
    logp = torch.tensor([[2.0, 2.0, -2.0, -2.0]], requires_grad=True)
    batch = Tokens(logp, logp.detach(), torch.tensor([[1.0, 1.0, -1.0, -1.0]]), torch.ones(1, 4))
    dropped = loss.get("clip_cov", share=0.5, generator=torch.Generator().manual_seed(0))(batch)
    assert int((dropped == 0).sum()) == 2
    none = loss.get("clip_cov", share=0.5, cov_low=3.0)(batch)
    assert int((none == 0).sum()) == 0, "a covariance of 2 is not between 3 and 5"


def test_kl_cov_holds_back_the_tokens_of_the_highest_covariance() -> None:
    logp = torch.tensor([[3.0, 0.0, -1.0]], requires_grad=True)
    batch = Tokens(logp, logp.detach() - 0.5, torch.tensor([[1.0, 0.0, 0.0]]), torch.ones(1, 3))
    got = loss.get("kl_cov", share=0.4)(batch)
    assert got[0].tolist() == pytest.approx([-math.exp(0.5) + 0.5, 0, 0], abs=1e-5)


REDUCTIONS = {
    "token: every token weighs the same": ("token", (1 + 1 + 1 + 4) / 4),
    "sequence: every sequence weighs the same": ("sequence", (1 + 4) / 2),
    "constant: by the longest allowed": ("constant", (1 + 1 + 1 + 4) / 20),
}
LOSS, MASK = torch.tensor([[1.0, 1, 1], [4, 9, 9]]), torch.tensor([[1.0, 1, 1], [1, 0, 0]])


@pytest.mark.parametrize("name", REDUCTIONS)
def test_micro_batches_add_up_to_the_whole(name: str) -> None:
    function, expected = REDUCTIONS[name]
    whole = Whole(tokens=4, sequences=2, max_tokens=10)
    assert float(reduction.get(function)(LOSS, MASK, whole)) == pytest.approx(expected)
    parts = [reduction.get(function)(LOSS[i : i + 1], MASK[i : i + 1], whole) for i in (0, 1)]
    assert float(sum(parts)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "expected"), [("k1", 0.5), ("k2", 0.125), ("k3", math.exp(-0.5) - 0.5)], ids=["k1", "k2", "k3"]
)
def test_a_divergence_is_what_its_estimator_gives(name: str, expected: float) -> None:
    assert float(kl.get(name)(torch.tensor(-1.0), torch.tensor(-1.5))) == pytest.approx(expected)


def test_k3_is_never_negative_and_never_endless() -> None:
    d = torch.linspace(-1e4, 1e4, 101)
    assert ((kl.get("k3")(d, torch.zeros_like(d)) >= 0) & (kl.get("k3")(d, torch.zeros_like(d)) <= 10)).all()


OLD, ROLL, ALL = torch.tensor([[0.0, 1.0], [0.1, 0.1]]), torch.zeros(2, 2), torch.ones(2, 2)
CORRECTIONS = {
    "none": ("none", [[1.0, 1.0], [1.0, 1.0]]),
    "token_truncate: at most the cap": ("token_truncate", [[1, 2.0], [math.exp(0.1), math.exp(0.1)]]),
    "sequence_mask: the whole sequence, unless it is past the cap": (
        "sequence_mask",
        [[math.e, math.e], [math.exp(0.2), math.exp(0.2)]],
    ),
}


@pytest.mark.parametrize("name", CORRECTIONS)
def test_a_correction_is_what_its_formula_gives(name: str) -> None:
    function, expected = CORRECTIONS[name]
    torch.testing.assert_close(correction.get(function)(OLD, ROLL, ALL), torch.tensor(expected))


def test_a_sequence_past_the_cap_is_left_out() -> None:
    assert correction.get("sequence_mask", cap=2.0)(OLD, ROLL, ALL)[0].tolist() == [0, 0]


def test_no_mismatch_is_none() -> None:
    assert (divergence(OLD, OLD) == 0).all()
    expected = torch.tensor([[0, math.e - 2], [math.exp(0.1) - 1.1] * 2])
    torch.testing.assert_close(divergence(OLD, ROLL), expected)


UNKNOWN: dict[str, tuple[Callable[[], Any], str]] = {
    "a name, with the nearest": (lambda: loss.get("cipso"), "no loss is named 'cipso' (did you mean 'cispo'?)"),
    "a parameter, with the nearest": (
        lambda: loss.get("clip", clip_hi=0.3),
        "loss 'clip' has no parameter 'clip_hi' (did you mean 'clip_high'?)",
    ),
    "a parameter of a function that has none": (lambda: advantage.get("grpo", k=1), "'k'; there are: none"),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_unknown_is_told(name: str) -> None:
    call, message = UNKNOWN[name]
    with pytest.raises(UnknownName, match=re.escape(message)):
        call()
