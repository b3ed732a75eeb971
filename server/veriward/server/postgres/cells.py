"""PostgreSQL's text for a cell, made plain by the type of its column."""

from veriward.verifiers.sql.replies import Failed

MAX_NUMBER_CHARS = 1_000  # PostgreSQL's `numeric` may have 131,072 digits

_INTEGERS = {20, 21, 23, 26, 28, 5069}  # bigint, smallint, integer, oid, xid, xid8
_FLOATS = {700, 701}
_BOOLEAN, _BYTEA, _NUMERIC = 16, 17, 1700

Plain = int | float | str | bytes | bool | None


def plain(text: bytes | None, type_oid: int) -> Plain:
    """Numbers, booleans, `bytea` and text as themselves; any other type as PostgreSQL writes it.

    A `numeric` is an integer where it is written without a point.
    """
    if text is None:
        return None
    if type_oid in _INTEGERS:
        return int(text)
    if type_oid in _FLOATS:
        return float(text)
    if type_oid == _NUMERIC:
        if len(text) > MAX_NUMBER_CHARS:
            raise Failed("size_limit", f"a number of more than {MAX_NUMBER_CHARS:,} characters")
        return int(text) if text.lstrip(b"-").isdigit() else float(text)
    if type_oid == _BOOLEAN:
        return text == b"t"
    if type_oid == _BYTEA:
        return bytes.fromhex(text[2:].decode())
    return text.decode()
