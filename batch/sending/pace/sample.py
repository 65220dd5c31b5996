"""One answer, as a sample of the budget that it names: what it says, and when it came."""

from dataclasses import dataclass

from batch.model import Budget

ROUNDING_S = 1.0  # servers round resets and waits up to whole seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one answer says of a budget, and when.

    sent_at, at: when its request left, and when it came. taken: requests that were answered by
    then.
    """

    budget: Budget
    sent_at: float
    at: float
    taken: int

    @property
    def ends_from(self) -> float:
        """The reset is later than that, on our clock."""
        return self.sent_at + self.budget.reset_s - ROUNDING_S

    @property
    def ends_by(self) -> float:
        """The reset is that late at most, on our clock."""
        return self.at + self.budget.reset_s

    @property
    def away_from_s(self) -> float:
        """The reset was further away than that; of a Unix time, but for what two clocks differ."""
        reset_at = self.budget.reset_at
        return (self.budget.reset_s if reset_at is None else reset_at - self.at) - ROUNDING_S

    @property
    def away_by_s(self) -> float:
        """The reset was that far away at most; of a Unix time, but for what two clocks differ."""
        reset_at = self.budget.reset_at
        return self.budget.reset_s if reset_at is None else reset_at - self.sent_at
