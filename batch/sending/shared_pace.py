"""One pace for several runs of a machine: one of them leads, and gives the others their turns.

Owns this run's part in it: who leads is decided by an operating system's lock, and the next one
takes over when a leader ends. Each run has a pacer of its own, and each answer that any of them
gets is told to all: so every pacer knows what the leader's knows, and whoever leads next goes on
where it was. The leader's alone decides.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from math import inf
from types import TracebackType
from typing import Self

from batch.model import Answer
from batch.recording.meeting import Meeting
from batch.sending.leading import (
    LOOK_AGAIN_S,
    SILENT_S,
    Leader,
    is_ours,
    next_said,
    say,
    wait_for_turn,
)
from batch.sending.pace.pacer import Hold, Pacer
from batch.sending.pace.search import Found
from batch.sending.sharing import (
    LONGEST_LINE,
    MOST_IN_FLIGHT,
    Ask,
    Ended,
    Held,
    Hello,
    Me,
    Part,
    Said,
    Seen,
    Served,
    Sharing,
    State,
    Turn,
    keep_hold,
    learn,
    name_of,
    seen,
)

SEEK_S = 2.0  # to find who leads; then a run goes on by itself
SEEK_AGAIN_S = 0.02  # between two tries
SEEK_LATER_S = 1.0  # the same, once it goes on by itself
LATE_S = 0.025  # for a turn, by a busy machine; half of a usual headroom, in a window of a second
TAKEN_OVER_S = 0.1  # in which a new leader gives no turn: requests of the last are on their way


class SharedPace:
    """One run's part in a pace; to be entered on the event loop that it is used on.

    is_shared: whether turns are to be taken here, and not just from the pacer.
    """

    def __init__(self, pacer: Pacer, me: Me, *, meeting: Meeting) -> None:
        self._pacer = pacer
        self._me = me
        self._meeting = meeting
        self._now = asyncio.get_running_loop().time
        self._own_at = float("-inf")  # when this run's own rate allows its next turn
        self._part = Part.SEEKS
        self.is_shared = True
        self._settled = asyncio.Event()  # unless it seeks
        self._seeking: asyncio.Task[None] | None = None
        self._leading: Leader | None = None  # this run itself
        self._leader: asyncio.StreamWriter | None = None  # the run that it follows
        self._state: State | None = None  # as that has last said it
        self._asked = 0  # turns that were not given yet
        self._has_dropped = False  # the last one, which came late
        self._waiting: deque[asyncio.Future[bool]] = deque()
        self._taking = asyncio.Lock()  # several workspaces of this run may want turns
        self._ghosts = 0  # requests of the last leader that may be on their way
        self._taken_over_at = float("-inf")

    async def __aenter__(self) -> Self:
        """Come in: lead if nobody does, else follow as soon as the leader answers."""
        if not await self._lead():
            self._seeking = asyncio.get_running_loop().create_task(self._seek())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave, so that another may lead."""
        if self._seeking is not None:
            self._seeking.cancel()
            await asyncio.gather(self._seeking, return_exceptions=True)
        self._drop_leader()
        if self._leading is not None:
            self._leading.stop_listening()
            self._meeting.leave()  # before those who follow hear of it, and one of them leads
            await self._leading.close()
            self._leading = None
        self._end_ghosts()
        self._become(Part.ALONE)
        self._pacer.set_bounds(self._me.rate_per_s, headroom=self._me.headroom)

    @property
    def sharing(self) -> Sharing:
        """How the pace is shared now."""
        if self._leading is not None:
            part = Part.ALONE if self._leading.is_alone else Part.LEADS
            return Sharing(part=part, others=self._leading.others)
        others = (name_of(self._state),) if self._state else ()
        per_s = self._share_per_s if self._part is Part.BY_ITSELF else None
        return Sharing(part=self._part, others=others, per_s=per_s)

    async def take_turn(self, *, is_off: Callable[[], bool]) -> bool:
        """Wait for this run's turn and take it; False once it is off, or to be taken alone."""
        async with self._taking:
            return await self._take_next(is_off)

    async def _take_next(self, is_off: Callable[[], bool]) -> bool:
        # What is said can't make this run faster than it was told to be.
        while (wait_s := self._own_at - self._now()) > 0:  # noqa: ASYNC110 - it waits for a time
            await asyncio.sleep(min(wait_s, LOOK_AGAIN_S))
        while self.is_shared and not is_off():
            if await self._take(is_off):
                break
        else:
            return False
        if self._me.rate_per_s is not None:
            # A turn that came late, behind those of others, may be followed by one that is on time.
            now, spacing_s = self._now(), 1 / self._me.rate_per_s
            self._own_at = spacing_s + (self._own_at if now - self._own_at <= spacing_s else now)
        return True

    async def _take(self, is_off: Callable[[], bool]) -> bool:
        """Take a turn from where this run has them now; False where it has none there any more."""
        part = self._part
        match part:
            case Part.SEEKS:
                await self._settled.wait()
                return False
            case Part.FOLLOWS:
                is_given = await self._ask()
                if is_given and is_off():
                    self.tell_end()
                return is_given and not is_off()
            case Part.LEADS if self._leading is not None:
                return await self._leading.give(is_off)
            case _:
                return await wait_for_turn(self._pacer, lambda: is_off() or self._part is not part)

    def tell_end(self) -> None:
        """An attempt of this run is over."""
        if self._leader:
            say(self._leader, Ended())

    def tell_seen(self, answer: Answer, *, sent_at: float) -> None:
        """An answer came. sent_at: when its request left."""
        if self._ghosts and answer.budgets and sent_at >= self._taken_over_at:
            self._end_ghosts()
        if said := seen(answer.budgets, sent_at=sent_at):
            self._tell(said)

    def tell_served(self, *, sent_at: float) -> None:
        """A request was served."""
        self._tell(Served(sent_at=sent_at))

    def tell_hold(self, hold: Hold, answer: Answer, *, sent_at: float | None) -> None:
        """An answer holds back. hold: what holds because of it.

        sent_at: when its request left, if it was refused for its pace.
        """
        self._tell(
            Held(
                sent_at=sent_at,
                asked_s=answer.retry_after_s,
                until=hold.until,
                why=hold.why[:200],
            )
        )

    def _tell(self, said: Said) -> None:
        if self._leader:
            say(self._leader, said)
        elif self._leading:
            self._leading.tell(said)

    @property
    def _share_per_s(self) -> float | None:
        """What one of the runs may have of what the leader last said; None if it never did."""
        return None if self._state is None else self._state.rate_per_s / self._state.runs

    def _become(self, part: Part) -> None:
        """Take another part; who waits for a turn asks anew."""
        self._part = part
        self._see_whether_shared()
        if part is Part.SEEKS:
            self._settled.clear()
        else:
            self._settled.set()
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(False)

    def _see_whether_shared(self) -> None:
        is_new = self._now() < self._taken_over_at
        is_alone = self._leading is not None and self._leading.is_alone and not is_new
        self.is_shared = self._part is not Part.ALONE and not is_alone

    # --- Who leads ---

    async def _lead(self) -> bool:
        """Lead from now on, if nobody does, and be alone where nobody could follow."""
        try:
            listening = self._meeting.lead()
        except OSError:  # there is no place for a socket
            self._become(Part.ALONE)
            return True
        if listening is None:
            return False
        if self._state is not None:  # another has led until now
            self._take_over(self._state)
        self._leading = Leader(self._pacer, self._me, on_change=self._see_whether_shared)
        self._become(Part.LEADS)
        await self._leading.serve(listening, begins_at=self._taken_over_at)
        return True

    def _take_over(self, last: State) -> None:
        """Go on after another leader, never with a burst: what it may have used counts as used."""
        now = self._now()
        self._taken_over_at = now + TAKEN_OVER_S
        self._pacer.note_turn(now, is_used=self._pacer.is_used)
        self._ghosts = last.in_flight
        for _ in range(self._ghosts):
            self._pacer.begin_attempt()
        loop = asyncio.get_running_loop()
        loop.call_later(SILENT_S, self._end_ghosts)
        loop.call_later(TAKEN_OVER_S, self._see_whether_shared)

    def _end_ghosts(self) -> None:
        """What the last leader had on its way is counted by the server, and in answers, by now."""
        while self._ghosts:
            self._ghosts -= 1
            self._pacer.end_attempt()

    async def _seek(self) -> None:
        """Find who leads and follow, as often as it takes, or lead."""
        began_at = self._now()
        while not await self._lead():
            if (reached := await self._reach()) and await self._follow(*reached):
                self._become(Part.SEEKS)
                began_at = self._now()
                continue
            is_long = self._now() - began_at >= SEEK_S
            if is_long and self._part is Part.SEEKS:
                self._go_by_itself()
            await asyncio.sleep(SEEK_LATER_S if is_long else SEEK_AGAIN_S)

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """Connect with the run that leads; None where it can't be reached."""
        path = self._meeting.path()
        if path is None:
            return None
        try:
            async with asyncio.timeout(SILENT_S):
                reader, writer = await asyncio.open_unix_connection(path, limit=LONGEST_LINE)
        except (OSError, ValueError, TimeoutError):
            return None
        if not is_ours(writer):
            writer.close()
            return None
        return reader, writer

    # --- Following ---

    async def _follow(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Follow the run that leads, until it ends or says what it may not.

        False if it did not take this run: as one too many, or since what this one says is strange.
        """
        self._asked = 0
        is_taken = False
        self._leader = writer
        hello = Hello(
            pid=os.getpid(),
            name=self._me.name,
            now=self._now(),
            rate_per_s=self._me.rate_per_s,
            headroom=self._me.headroom,
            in_flight=min(MOST_IN_FLIGHT, self._pacer.in_flight),
        )
        say(writer, hello)
        with suppress(OSError, ValueError, ArithmeticError):
            while True:
                try:
                    async with asyncio.timeout(SILENT_S):
                        said = await next_said(reader)
                except TimeoutError:
                    if self._part is not Part.BY_ITSELF:
                        self._go_by_itself()
                    continue
                if said is None:
                    break
                self._heed(said)
                is_taken = True
        self._drop_leader()
        return is_taken

    def _heed(self, said: Said) -> None:
        """Do what the leader says."""
        match said:
            case State():
                self._keep_to(said)
            case Turn():
                self._asked = max(0, self._asked - 1)
                self._pacer.note_turn(self._now(), is_used=said.is_used)
                self._use(said)
            case Hello() | Ask() | Ended():
                raise ValueError("not its part")
            case _:
                if isinstance(said, Seen):  # one more request was answered
                    self._pacer.begin_attempt()
                    self._pacer.end_attempt()
                learn(self._pacer, said, now=self._now())

    def _use(self, turn: Turn) -> None:
        """Give a turn to whoever waits, unless it came so late that it would crowd later ones.

        Never two in a row: on a machine that is always late, they are used all the same.
        """
        spacing_s = 1 / self._state.rate_per_s if self._state else 0.0
        is_late = self._now() - turn.at > max(LATE_S, spacing_s / 2)
        self._has_dropped = is_late and not self._has_dropped
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(not self._has_dropped)  # or it asks anew
                if self._has_dropped:
                    break
                return
        self.tell_end()  # nobody wants it any more

    def _keep_to(self, state: State) -> None:
        self._state = state
        self._pacer.set_bounds(state.set_per_s, headroom=state.headroom)
        self._pacer.keep_to(Found(**dict(state.found)))
        if state.hold_until is not None:
            keep_hold(self._pacer, state.hold_until, state.why, now=self._now())
        if self._part is not Part.FOLLOWS:
            self._become(Part.FOLLOWS)

    async def _ask(self) -> bool:
        """Ask for a turn and wait for it; False where the leader can't give it any more."""
        if self._leader is None:
            return False
        waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        if self._asked < len(self._waiting):
            self._asked += 1
            to_come = self._pacer.to_come()
            say(self._leader, Ask(to_come=None if to_come == inf else to_come))
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            elif waiter.done() and not waiter.cancelled() and waiter.result():
                self.tell_end()
            raise

    def _go_by_itself(self) -> None:
        """Go on without turns: at this run's share of what was last known, if anything was."""
        share_per_s = self._share_per_s
        if share_per_s is not None:
            own_per_s = self._me.rate_per_s or inf
            self._pacer.set_bounds(min(share_per_s, own_per_s), headroom=self._me.headroom)
        self._become(Part.BY_ITSELF)

    def _drop_leader(self) -> None:
        if self._leader is not None:
            self._leader.close()
            self._leader = None
