"""`wordle`: find a word of five letters from how close guesses are."""

from collections import Counter
from functools import cache
from importlib.resources import files
from random import Random

from pydantic import Field

from veriward.environments import Call, Environment, EpisodeTask, Example, Step, ToolError, environment, tool

LETTERS = 5
RULES = "G is a letter in its place, Y one that stands elsewhere, - one that is not in the word."


class WordleTask(EpisodeTask):
    """`secret`; left out, the seed draws one. `listed`: only words of the list may be guessed."""

    secret: str | None = Field(default=None, pattern=r"^[a-z]{5}$")
    guesses: int = Field(default=6, ge=1, le=20)
    listed: bool = False


@environment("wordle", version=1, task=WordleTask, examples=(Example(), Example({"secret": "crane"})))
class Wordle(Environment[WordleTask]):
    """Guess a word of five letters: G is a letter in its place, Y one that stands elsewhere, - one that is not in it.

    Earns 1 for the word within the guesses. `metrics.guesses` says how many it took.
    """

    def reset(self) -> str:
        self.secret = self.task.secret or Random(self.seed).choice(words())
        self.guessed: list[str] = []
        return f"Guess a word of {LETTERS} letters; you have {self.task.guesses} guesses. {RULES}"

    @tool
    def guess(self, word: str) -> Step:
        """Guess a word."""
        word = word.strip().strip("[]").lower()
        if len(word) != LETTERS or not word.isascii() or not word.isalpha():
            raise ToolError(f"a guess has {LETTERS} letters from a to z")
        if self.task.listed and word not in words():
            raise ToolError(f"{word} is not in the list")
        self.guessed.append(word)
        told = {"guesses": float(len(self.guessed))}
        if word == self.secret:
            return Step(f"{word} is the word.", outcome=1.0, metrics=told)
        left = self.task.guesses - len(self.guessed)
        marks = f"{' '.join(word.upper())}\n{' '.join(marked(word, self.secret))}"
        if not left:
            return Step(f"{marks}\nThe word was {self.secret}.", outcome=0.0, metrics=told, reason="it was not guessed")
        return Step(f"{marks}\n{left} guesses are left.", metrics=told)

    def expert(self) -> Call:
        return Call("guess", {"word": self.secret})

    def chance(self, rng: Random) -> Call:
        return Call("guess", {"word": rng.choice(words())})


def marked(word: str, secret: str) -> str:
    """A mark per letter; a letter is marked no more often than the secret holds it."""
    left = Counter(letter for letter, own in zip(secret, word, strict=True) if letter != own)
    marks = []
    for letter, own in zip(word, secret, strict=True):
        if letter == own:
            marks.append("G")
        elif left[letter]:
            left[letter] -= 1
            marks.append("Y")
        else:
            marks.append("-")
    return "".join(marks)


@cache
def words() -> tuple[str, ...]:
    return tuple((files("veriward.environments.games") / "words.txt").read_text("ascii").split())
