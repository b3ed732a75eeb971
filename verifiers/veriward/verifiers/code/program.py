"""Finds the program in a response, and puts what a task gives in front of it."""

import re
from collections.abc import Collection
from textwrap import dedent

from veriward.verifiers.answers import answer_region, last_fence

PYTHON_TAGS = ("python", "py", "python3")
_LOOKS_LIKE_CODE = re.compile(r"[ \t]+\S|(?:(?:async )?def|class|import|from) |@")
_FUTURE = re.compile(r"^from __future__ import .*$\n?", re.MULTILINE)


class NoProgram(Exception):
    """The response holds no program; the message says why."""


def program_of(response: str, tags: Collection[str] = PYTHON_TAGS, language: str = "Python") -> str:
    """The last fenced block with one of `tags`, else the last without a tag, after the reasoning. Raises `NoProgram`.

    A last block that the text ends in counts.
    """
    region = answer_region(response)
    if region is None:
        raise NoProgram("the reasoning never ends")
    for wanted in (tags, ("",)):
        body = last_fence(region, wanted, unclosed=True)
        if body is not None and body.strip():
            return body
    raise NoProgram(f"no block of {language} code")


def completion_of(response: str) -> str:
    """As `program_of`; without any fence, an answer that starts as code does is taken whole."""
    try:
        return program_of(response)
    except NoProgram:
        region = answer_region(response)
        if region is None or "```" in region or not _LOOKS_LIKE_CODE.match(region.lstrip("\n")):
            raise
        return region


def undented(program: str) -> str:
    """The program without the indentation that all of it has, as fences within lists do."""
    return dedent(program) if program.lstrip("\n")[:1] in (" ", "\t") else program


def joined(header: str, program: str) -> str:
    """`header`, then `program`, whose `from __future__` lines must come first of all."""
    if not header.strip():
        return program
    futures = "".join(line.rstrip("\n") + "\n" for line in _FUTURE.findall(program))
    return "".join((futures, header.rstrip("\n"), "\n", _FUTURE.sub("", program) if futures else program))
