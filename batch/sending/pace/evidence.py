"""Whether refusals are about the pace: only if they come back at the same pace.

Pure. A server that is asked too much refuses again as long as it is: several at once of what is in
flight, the next request after a hold-back, or one after the other within some tens of requests. A
refusal that comes alone, and after which the same pace is served, says nothing of the pace; and
the more of them have come alone, the more it takes to believe the next. Chance has no rhythm: what
comes after as many requests again and again is a limit.
"""

LEAK = 0.01  # by which each served request weakens the suspicion: one refusal in 100 is borne
ENOUGH = 2.5  # a third refusal within 50 requests
ENOUGH_AT_LIMIT = 1.4  # a second refusal within 60 requests, once a limit is known
IN_A_ROW = 0.5  # more for a refusal with none served since the last: two in a row are enough
QUIET_AFTER = 20  # requests served since a refusal: the pace may grow again
ALONE_AFTER = 100  # requests served since a refusal: it has come alone
ALONE_AT_LIMIT_AFTER = 200  # the same at the limit, where a few may be saved up
MANY_ALONE = 3  # so many are the server's habit, and a refusal weighs less
MOST_DOUBT = 4.0  # by which that raises what is enough, at half for each
ALIKE = 0.03  # by which the requests between refusals may differ that come regularly
ALIKE_TIMES = 2  # as many as between the two before, so often


class Evidence:
    """Against one pace; to be cleared when the pace is lowered.

    wait_s: the shortest wait that its refusals named, in seconds; 0 where one named none.
    alone: refusals that had nothing to do with the pace; halved when the pace is lowered.
    """

    def __init__(self) -> None:
        self.wait_s = float("inf")
        self.alone = 0.0
        self._suspicion = 0.0
        self._served = QUIET_AFTER  # since the last refusal
        self._between = self._between_before = 0  # requests served between refusals
        self._alike = 0

    def report_served(self, *, is_at_limit: bool = False) -> bool:
        """Count a request that was served; True if the last refusal has come alone, by now."""
        self._suspicion = max(0.0, self._suspicion - LEAK)
        self._served += 1
        self._between += 1
        if not self._suspicion:
            self.wait_s = float("inf")
        if self._served == (ALONE_AT_LIMIT_AFTER if is_at_limit else ALONE_AFTER):
            self.alone += 1
        return self._served == ALONE_AFTER

    def report_refusal(self, wait_s: float, *, is_limit_known: bool) -> bool:
        """Count a request that was refused; True if the pace is the cause.

        wait_s: what the server asked to wait; 0 if it named no time.
        """
        self._suspicion += 1 if self._served else 1 + IN_A_ROW
        self._served = 0
        self.wait_s = min(self.wait_s, wait_s)
        if self._comes_regularly():
            self._alike, self.alone = 0, 0.0
            return True
        doubt = min(MOST_DOUBT, self.alone / 2) if self.is_habit else 0.0
        return self._suspicion >= (ENOUGH_AT_LIMIT if is_limit_known else ENOUGH) + doubt

    @property
    def is_habit(self) -> bool:
        """True if the server refuses some requests whatever the pace."""
        return self.alone >= MANY_ALONE

    @property
    def is_quiet(self) -> bool:
        """True unless the last refusal may be the first of more."""
        return self._served >= QUIET_AFTER

    def clear(self) -> None:
        """Forget the refusals of a pace that is kept no more."""
        self._suspicion, self._served, self.wait_s = 0.0, QUIET_AFTER, float("inf")

    def _comes_regularly(self) -> bool:
        """Count one more refusal; True if they come after as many requests again and again."""
        between, self._between = self._between, 0
        if between < QUIET_AFTER:  # one of several at once
            return False
        is_alike = abs(between - self._between_before) <= max(1, ALIKE * between)
        self._alike = self._alike + 1 if is_alike else 0
        self._between_before = between
        return self._alike >= ALIKE_TIMES
