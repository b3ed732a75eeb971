"""Ratcliff and Obershelp's similarity of two texts, equal to `difflib`'s and bounded in its work.

`difflib.SequenceMatcher(None, a, b, autojunk=False).ratio()` takes minutes for hostile texts of a few thousand
characters. Here each longest common block is found by a suffix automaton, in time linear in the lengths of its two
regions; what the steps left do not reach counts as different, so that the value can only be too low.
"""

from collections.abc import Iterator
from typing import NamedTuple


class Steps:
    """Work that is left, in characters read; shared by the comparisons of one response."""

    def __init__(self, left: int) -> None:
        self.left = left

    def take(self, steps: int) -> bool:
        self.left -= steps
        return self.left >= 0


class Block(NamedTuple):
    """`first[start:start+size] == second[other:other+size]`."""

    start: int
    other: int
    size: int


def ratio(first: str, second: str, steps: Steps) -> float:
    """2 M / T, where M counts the characters in matching blocks and T those of both texts; 1 for two empty texts.

    The blocks are the longest one, of those the earliest in `first`, then in `second`; and so on in what lies left and
    right of it (Ratcliff and Metzener 1988, "Pattern Matching: The Gestalt Approach").
    """
    total = len(first) + len(second)
    return 2 * sum(block.size for block in blocks(first, second, steps)) / total if total else 1.0


def blocks(first: str, second: str, steps: Steps) -> Iterator[Block]:
    regions = [(0, len(first), 0, len(second))]
    while regions:
        a_start, a_end, b_start, b_end = regions.pop()
        if a_start == a_end or b_start == b_end:
            continue
        if not steps.take(a_end - a_start + b_end - b_start):
            return
        found = longest_block(first[a_start:a_end], second[b_start:b_end])
        if found.size:
            start, other = a_start + found.start, b_start + found.other
            yield Block(start, other, found.size)
            regions.append((start + found.size, a_end, other + found.size, b_end))
            regions.append((a_start, start, b_start, other))


def longest_block(first: str, second: str) -> Block:
    """The longest common block; of equal ones the earliest in `first`, of these the earliest in `second`."""
    edges, links, lengths, ends = _automaton(second)
    best = Block(0, 0, 0)
    state = size = 0
    for at, character in enumerate(first):
        while state and character not in edges[state]:
            state = links[state]
            size = lengths[state]
        target = edges[state].get(character)
        if target is None:
            continue
        state = target
        size += 1
        if size > best.size:
            best = Block(at + 1 - size, ends[state] + 1 - size, size)
    return best


def _automaton(text: str) -> tuple[list[dict[str, int]], list[int], list[int], list[int]]:
    """The suffix automaton of `text`: edges, suffix links, longest lengths, and where each state first ends.

    Blumer et al. 1985, "The smallest automaton recognizing the subwords of a text".
    """
    edges: list[dict[str, int]] = [{}]
    links, lengths, ends = [-1], [0], [-1]
    last = 0
    for at, character in enumerate(text):
        state = len(edges)
        edges.append({})
        lengths.append(at + 1)
        ends.append(at)
        links.append(0)
        back = last
        while back >= 0 and character not in edges[back]:
            edges[back][character] = state
            back = links[back]
        if back >= 0:
            target = edges[back][character]
            if lengths[back] + 1 == lengths[target]:
                links[state] = target
            else:
                clone = len(edges)
                edges.append(edges[target].copy())
                lengths.append(lengths[back] + 1)
                ends.append(ends[target])
                links.append(links[target])
                while back >= 0 and edges[back].get(character) == target:
                    edges[back][character] = clone
                    back = links[back]
                links[target] = links[state] = clone
        last = state
    return edges, links, lengths, ends
