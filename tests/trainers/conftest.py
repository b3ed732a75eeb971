"""A tiny random Qwen3 whose every token is a word of arithmetic, built here, and a real server."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"  # read when the libraries are imported: nothing may come from a network

from veriward.cli.server_process import ServerProcess, server_process

SPECIAL = ["<|end|>", "<unk>"]
WORDS = ["What", "is", "+", "-", "?", "Answer", "with", "user", "assistant", *map(str, range(10))]
ANSWERS = [f"\\boxed{{{number}}}" for number in range(10)]
CHAT = (
    "{% for m in messages %}{{ m.role + ' ' + m.content + ' ' }}{% endfor %}"
    "{% if add_generation_prompt %}assistant {% endif %}"
)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that `from_pretrained` takes."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    folder = tmp_path_factory.mktemp("tiny-qwen3")
    vocabulary = {word: index for index, word in enumerate(SPECIAL + WORDS + ANSWERS)}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words.decoder = decoders.WordPiece(prefix="")
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, unk_token="<unk>", eos_token="<|end|>", pad_token="<|end|>", chat_template=CHAT
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=16,
        eos_token_id=0,
        pad_token_id=0,
        bos_token_id=None,
    )
    Qwen3ForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def server() -> Iterator[ServerProcess]:
    with server_process() as process:
        yield process


@pytest.fixture
def environment(server: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server, as `Client()` finds it."""
    monkeypatch.setenv("VERIWARD_URL", server.url)
    monkeypatch.setenv("VERIWARD_API_KEY", server.api_key)
