"""The asyncio client: many calls at once over one connection, which the server joins into batches."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

import numpy
import zmq
import zmq.asyncio
from numpy.typing import NDArray

from . import groups as grouping
from . import messages
from .client import objective, prepare_all, reward_array
from .curve import Curve, Handshakes
from .messages import Item, Reply
from .retrying import NO_ANSWER, Chunk, Policy, lost, settle, split
from .schema import pb
from .types import Code, Health, ItemError, Model, Objective, ProtocolError, RequestError, Result, Status

__all__ = ["AsyncClient", "ItemError"]


class AsyncClient:
    """Belongs to the event loop that first uses it."""

    def __init__(
        self, endpoint: str | Sequence[str] = "tcp://127.0.0.1:5555", policy: Policy | None = None,
        *, curve: Curve | None = None,
    ) -> None:
        self._endpoints = [endpoint] if isinstance(endpoint, str) else list(endpoint)
        if not self._endpoints:
            raise ValueError("no endpoint")
        self.policy = policy or Policy()
        self._context: zmq.asyncio.Context | None = None
        self._socket: zmq.asyncio.Socket | None = None
        self._reader: asyncio.Task[None] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._curve = curve
        self._handshakes: Handshakes | None = None
        self._probe = b""
        self._asking: asyncio.Future[Any] | None = None
        self._tells_progress = False
        self._signs: dict[bytes, float] = {}
        self._waiting: dict[bytes, asyncio.Future[list[bytes]]] = {}
        self.model: Model | None = None

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        for task in (self._reader, self._watcher):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        self._reader = self._watcher = None
        if self._socket is not None:
            if self._handshakes is not None:
                self._handshakes.close()
                self._handshakes = None
            self._socket.close(linger=0)
            self._socket = None
        if self._context is not None:
            self._context.term()
            self._context = None

    async def score(
        self, images: Sequence[Any], prompts: str | Sequence[str | bytes], outputs: Sequence[str] = ("scores",),
        *, layout: str | None = None, heatmap_dtype: str = "float32", groups: grouping.Groups = None,
    ) -> list[Result]:
        """As `Client.score`."""
        return await self._run(
            prepare_all(images, prompts, outputs, layout=layout, heatmap_dtype=heatmap_dtype, groups=groups))

    async def rewards(
        self, images: Sequence[Any], prompts: str | Sequence[str | bytes],
        weights: Mapping[str, float] | None = None, *, on_error: str = "raise", layout: str | None = None,
    ) -> NDArray[numpy.float32]:
        """As `Client.rewards`."""
        results = await self.score(images, prompts, layout=layout)
        array: NDArray[numpy.float32] = reward_array(
            results, {"overall": 1.0} if weights is None else weights, on_error)
        return array

    async def gradient(
        self, images: Sequence[Any], prompts: str | Sequence[str | bytes], of: Objective | Mapping[str, float],
        outputs: Sequence[str] = (), *, layout: str | None = None, gradient_dtype: str = "float32",
    ) -> list[Result]:
        """As `Client.gradient`."""
        return await self._run(prepare_all(
            images, prompts, outputs, objective(of), layout=layout, gradient_dtype=gradient_dtype))

    async def health(self) -> Health:
        """As `Client.health`."""
        request_id = os.urandom(16)
        frames = await self._exchange(request_id, messages.encode_simple(request_id, pb.VERB_HEALTH))
        if frames is None:
            raise RequestError(Status(Code.UNAVAILABLE, NO_ANSWER, retryable=True))
        reply = messages.decode(frames)
        if reply.health is None:
            raise ProtocolError("a HEALTH reply without health")
        return reply.health

    async def _run(self, items: Sequence[Item]) -> list[Result]:
        results: list[Result | None] = [None] * len(items)
        window = asyncio.Semaphore(self.policy.window)
        exchanges = 0

        async def one(chunk: Chunk) -> None:
            nonlocal exchanges
            async with window:
                exchanges += await self._chunk(chunk, items, results)

        await asyncio.gather(*(one(chunk) for chunk in split(items, self.policy)))
        done = [result for result in results if result is not None]
        return grouping.settle(done, [item.group for item in items], exchanges)

    async def _chunk(self, chunk: Chunk, items: Sequence[Item], results: list[Result | None]) -> int:
        """Returns how many requests were answered."""
        started = time.monotonic()
        exchanges = 0
        while True:
            request_id = os.urandom(16)
            chosen = [items[position] for position in chunk.positions]
            frames = await self._exchange(
                request_id, messages.encode_items(
                    request_id, chosen, int(self.policy.timeout * 1000), max(int(self.policy.heartbeat * 500), 100)))
            if frames is None:
                chunk = lost(chunk, self.policy)
                continue
            reply: Reply = messages.decode(frames)
            self.model = reply.model
            exchanges += reply.status.ok
            again = settle(chunk, reply, results, self.policy)
            if again is None:
                return exchanges
            chunk, delay = again
            if not reply.status.ok and time.monotonic() + delay - started > self.policy.patience:
                raise RequestError(reply.status)
            await asyncio.sleep(delay)

    async def _exchange(self, request_id: bytes, frames: list[bytes]) -> list[bytes] | None:
        """The reply's frames; None when there is none in time, after which the next try connects anew."""
        socket = self._connected()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[bytes]] = loop.create_future()
        self._waiting[request_id] = answer
        patience = max(self.policy.heartbeat * 2, 0.5)
        end = loop.time() + self.policy.timeout + 1.0
        # A long message gets a second more for each megabyte before the first sign of life is due.
        self._signs[request_id] = loop.time() + sum(map(len, frames)) / 1e6
        # Not waited for: a connection that the server has refused since has no queue, and sending would never end.
        sending = asyncio.ensure_future(socket.send_multipart([b"", *frames], copy=False))
        try:
            while not answer.done():
                if sending.done():
                    sending.result()
                now = loop.time()
                silent = self._tells_progress and now >= self._signs[request_id] + patience
                if now >= end or silent:
                    break
                await asyncio.wait({answer}, timeout=min(end - now, patience / 2))
            if answer.done():
                return answer.result()
            if self._socket is socket and len(self._waiting) == 1:
                # Nobody else waits on this connection.
                await self.close()
                self._endpoints.append(self._endpoints.pop(0))
            return None
        finally:
            sending.cancel()
            self._waiting.pop(request_id, None)
            self._signs.pop(request_id, None)

    def _connected(self) -> zmq.asyncio.Socket:
        if self._context is None:
            self._context = zmq.asyncio.Context()
        if self._socket is None:
            self._socket = self._context.socket(zmq.DEALER)
            self._socket.linger = 0
            self._socket.setsockopt(zmq.HEARTBEAT_IVL, 5000)
            self._socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 15000)
            if self._curve is not None:
                self._curve.apply(self._socket)
            self._handshakes = Handshakes(self._socket, self._endpoints[0], self._curve is not None)
            self._watcher = asyncio.create_task(self._watch(self._handshakes))
            self._socket.connect(self._endpoints[0])
            self._reader = asyncio.create_task(self._read(self._socket))
            # Whether the server tells of progress is asked before the first request.
            self._probe = os.urandom(16)
            ask = self._socket.send_multipart([b"", *messages.encode_simple(self._probe, pb.VERB_INFO)])
            self._asking = asyncio.ensure_future(ask)
        return self._socket

    async def _watch(self, handshakes: Handshakes) -> None:
        """Ends what waits for a server that does not let this client in."""
        while True:
            refusal = handshakes.note(await handshakes.monitor.recv_multipart())
            if refusal is None:
                continue
            for answer in list(self._waiting.values()):
                if not answer.done():
                    answer.set_exception(refusal)

    async def _read(self, socket: zmq.asyncio.Socket) -> None:
        while True:
            frames = await socket.recv_multipart()
            frames = frames[1:] if frames and frames[0] == b"" else frames
            request_id = messages.reply_id(frames) or b""
            if request_id == self._probe:
                info = messages.decode(frames).info
                self._tells_progress = info is not None and "progress" in info.features
            elif request_id in self._signs and messages.is_progress(frames):
                self._signs[request_id] = asyncio.get_running_loop().time()
                continue
            answer = self._waiting.get(request_id)
            if answer is not None and not answer.done():
                answer.set_result(frames)
