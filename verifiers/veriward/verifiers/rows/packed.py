"""Unpacks LiveCodeBench's private tests: base64 of zlib of a pickle of one text, without ever unpickling.

The pickle is read opcode by opcode and may hold a text and nothing else, so nothing in it can be called.
"""

import base64
import pickletools
import zlib

MAX_UNPACKED_BYTES = 64 << 20
_FRAMING = {"PROTO", "FRAME", "MEMOIZE", "BINPUT", "LONG_BINPUT", "PUT", "STOP"}
_TEXTS = {"UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"}


def unpacked(packed: str) -> str:
    """The text. Raises `ValueError` for anything that is not one text within the bound."""
    try:
        compressed = base64.b64decode(packed, validate=True)
        unzip = zlib.decompressobj()
        data = unzip.decompress(compressed, MAX_UNPACKED_BYTES)
    except zlib.error as error:
        raise ValueError(f"not zlib: {error}") from None
    if not unzip.eof:
        raise ValueError(f"cut off, or more than {MAX_UNPACKED_BYTES:,} bytes once unpacked")
    return _text_of(data)


def _text_of(pickled: bytes) -> str:
    texts: list[str] = []
    for opcode, argument, _ in pickletools.genops(pickled):
        if opcode.name in _TEXTS and isinstance(argument, str):
            texts.append(argument)
        elif opcode.name not in _FRAMING:
            raise ValueError(f"a pickle with {opcode.name}, which is more than a text")
    if len(texts) != 1:
        raise ValueError(f"a pickle of {len(texts)} texts, not one")
    return texts[0]
