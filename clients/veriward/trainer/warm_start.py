"""Supervised steps on demonstrations: what a policy must roughly know before reinforcement can sharpen it."""

import random
from collections.abc import Callable, Sequence
from typing import Any

import torch

from veriward.trainer.batch import Batch, Rollout, log_probabilities
from veriward.trainer.config import WarmStart
from veriward.trainer.data import Row
from veriward.trainer.models import prompt_ids

LAST_SHARE = 0.1
"""The learning rate falls to this share of its height, linearly."""


def demonstrations(rows: Sequence[Row], tokenizer: Any) -> list[Rollout]:
    """Rows that have one, as rollouts that the policy could have written, each ended."""
    shown = []
    for group, row in enumerate(rows):
        if row.demonstration is not None:
            ids = (*tokenizer.encode(row.demonstration, add_special_tokens=False), tokenizer.eos_token_id)
            prompt = prompt_ids(tokenizer, row.prompt)
            shown.append(Rollout(prompt, ids, (True,) * len(ids), (0.0,) * len(ids), group, version=0))
    return shown


def warm_start(
    model: Any, shown: Sequence[Rollout], config: WarmStart, pad_id: int, seed: int, told: Callable[[int, float], None]
) -> float:
    """Minimise the negative log-likelihood of the demonstrations, nats a token; the last step's is given back.

    `told(step, loss)` is called after every step. Raises ValueError where there is no demonstration.
    """
    if not shown:
        raise ValueError("warm_start: no row of the training data has a demonstration")
    device = next(model.parameters()).device
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=0.01, betas=(0.9, 0.98))
    draw = random.Random(f"{seed}/warm start")
    value = float("nan")
    model.train()
    for step in range(config.steps):
        height = min(1.0, (step + 1) / max(config.warm_up, 1)) * (1 - (1 - LAST_SHARE) * step / config.steps)
        for settings in optimizer.param_groups:
            settings["lr"] = config.learning_rate * height
        batch = Batch.of(draw.choices(shown, k=config.batch), pad_id, device)
        logp, _ = log_probabilities(model, batch)
        loss = -(logp * batch.mask).sum() / batch.mask.sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        value = float(loss.detach())
        told(step + 1, value)
    return value
