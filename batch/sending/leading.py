"""The run that leads a shared pace: it hears those that follow, and gives them their turns.

Owns the socket's serving end, and who follows. A turn is given when it is due and never in advance,
in order of asking, one at a time: so none is lost or used twice but the one that is on its way when
somebody ends. Whatever comes over the socket is judged line by line; who says what it may not is
heard no more, and disturbs nobody else.
"""

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine
from math import inf

from batch.recording.meeting import is_same_user
from batch.sending.pace.pacer import LEAST_PER_S, Pacer
from batch.sending.sharing import (
    LONGEST_LINE,
    MOST_IN_FLIGHT,
    Ask,
    Ended,
    Findings,
    Hello,
    Me,
    Said,
    State,
    Turn,
    learn,
    line_of,
    name_of,
    read_line,
    together,
)

MOST_RUNS = 64  # that share a pace
BEAT_S = 0.5  # between two words of the leader
SILENT_S = 2.0  # without a word, somebody hangs, or its process is stopped
CLOCKS_DIFFER_S = 2.0  # more, and they are not of one machine
LOOK_AGAIN_S = 0.5  # whether the next turn comes earlier than was thought
MOST_UNSENT = 262_144  # bytes that somebody may leave unread


class _Member:
    """A run that follows. asked: turns that it waits for. in_flight: those it has had, and uses."""

    def __init__(self, hello: Hello, writer: asyncio.StreamWriter) -> None:
        self.hello = hello
        self.writer = writer
        self.asked = 0
        self.asks = asyncio.Event()
        self.in_flight = 0
        self.to_come = inf


