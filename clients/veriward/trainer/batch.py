"""Rollouts as tensors: token ids as they were generated, and a mask of those that the policy wrote."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True)
class Rollout:
    """One episode: a prompt, and what followed. Ids are never decoded and encoded again: they would not be the same.

    `written[t]` is true where the policy wrote `token_ids[t]`, false where an environment did (a tool's output);
    `logprobs[t]` is the engine's, 0 where the policy did not write. `group` numbers the prompt. `reward` is None where
    the rollout could not be graded, with the server's status and reason as `problem`: it takes no part in an update.
    `metrics` are the server's.
    """

    prompt_ids: tuple[int, ...]
    token_ids: tuple[int, ...]
    written: tuple[bool, ...]
    logprobs: tuple[float, ...]
    group: int
    version: int
    truncated: bool = False
    reward: float | None = None
    problem: str = ""
    parts: dict[str, float] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    source: str = ""

    @property
    def length(self) -> int:
        """Tokens that the policy wrote."""
        return sum(self.written)


@dataclass(frozen=True)
class Batch:
    """N sequences of at most L tokens, padded on the right.

    ids and attention [N, L]; mask and rollout_logp [N, L - 1], where place t speaks of token t + 1: so they lie beside
    the log-probabilities that a model gives.
    """

    ids: Tensor
    attention: Tensor
    mask: Tensor
    rollout_logp: Tensor

    @classmethod
    def of(cls, rollouts: Sequence[Rollout], pad_id: int, device: torch.device | str = "cpu") -> "Batch":
        longest = max(len(one.prompt_ids) + len(one.token_ids) for one in rollouts)
        ids = torch.full((len(rollouts), longest), pad_id, dtype=torch.long)
        attention = torch.zeros(len(rollouts), longest, dtype=torch.long)
        mask = torch.zeros(len(rollouts), longest)
        logp = torch.zeros(len(rollouts), longest)
        for row, one in enumerate(rollouts):
            start, end = len(one.prompt_ids), len(one.prompt_ids) + len(one.token_ids)
            ids[row, :end] = torch.tensor(one.prompt_ids + one.token_ids)
            attention[row, :end] = 1
            mask[row, start:end] = torch.tensor(one.written, dtype=torch.float32)
            logp[row, start:end] = torch.tensor(one.logprobs)
        whole = cls(ids, attention, mask[:, 1:], logp[:, 1:] * mask[:, 1:])
        return cls(*(tensor.to(device) for tensor in (whole.ids, whole.attention, whole.mask, whole.rollout_logp)))

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, which: Tensor) -> "Batch":
        """Some of the sequences, without the padding that only the others needed."""
        attention = self.attention[which]
        longest = int(attention.sum(1).max())
        short = (self.ids[which][:, :longest], attention[:, :longest])
        return Batch(*short, self.mask[which][:, : longest - 1], self.rollout_logp[which][:, : longest - 1])


def log_probabilities(model: torch.nn.Module, batch: Batch, temperature: float = 1.0) -> tuple[Tensor, Tensor]:
    """The model's log-probability of each next token, and the entropy of its choice (nats), both [N, L - 1].

    Divided by the temperature that the tokens were drawn at, so that they compare with the engine's.
    """
    logits = model(input_ids=batch.ids, attention_mask=batch.attention).logits[:, :-1].float() / temperature
    normaliser = logits.logsumexp(-1)
    logp = logits.gather(2, batch.ids[:, 1:].unsqueeze(2)).squeeze(2) - normaliser
    with torch.no_grad():
        entropy = normaliser - (logits.softmax(-1) * logits).sum(-1)
    return logp, entropy
