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
        old = self.logp(batch)
        reference = self.reference_logp(batch) if objective.kl_weight else None
        weights = objective.correct(old, batch.rollout_logp, batch.mask) * batch.mask
        seen: dict[str, float] = {}
        steps = 0
        for _ in range(objective.epochs):
            for rows in torch.randperm(len(batch)).to(batch.ids.device).chunk(min(objective.minibatches, len(batch))):
                mask = batch.mask[rows]
                whole = Whole(int(mask.sum()), len(rows), max_tokens)
                for micro in rows.split(objective.micro_batch):
                    part = batch.rows(micro)
                    columns = part.mask.shape[1]
                    cut = (old[micro, :columns], advantages[micro, :columns], weights[micro, :columns])
                    ref = None if reference is None else reference[micro, :columns]
                    for name, value in self._backward(part, *cut, ref, whole).items():
                        seen[name] = seen.get(name, 0.0) + value
                norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), objective.max_norm)
                seen["gradient_norm"] = seen.get("gradient_norm", 0.0) + float(norm)
                self.optimizer.step()
                self.optimizer.zero_grad(set_to_none=True)
                steps += 1
        figures = {name: value / steps for name, value in seen.items()}
        return {**figures, "mismatch_kl": mismatch.mismatch_kl(old, batch.rollout_logp, batch.mask)}

    def _backward(
        self, batch: Batch, old: Tensor, advantages: Tensor, weights: Tensor, reference: Tensor | None, whole: Whole
    ) -> Figures:
        """Add the gradient of a micro-batch; its share of the update's figures."""
        logp, entropy = log_probabilities(self.model, batch, self.objective.temperature)
        losses = self.objective.loss(Tokens(logp, old, advantages, batch.mask)) * weights
        total = self.objective.reduce(losses, batch.mask, whole)
        share = batch.mask / max(whole.tokens, 1)
        figures = {"loss": float(total.detach()), "entropy": float((entropy * share).sum())}
        if reference is not None:
            divergence = self.objective.estimate(logp, reference)
            total = total + self.objective.kl_weight * self.objective.reduce(divergence, batch.mask, whole)
            figures["kl"] = float((divergence.detach() * share).sum())
        total.backward()
        ratio = (logp.detach() - old).exp()
        figures["ratio_far"] = float((((ratio - 1).abs() > 0.2) * share).sum())
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
