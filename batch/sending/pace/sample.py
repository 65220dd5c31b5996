"""One answer as a sample of the budget that it names."""

from dataclasses import dataclass

from batch.model import Budget

ROUNDING_S = 1.0  # servers round resets and waits up to whole seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one answer says of a budget, and when.

    sent_at: when its request left. at: when it came. taken: requests answered by then.
    """

    budget: Budget
    sent_at: float
    at: float
    taken: int

    @property
    def ends_from(self) -> float:
        """Our time after which the reset comes."""
        return self.sent_at + self.budget.reset_s - ROUNDING_S

    @property
    def ends_by(self) -> float:
        """Our time by which the reset has come."""
        return self.at + self.budget.reset_s

    @property
    def away_from_s(self) -> float:
        """The reset was at least so far away; for a Unix time, plus what two clocks differ."""
        reset_at = self.budget.reset_at
        return (self.budget.reset_s if reset_at is None else reset_at - self.at) - ROUNDING_S

    @property
    def away_by_s(self) -> float:
        """The reset was at most so far away; for a Unix time, plus what two clocks differ."""
        reset_at = self.budget.reset_at
        return self.budget.reset_s if reset_at is None else reset_at - self.sent_at
