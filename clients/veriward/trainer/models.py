"""The policy and its tokenizer: loaded by transformers, or made small and random for a demonstration."""

from collections.abc import Iterable
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from veriward.trainer.config import Lora, Model, Scratch

MAX_POSITIONS = 4096
HEAD_SIZE = 32


class NoModel(ValueError):
    """The model or its tokenizer cannot be had; the message says what was looked for."""


def load(config: Model, texts: Iterable[str]) -> tuple[Any, Any]:
    """The model, ready to train, and its tokenizer, which pads on the left. `texts` feed a tokenizer from scratch."""
    device = config.device if config.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    if config.scratch is not None:
        tokenizer = scratch_tokenizer(config.scratch, texts)
        model = scratch_model(config.scratch, tokenizer)
    else:
        try:
            tokenizer = AutoTokenizer.from_pretrained(config.path, padding_side="left")
            model = AutoModelForCausalLM.from_pretrained(config.path)
        except (OSError, ValueError) as error:
            raise NoModel(f"model.path {config.path!r}: {error}") from None
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
    model = model.to(device=device, dtype=getattr(torch, config.dtype))
    return (model if config.lora is None else with_adapter(model, config.lora)), tokenizer


def with_adapter(model: Any, lora: Lora) -> Any:
    """`model` frozen beneath a LoRA adapter; `model.disable_adapter()` is the reference policy, at no memory."""
    from peft import LoraConfig, get_peft_model

    targets = lora.targets if lora.targets == "all-linear" else list(lora.targets)
    settings = LoraConfig(r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=targets)
    return get_peft_model(model, settings)


def scratch_tokenizer(scratch: Scratch, texts: Iterable[str]) -> Any:
    """A byte-pair tokenizer of the texts' own characters; digits one by one, `scratch.tokens` whole."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.Split(Regex(r"[^\w]"), "isolated")]
    )
    tokenizer.decoder = decoders.Fuse()
    special = ["<pad>", "<eos>", "<unk>", *scratch.tokens]
    tokenizer.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=scratch.vocabulary, special_tokens=special, show_progress=False)
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>", padding_side="left"
    )


def scratch_model(scratch: Scratch, tokenizer: Any) -> Any:
    return Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=len(tokenizer),
            hidden_size=scratch.hidden_size,
            intermediate_size=3 * scratch.hidden_size,
            num_hidden_layers=scratch.layers,
            num_attention_heads=scratch.heads,
            num_key_value_heads=max(1, scratch.heads // 2),
            head_dim=HEAD_SIZE,
            max_position_embeddings=MAX_POSITIONS,
            tie_word_embeddings=True,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
            bos_token_id=None,
        )
    )


def prompt_ids(tokenizer: Any, prompt: str | list[dict[str, Any]]) -> tuple[int, ...]:
    """The ids of a prompt: text as it stands, messages by the chat template with the assistant's turn begun."""
    if isinstance(prompt, str):
        return tuple(tokenizer.encode(prompt, add_special_tokens=False))
    return tuple(tokenizer.apply_chat_template(prompt, add_generation_prompt=True, tokenize=True, return_dict=False))
