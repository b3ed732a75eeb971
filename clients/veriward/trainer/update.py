"""One update of the policy from rewarded rollouts, in micro-batches whose gradients add up to the whole's."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from veriward.trainer import kl, mismatch, reductions
from veriward.trainer.batch import Batch, log_probabilities
from veriward.trainer.losses import Tokens
from veriward.trainer.reductions import Whole

Figures = dict[str, float]

FAR = 0.2
"""A ratio further than this from 1 counts as far: PPO's usual range."""


@dataclass(frozen=True)
class Objective:
    """What is minimised: a loss per token, its reduction, and a divergence from the reference.

    `correct` weighs tokens for the engine's mismatch. `kl_weight` β 0 needs no reference. `epochs` passes are made over
    the batch, each in `minibatches` optimiser steps.
    """

    loss: Callable[[Tokens], Tensor]
    reduce: Callable[[Tensor, Tensor, Whole], Tensor] = reductions.token
    correct: Callable[[Tensor, Tensor, Tensor], Tensor] = mismatch.none
    estimate: Callable[[Tensor, Tensor], Tensor] = kl.k3
    kl_weight: float = 0.0
    temperature: float = 1.0
    epochs: int = 1
    minibatches: int = 1
    micro_batch: int = 64
    max_norm: float = 1.0


class Updater:
    """Holds the model, its optimiser, and how to reach the reference: a context in which `model` is the reference.

    With LoRA that is `model.disable_adapter`; with full weights it is a copy, given as `reference`.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        objective: Objective,
        reference: torch.nn.Module | Callable[[], AbstractContextManager[object]] | None = None,
    ) -> None:
        if objective.kl_weight and reference is None:
            raise ValueError(f"a KL weight of {objective.kl_weight} needs a reference policy; give one, or set it to 0")
        self.model = model
        self.optimizer = optimizer
        self.objective = objective
        self.reference = reference

    def logp(self, batch: Batch) -> Tensor:
        """The policy's log-probabilities [N, L - 1], without gradient."""
        return self._quietly(self.model, batch)

    def reference_logp(self, batch: Batch) -> Tensor | None:
        """The reference's log-probabilities [N, L - 1]; None where there is no reference."""
        if self.reference is None:
            return None
        if isinstance(self.reference, torch.nn.Module):
            return self._quietly(self.reference, batch)
        with self.reference():
            return self._quietly(self.model, batch)

    def update(self, batch: Batch, advantages: Tensor, max_tokens: int) -> Figures:
        """Train on the whole batch; `advantages` [N, L - 1]. Returns the means of what was seen, by name."""
        objective = self.objective
        # In a single step the policy is the one that the ratios are against: the pass that trains gives both.
        old = None if objective.epochs == objective.minibatches == 1 else self.logp(batch)
        reference = self.reference_logp(batch) if objective.kl_weight else None
        seen: dict[str, float] = {}
        steps = 0
        for _ in range(objective.epochs):
            for rows in torch.randperm(len(batch)).to(batch.ids.device).chunk(min(objective.minibatches, len(batch))):
                whole = Whole(int(batch.mask[rows].sum()), len(rows), max_tokens)
                for micro in rows.split(objective.micro_batch):
                    part = batch.rows(micro)
                    gains, olds, references = (
                        None if tensor is None else tensor[micro, : part.mask.shape[1]]
                        for tensor in (advantages, old, reference)
                    )
                    for name, value in self._backward(part, gains, olds, references, whole).items():
                        seen[name] = seen.get(name, 0.0) + value
                norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), objective.max_norm)
                seen["gradient_norm"] = seen.get("gradient_norm", 0.0) + float(norm)
                self.optimizer.step()
                self.optimizer.zero_grad(set_to_none=True)
                steps += 1
        return {name: value / steps for name, value in seen.items()}

    def _backward(
        self, batch: Batch, advantages: Tensor, old: Tensor | None, reference: Tensor | None, whole: Whole
    ) -> Figures:
        """Add the gradient of a micro-batch; its share of the update's figures."""
        objective, mask = self.objective, batch.mask
        logp, entropy = log_probabilities(self.model, batch, objective.temperature)
        old = logp.detach() if old is None else old
        losses = objective.loss(Tokens(logp, old, advantages, mask)) * objective.correct(old, batch.rollout_logp, mask)
        total = objective.reduce(losses, mask, whole)
        share = mask / max(whole.tokens, 1)
        figures = {"loss": float(total.detach()), "entropy": float((entropy * share).sum())}
        if reference is not None:
            divergence = objective.estimate(logp, reference)
            total = total + objective.kl_weight * objective.reduce(divergence, mask, whole)
            figures["kl"] = float((divergence.detach() * share).sum())
        total.backward()
        ratio = (logp.detach() - old).exp()
        figures["ratio_far"] = float((((ratio - 1).abs() > FAR) * share).sum())
        figures["mismatch_kl"] = float((mismatch.divergence(old, batch.rollout_logp) * share).sum())
        return figures

    def _quietly(self, model: torch.nn.Module, batch: Batch) -> Tensor:
        result = torch.zeros_like(batch.mask)
        with torch.no_grad(), _evaluating(model):
            for rows in torch.arange(len(batch), device=batch.ids.device).split(self.objective.micro_batch):
                part = batch.rows(rows)
                logp, _ = log_probabilities(model, part, self.objective.temperature)
                result[rows, : logp.shape[1]] = logp
        return result * batch.mask


@contextmanager
def _evaluating(model: torch.nn.Module) -> Iterator[None]:
    """Without dropout, whichever mode the model is in."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)