class Leader:
    """One for a run, from when it leads until it ends.

    on_change: called when somebody comes or goes.
    """

    def __init__(self, pacer: Pacer, me: Me, *, on_change: Callable[[], None]) -> None:
        self._pacer = pacer
        self._me = me
        self._on_change = on_change
        self._now = asyncio.get_running_loop().time
        self._giving = asyncio.Lock()  # runs take turns in order of asking
        self._begins_at = float("-inf")  # no turn before
        self._members: list[_Member] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._listening: asyncio.Server | None = None

    @property
    def is_alone(self) -> bool:
        """Whether nobody follows."""
        return not self._members

    @property
    def others(self) -> tuple[str, ...]:
        """Those who follow, for people."""
        return tuple(name_of(each.hello) for each in self._members)

    async def serve(self, listening: socket.socket, *, begins_at: float) -> None:
        """Serve from now on. begins_at: when the first turn may be given."""
        self._begins_at = begins_at
        self._listening = await asyncio.start_unix_server(
            self._let_in, sock=listening, limit=LONGEST_LINE
        )
        self._pacer.expect_others(lambda: sum(each.to_come for each in self._members))
        self._regroup()
        self._start(self._beat())

    def stop_listening(self) -> None:
        """Let nobody in any more; those who follow are told nothing yet."""
        if self._listening is not None:
            self._listening.close()

    async def close(self) -> None:
        """End; those who follow notice at once."""
        ending = [*self._tasks]
        for task in ending:
            task.cancel()
        while self._members:
            self._leave(self._members[-1])
        await asyncio.gather(*ending, return_exceptions=True)

    async def give(self, is_off: Callable[[], bool]) -> bool:
        """Wait for the next turn and take it; False once that is off."""
        async with self._giving:
            return await wait_for_turn(self._pacer, is_off, begins_at=self._begins_at)

    def tell(self, said: Said, *, but: asyncio.StreamWriter | None = None) -> None:
        """Tell all who follow, but the one that has said it."""
        for member in self._members:
            if member.writer is not but:
                say(member.writer, said)

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _let_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hearing = self._start(self._hear_one(reader, writer))  # ours: it ends with this run
        hearing.add_done_callback(lambda _: writer.close())  # also where it never began

    async def _hear_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hear a run that follows, until it ends or says what it may not."""
        member = None
        giving = None
        try:
            if not is_ours(writer) or len(self._members) >= MOST_RUNS:
                return
            async with asyncio.timeout(SILENT_S):
                hello = await next_said(reader)
            if not isinstance(hello, Hello) or abs(hello.now - self._now()) > CLOCKS_DIFFER_S:
                return
            member = _Member(hello, writer)
            for _ in range(hello.in_flight):
                self._begin(member)
            self._members.append(member)
            self._regroup()
            giving = self._start(self._give_turns(member))
            while (said := await next_said(reader)) is not None:
                self._hear(member, said)
        except (OSError, ValueError, ArithmeticError, TimeoutError):
            pass  # whoever speaks so is not heard any more
        finally:
            if giving:
                giving.cancel()
            if member in self._members:
                self._leave(member)

    def _leave(self, member: _Member) -> None:
        member.writer.close()
        self._members.remove(member)
        while member.in_flight:
            self._end(member)
        self._regroup()

    def _hear(self, member: _Member, said: Said) -> None:
        match said:
            case Ask():
                member.asked += 1
                member.to_come = inf if said.to_come is None else said.to_come
                member.asks.set()
                if member.asked > MOST_IN_FLIGHT:
                    raise ValueError("asks for too much")
            case Ended():
                self._end(member)
            case Hello() | Turn() | State():
                raise ValueError("not its part")
            case _:
                learn(self._pacer, said, now=self._now())
                self.tell(said, but=member.writer)

    async def _give_turns(self, member: _Member) -> None:
        """Give a run the turns that it asks for, in order with the others."""
        while True:
            await member.asks.wait()
            await self.give(lambda: False)
            self._begin(member)
            member.asked -= 1
            if not member.asked:
                member.asks.clear()
            say(member.writer, Turn(at=self._now(), is_used=self._pacer.is_used))

    def _begin(self, member: _Member) -> None:
        member.in_flight += 1
        self._pacer.begin_attempt()

    def _end(self, member: _Member) -> None:
        if member.in_flight:  # what it sent by itself was never counted
            member.in_flight -= 1
            self._pacer.end_attempt()

    def _regroup(self) -> None:
        """Keep to what all runs that are there allow."""
        self._pacer.set_bounds(self._set_per_s, headroom=self._headroom)
        self._on_change()
        self._tell_state()

    @property
    def _set_per_s(self) -> float | None:
        return together([self._me.rate_per_s, *(each.hello.rate_per_s for each in self._members)])

    @property
    def _headroom(self) -> float:
        return max([self._me.headroom, *(each.hello.headroom for each in self._members)])

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            self._tell_state()

    def _tell_state(self) -> None:
        if not self._members:
            return
        now = self._now()
        hold = self._pacer.current_hold(now)
        theirs = sum(each.in_flight for each in self._members)
        state = State(
            pid=os.getpid(),
            name=self._me.name,
            runs=1 + len(self._members),
            rate_per_s=min(1e6, max(LEAST_PER_S, self._pacer.estimate(now).rate_per_s)),
            set_per_s=self._set_per_s,
            headroom=self._headroom,
            in_flight=min(MOST_IN_FLIGHT, max(0, self._pacer.in_flight - theirs)),
            found=Findings.model_validate(self._pacer.found, from_attributes=True),
            hold_until=hold.until if hold else None,
            why=hold.why[:200] if hold else "",
        )
        self.tell(state)


async def wait_for_turn(
    pacer: Pacer, is_off: Callable[[], bool], *, begins_at: float = float("-inf")
) -> bool:
    """Wait for the next turn and take it; False once that is off. begins_at: none before."""
    now = asyncio.get_running_loop().time
    while not is_off():
        wait_s = max(pacer.wait_s(now()), begins_at - now())
        if wait_s <= 0:
            pacer.take_turn(now())
            return True
        await asyncio.sleep(min(wait_s, LOOK_AGAIN_S))
    return False


async def next_said(reader: asyncio.StreamReader) -> Said | None:
    """What is said next; None at the end. Raises ValueError for what is no line of ours."""
    line = await reader.readline()
    return read_line(line) if line.endswith(b"\n") else None


def say(writer: asyncio.StreamWriter, said: Said) -> None:
    """Write a line; whoever reads nothing for long is left."""
    if writer.is_closing():
        return
    if writer.transport.get_write_buffer_size() > MOST_UNSENT:
        writer.transport.abort()
        return
    writer.write(line_of(said))


def is_ours(writer: asyncio.StreamWriter) -> bool:
    """Whether a process of this user is at the other end."""
    connection: socket.socket = writer.get_extra_info("socket")
    return is_same_user(connection)
