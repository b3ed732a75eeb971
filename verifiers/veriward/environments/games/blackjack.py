"""`blackjack`: draw cards towards 21, and stop in time."""

from random import Random

from pydantic import Field

from veriward.environments import Call, Environment, EpisodeTask, Step, environment, tool

CARDS = ("A", "2", "3", "4", "5", "6", "7", "8", "9", "10", "J", "Q", "K")
DEALER_STOPS = 17
DEALS = 200


class BlackjackTask(EpisodeTask):
    """`winnable`: a deal that no play can win is dealt again. `draw`: what a draw earns."""

    winnable: bool = True
    draw: float = Field(default=0.5, ge=0, le=1)


@environment("blackjack", version=1, task=BlackjackTask)
class Blackjack(Environment[BlackjackTask]):
    """Come closer to 21 than the dealer, who draws up to 17, without passing it; an ace counts 1 or 11.

    Earns 1 for a win, `draw` for a draw, 0 else. Cards come from an endless deck. After Gymnasium's Blackjack.
    """

    def reset(self) -> str:
        for deal in range(DEALS):
            rng = Random(f"{self.seed}:{deal}")
            self.deck = [rng.choice(CARDS) for _ in range(64)]
            self.hand, self.dealer = [self._drawn(), self._drawn()], [self._drawn(), self._drawn()]
            if not self.task.winnable or self._best() is not None:
                break
        return f"The dealer shows {self.dealer[0]}. {self._shown()}"

    @tool
    def hit(self) -> Step:
        """Take a card."""
        self.hand.append(self._drawn())
        if worth(self.hand) > 21:
            return Step(f"{self._shown()} That is over 21.", outcome=0.0, reason="it went over 21")
        return Step(self._shown())

    @tool
    def stick(self) -> Step:
        """Take no more; the dealer draws, and hands are compared."""
        outcome = self._against(self.hand, list(self.deck))
        told = {1.0: "You win.", 0.0: "The dealer wins."}.get(outcome, "A draw.")
        return Step(f"{told} The dealer had {worth(self.dealer)} or drew on.", outcome=outcome)

    def answer(self, text: str) -> Step | str:
        """`hit` or `stick`, as the last word says."""
        words = [word.strip(".,!<>/*`\\{}()").lower() for word in text.split()]
        last = next((word for word in reversed(words) if word in ("hit", "stick")), None)
        if last is None:
            return Step("Say hit or stick.", error=True)
        step: Step = self.hit() if last == "hit" else self.stick()
        return step

    def expert(self) -> Call:
        return Call("hit" if self._best() else "stick", {})

    def chance(self, rng: Random) -> Call:
        return Call(rng.choice(("hit", "stick")), {})

    def _best(self) -> int | None:
        """How many cards to take to win; None where no number does."""
        hand, deck = list(self.hand), list(self.deck)
        for cards in range(12):
            if worth(hand) > 21:
                return None
            if self._against(hand, list(deck)) == 1:
                return cards
            hand.append(deck.pop())
        return None

    def _against(self, hand: list[str], deck: list[str]) -> float:
        dealer = list(self.dealer)
        while worth(dealer) < DEALER_STOPS:
            dealer.append(deck.pop())
        mine, theirs = worth(hand), worth(dealer)
        if theirs > 21 or mine > theirs:
            return 1.0
        return self.task.draw if mine == theirs else 0.0

    def _drawn(self) -> str:
        return self.deck.pop()

    def _shown(self) -> str:
        return f"You have {', '.join(self.hand)}: {worth(self.hand)}."


def worth(hand: list[str]) -> int:
    """The best worth of a hand: an ace counts 11 where that does not pass 21."""
    total = sum(1 if card == "A" else 10 if card in ("J", "Q", "K") else int(card) for card in hand)
    return total + 10 if "A" in hand and total <= 11 else total
