"""What was read of the leads before anything is sent to them."""

import time
from dataclasses import dataclass

from batch.judging.preview import Preview
from batch.sending.pace.pacer import PaceEstimate, Pacer
from batch.settings.values import Age


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was read, and what that took.

    pacer: the one that reading kept to, which knows what reading has used up of the budget.
    learnt: what is known of the pace by now. requests: pages that were read.
    at: when that was done, seconds of time.monotonic().
    """

    preview: Preview
    pacer: Pacer
    learnt: PaceEstimate
    requests: int
    at: float

    def is_fresh(self, age: Age) -> bool:
        """Whether it still counts, or somebody took longer than that to say yes."""
        return time.monotonic() - self.at < age.seconds
