"""Estimates of the divergence from a reference policy, per token (Schulman, "Approximating KL divergence", 2020)."""

from torch import Tensor

from veriward.trainer.registry import Registry

LOG_RATIO_BOUND = 20.0
K3_BOUND = 10.0
"""verl's bounds: one token out of the reference's reach must not be the whole loss."""

kl: Registry[[Tensor, Tensor], Tensor] = Registry("KL estimator")


@kl("k1")
def k1(logp: Tensor, ref_logp: Tensor) -> Tensor:
    """`l - l_ref`: unbiased, of high variance, and negative at times; for use in the reward."""
    return logp - ref_logp


@kl("k2")
def k2(logp: Tensor, ref_logp: Tensor) -> Tensor:
    """`(l - l_ref)² / 2`: its gradient is that of the divergence, on policy."""
    return (logp - ref_logp) ** 2 / 2


@kl("k3")
def k3(logp: Tensor, ref_logp: Tensor) -> Tensor:
    """`exp(-d) + d - 1` with `d = l - l_ref`: unbiased and never negative; its gradient is biased off policy."""
    d = (logp - ref_logp).clamp(-LOG_RATIO_BOUND, LOG_RATIO_BOUND)
    return ((-d).exp() + d - 1).clamp(-K3_BOUND, K3_BOUND)
