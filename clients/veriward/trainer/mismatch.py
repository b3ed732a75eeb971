"""The engine that generated and the model that trains never agree to the last bit: weights that correct for it.

`w = exp(l_old - l_roll)`: the trainer's log-probability of a token over the engine's (TIS; "Your efficient RL framework
secretly brings you off-policy RL training", Yao et al. 2025).
"""

import torch
from torch import Tensor

from veriward.trainer.losses import LOG_RATIO_BOUND
from veriward.trainer.registry import Registry

correction: Registry[[Tensor, Tensor, Tensor], Tensor] = Registry("mismatch correction")


@correction("none")
def none(old_logp: Tensor, rollout_logp: Tensor, mask: Tensor) -> Tensor:
    """All weights 1 [B, T]."""
    return torch.ones_like(old_logp)


@correction("token_truncate")
def token_truncate(old_logp: Tensor, rollout_logp: Tensor, mask: Tensor, *, cap: float = 2.0) -> Tensor:
    """`min(w, cap)` for each token [B, T]."""
    return _weights(old_logp - rollout_logp).clamp(max=cap)


@correction("sequence_mask")
def sequence_mask(old_logp: Tensor, rollout_logp: Tensor, mask: Tensor, *, cap: float = 3.0) -> Tensor:
    """`W = exp(Σ_t m (l_old - l_roll))` for all tokens of a sequence; 0 where `W > cap` (TRL's default) [B, T]."""
    weights = _weights(((old_logp - rollout_logp) * mask).sum(1, keepdim=True))
    return torch.where(weights > cap, torch.zeros_like(weights), weights).expand_as(old_logp)


def divergence(old_logp: Tensor, rollout_logp: Tensor) -> Tensor:
    """`w - log w - 1` of each token, nats [B, T]: 0 where engine and trainer agree."""
    log_weight = (old_logp - rollout_logp).clamp(-LOG_RATIO_BOUND, LOG_RATIO_BOUND)
    return (torch.expm1(log_weight) - log_weight).clamp(min=0)  # rounding may fall below 0


def _weights(log_weight: Tensor) -> Tensor:
    return log_weight.clamp(-LOG_RATIO_BOUND, LOG_RATIO_BOUND).exp().detach()
