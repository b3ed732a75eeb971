"""What keeper and child say to each other for every test: made and read without a parser, as there are thousands."""

import struct

ORDER = struct.Struct("<cI?")
"""`T`, the test's index, whether a candidate starts afresh; its descriptors are input, stdout, stderr and, where the
mode gives one, result."""


def told(index: int, status: str, reason: str, exit_code: int | None) -> bytes:
    """A child's last word of a test."""
    code = "null" if exit_code is None else exit_code
    return f'D{{"index":{index},"status":"{status}","reason":"{reason}","exit_code":{code}}}'.encode()


def told_clean(index: int) -> bytes:
    """The same of a program that ended by itself with 0, as most do."""
    return b'D{"index":%d,"status":"finished","reason":"","exit_code":0}' % index
