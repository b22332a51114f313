"""What to do with a reply: keep it, try some items again, or give up. No sockets."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .messages import Item, Reply
from .types import Code, ProtocolError, RequestError, Result, Status

NO_ANSWER = "no answer from the server"


@dataclass(frozen=True)
class Policy:
    """How long to wait and how often to try. Scoring is idempotent, so trying again is always safe."""

    timeout: float = 60.0
    """Seconds to wait for the answer to one request; the server drops its work after that too."""
    retries: int = 3
    """Further tries after a lost answer or a failed item that may succeed."""
    patience: float = 600.0
    """Seconds from the start of a call during which refusals (overloaded, draining) are waited out."""
    max_items: int = 64
    max_bytes: int = 64 << 20
    """Longer calls are split into requests of at most this size."""
    heartbeat: float = 5.0
    """A server says twice in so many seconds that it is still at work; silence for twice as long means that it is gone."""
    window: int = 2
    """Requests of one call under way at once, so that the server never waits for the next one."""


class Signs:
    """When the next sign of life of each request is due."""

    def __init__(self, policy: Policy) -> None:
        self.probe = os.urandom(16)
        """The id of the question whether the server gives such signs."""
        self.interval_ms = max(int(policy.heartbeat * 500), 100)
        self._patience = max(policy.heartbeat * 2, 0.5)
        self._due: dict[bytes, float] = {}

    def expect(self, key: bytes, size: int) -> None:
        """From now on, with a second more for each megabyte that is still on its way."""
        self._due[key] = time.monotonic() + self._patience + size / 1e6

    def done(self, key: bytes) -> None:
        self._due.pop(key, None)

    def moments(self) -> list[float]:
        return list(self._due.values())

    def missed(self, now: float) -> list[bytes]:
        return [key for key, moment in self._due.items() if moment <= now]


@dataclass(frozen=True)
class Chunk:
    """Positions of a call's items that travel in one request, and how often they were tried."""

    positions: tuple[int, ...]
    tries: int = 0

    def again(self, positions: Sequence[int] | None = None) -> Chunk:
        return Chunk(self.positions if positions is None else tuple(positions), self.tries + 1)


def split(items: Sequence[Item], policy: Policy) -> Iterator[Chunk]:
    """Cuts a call into requests. Items that share an image count its bytes once."""
    positions: list[int] = []
    size = 0
    seen: set[int] = set()
    for position, item in enumerate(items):
        cost = len(item.prompt) + (0 if id(item.picture.data) in seen else len(item.picture.data))
        if positions and (len(positions) == policy.max_items or size + cost > policy.max_bytes):
            yield Chunk(tuple(positions))
            positions, size, seen = [], 0, set()
            cost = item.size
        positions.append(position)
        size += cost
        seen.add(id(item.picture.data))
    if positions:
        yield Chunk(tuple(positions))


def backoff(tries: int) -> float:
    """Seconds before try number `tries`: doubling from 50 ms to 5 s, with jitter so that clients spread out."""
    return min(0.05 * 2.0 ** min(tries, 16), 5.0) * random.uniform(0.5, 1.0)


def settle(
    chunk: Chunk, reply: Reply, results: list[Result | None], policy: Policy
) -> tuple[Chunk, float] | None:
    """Stores the answers of a chunk; returns what must be tried again and after how many seconds.

    Raises RequestError when the whole request was refused for good.
    """
    if not reply.status.ok:
        if not reply.status.retryable:
            raise RequestError(reply.status)
        # Refusals are bounded by the call's patience, not by the number of tries.
        after = reply.status.retry_after
        delay = backoff(chunk.tries) if after is None else after * random.uniform(1.0, 1.2)
        return chunk.again(), delay
    if len(reply.items) != len(chunk.positions):
        raise ProtocolError(f"{len(reply.items)} answers to {len(chunk.positions)} items")
    again: list[int] = []
    delay = backoff(chunk.tries)
    for position, result in zip(chunk.positions, reply.items):
        results[position] = result
        late = result.status.code == Code.DEADLINE_EXCEEDED
        if not result.ok and (result.status.retryable or late) and chunk.tries < policy.retries:
            again.append(position)
            delay = max(delay, result.status.retry_after or 0)
    return (chunk.again(again), delay) if again else None


def lost(chunk: Chunk, policy: Policy) -> Chunk:
    """A request whose answer did not come in time. Raises RequestError after the last try."""
    if chunk.tries >= policy.retries:
        message = f"{NO_ANSWER} in {chunk.tries + 1} tries of {policy.timeout:g} s"
        raise RequestError(Status(Code.UNAVAILABLE, message, retryable=True))
    return chunk.again()
