"""The rules of the games, where they are easily got wrong."""

import pytest

from veriward.environments.games.blackjack import worth
from veriward.environments.games.twenty_forty_eight import slid
from veriward.environments.games.wordle import marked, words

MARKS = {
    "all in their places": ("crane", "crane", "GGGGG"),
    "none": ("bumpy", "crane", "-----"),
    "elsewhere": ("nacre", "crane", "YYYYG"),
    "a letter twice that stands there once": ("eerie", "crane", "--Y-G"),
    "a letter twice, once in its place": ("allay", "lucky", "-Y--G"),
}


@pytest.mark.parametrize(("word", "secret", "marks"), MARKS.values(), ids=MARKS)
def test_a_letter_is_marked_no_more_often_than_it_stands_there(word: str, secret: str, marks: str) -> None:
    assert marked(word, secret) == marks


def test_the_words_are_five_letters_each_once() -> None:
    assert all(len(word) == 5 and word.isalpha() for word in words())
    assert len(set(words())) == len(words())


ROWS = {
    "equal ones become one": ([2, 2, 0, 4], [4, 4, 0, 0]),
    "two pairs": ([2, 2, 2, 2], [4, 4, 0, 0]),
    "the first two of three": ([2, 2, 2, 0], [4, 2, 0, 0]),
    "a new one does not merge again": ([4, 2, 2, 0], [4, 4, 0, 0]),
}


@pytest.mark.parametrize(("row", "after"), ROWS.values(), ids=ROWS)
def test_tiles_slide_together(row: list[int], after: list[int]) -> None:
    empty = [0] * 4
    assert slid([row, empty, empty, empty], "left")[0] == after
    assert slid([row[::-1], empty, empty, empty], "right")[0] == after[::-1]
    board = [[tile, 0, 0, 0] for tile in row]
    assert [line[0] for line in slid(board, "up")] == after


@pytest.mark.parametrize(
    ("hand", "total"),
    [(["A", "K"], 21), (["A", "A"], 12), (["A", "K", "5"], 16), (["Q", "J", "2"], 22)],
    ids=["twenty-one", "two aces", "an ace that counts one", "over"],
)
def test_an_ace_counts_what_helps(hand: list[str], total: int) -> None:
    assert worth(hand) == total
