"""The blocking client."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

import numpy
import zmq
from numpy.typing import NDArray

from . import groups as grouping
from . import messages
from .curve import Curve, Handshakes
from .messages import Item, Reply
from .retrying import Chunk, Policy, Signs, lost, settle, split
from .schema import pb
from .types import SCORES, Code, Health, Info, ItemError, Model, Objective, ProtocolError, RequestError, Result, Status


def objective(of: Objective | Mapping[str, float]) -> Objective:
    """An objective from weights of scores, or as it is."""
    return of if isinstance(of, Objective) else Objective(scores=dict(of))


def prepare_all(
    images: Sequence[Any], prompts: str | Sequence[str | bytes], outputs: Sequence[str],
    of: Objective | None = None, groups: grouping.Groups = None, **options: Any,
) -> list[Item]:
    """Pairs images with prompts (one prompt serves all). An image given several times is sent once."""
    texts: Sequence[str | bytes] = [prompts] * len(images) if isinstance(prompts, (str, bytes)) else prompts
    if len(texts) != len(images):
        raise ValueError(f"{len(images)} images and {len(texts)} prompts")
    made: dict[int, Item] = {}
    items = []
    for image, text, group in zip(images, texts, grouping.ids(groups, texts)):
        known = made.get(id(image))
        item = messages.prepare(known.picture if known else image, text, outputs, of, group=group, **options)
        made.setdefault(id(image), item)
        items.append(item)
    return items


def reward_array(
    results: Sequence[Result], weights: Mapping[str, float], on_error: str
) -> Any:
    """Weighted sums of scores. Failures raise ItemError, or with "mask" are masked out; they are never a number."""
    failures = {position: result.status for position, result in enumerate(results) if not result.ok}
    if failures and on_error != "mask":
        raise ItemError(failures, len(results))
    values = numpy.zeros(len(results), numpy.float32)
    for position, result in enumerate(results):
        if result.scores is not None:
            values[position] = sum(weight * result.scores[name] for name, weight in weights.items())
    return numpy.ma.masked_array(values, [not result.ok for result in results]) if on_error == "mask" else values


class Client:
    """Talks to one server, or to the first of several that answers.

    Calls may come from any thread; they take turns. Use `AsyncClient` for many calls at once.
    """

    def __init__(
        self, endpoint: str | Sequence[str] = "tcp://127.0.0.1:5555", policy: Policy | None = None,
        *, curve: Curve | None = None,
    ) -> None:
        self._endpoints = [endpoint] if isinstance(endpoint, str) else list(endpoint)
        if not self._endpoints:
            raise ValueError("no endpoint")
        self.policy = policy or Policy()
        self._curve = curve
        self._handshakes: Handshakes | None = None
        self._lock = threading.Lock()
        self._socket: zmq.Socket[bytes] | None = None
        self._context: zmq.Context[zmq.Socket[bytes]] | None = None
        self._pid = os.getpid()
        self._probed = False
        self._tells_progress = False
        self.model: Model | None = None
        """Who made the last answer."""

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            self._drop_socket()
            if self._context is not None and self._pid == os.getpid():
                self._context.term()
            self._context = None

    # Calls.

    def score(
        self, images: Sequence[Any], prompts: str | Sequence[str | bytes], outputs: Sequence[str] = ("scores",),
        *, layout: str | None = None, heatmap_dtype: str = "float32", groups: grouping.Groups = None,
    ) -> list[Result]:
        """One result per image, in order; a failed one says why in its status.

        With `groups` ("prompt", or an id per image, None for no group) each result says how its scores stand in its
        group: `result.group.standings["overall"].z_score`.

        Raises RequestError when the request as a whole is refused, no server answers, or it does not let this client in.
        """
        return self._run(
            prepare_all(images, prompts, outputs, layout=layout, heatmap_dtype=heatmap_dtype, groups=groups))

    def rewards(
        self, images: Sequence[Any], prompts: str | Sequence[str | bytes],
        weights: Mapping[str, float] | None = None, *, on_error: str = "raise", layout: str | None = None,
    ) -> NDArray[numpy.float32]:
        """float32 `[len(images)]`: weighted sums of scores, by default the overall score.

        A failed image raises ItemError; with `on_error="mask"` the result is a masked array that hides it.
        """
        if on_error not in ("raise", "mask"):
            raise ValueError('on_error is "raise" or "mask"')
        weights = {"overall": 1.0} if weights is None else weights
        if unknown := [name for name in weights if name not in SCORES]:
            raise ValueError(f"scores are {', '.join(SCORES)}, not {unknown[0]!r}")
        results = self.score(images, prompts, layout=layout)
        array: NDArray[numpy.float32] = reward_array(results, weights, on_error)
        return array

    def advantages(
        self, images: Sequence[Any], prompts: str | Sequence[str | bytes], groups: grouping.Groups = "prompt",
        weights: Mapping[str, float] | None = None, *, deviation: str = "sample", epsilon: float = grouping.EPSILON,
        on_error: str = "raise", layout: str | None = None,
    ) -> NDArray[numpy.float32]:
        """`rewards`, each relative to its group: see `groups.advantages`. An item of no group stands alone: 0."""
        texts: Sequence[str | bytes] = [prompts] * len(images) if isinstance(prompts, (str, bytes)) else prompts
        ids = [group or position for position, group in enumerate(grouping.ids(groups, texts))]
        rewards = self.rewards(images, texts, weights, on_error=on_error, layout=layout)
        return grouping.advantages(rewards, ids, deviation=deviation, epsilon=epsilon)

    def gradient(
        self, images: Sequence[Any], prompts: str | Sequence[str | bytes], of: Objective | Mapping[str, float],
        outputs: Sequence[str] = (), *, layout: str | None = None, gradient_dtype: str = "float32",
    ) -> list[Result]:
        """d objective / d pixel for each image, at its own size, pixels in [0, 1]."""
        return self._run(prepare_all(
            images, prompts, outputs, objective(of), layout=layout, gradient_dtype=gradient_dtype))

    def info(self) -> Info:
        """What is served, and every limit."""
        reply = self._simple(pb.VERB_INFO)
        if reply.info is None:
            raise ProtocolError("an INFO reply without info")
        return reply.info

    def health(self) -> Health:
        """Answered at once, also while the model works."""
        reply = self._simple(pb.VERB_HEALTH)
        if reply.health is None:
            raise ProtocolError("a HEALTH reply without health")
        return reply.health

    # The exchange.

    def _run(self, items: Sequence[Item]) -> list[Result]:
        policy = self.policy
        results: list[Result | None] = [None] * len(items)
        ready: deque[Chunk] = deque(split(items, policy))
        later: list[tuple[float, Chunk]] = []
        pending: dict[bytes, tuple[Chunk, float]] = {}
        signs = Signs(policy)
        started = time.monotonic()
        refusal: Status | None = None
        exchanges = 0
        with self._lock:
            try:
                while ready or later or pending:
                    now = time.monotonic()
                    ready.extend(chunk for moment, chunk in later if moment <= now)
                    later = [entry for entry in later if entry[0] > now]
                    if refusal is not None and now - started > policy.patience:
                        raise RequestError(refusal)
                    while ready and len(pending) < policy.window:
                        chunk = ready.popleft()
                        request_id = os.urandom(16)
                        chosen = [items[position] for position in chunk.positions]
                        frames = messages.encode_items(
                            request_id, chosen, int(policy.timeout * 1000), signs.interval_ms)
                        if not self._probed:
                            # Whether the server tells of progress is asked along with the first request.
                            self._send(messages.encode_simple(signs.probe, pb.VERB_INFO))
                            self._probed = True
                            signs.expect(signs.probe, 0)
                        self._send(frames)
                        # The server's own deadline answer gets a moment to arrive.
                        pending[request_id] = (chunk, now + policy.timeout + 1.0)
                        if self._tells_progress:
                            signs.expect(request_id, sum(map(len, frames)))
                    moments = [moment for _, moment in pending.values()] + [moment for moment, _ in later]
                    moments += signs.moments()
                    for frames in self._receive(max(min(moments) - time.monotonic(), 0.0)):
                        request_id = messages.reply_id(frames) or b""
                        if request_id == signs.probe:
                            signs.done(request_id)
                            info = messages.decode(frames).info
                            self._tells_progress = info is not None and "progress" in info.features
                            for key in pending if self._tells_progress else ():
                                signs.expect(key, 0)
                        if request_id not in pending:
                            continue  # the late answer to an abandoned try
                        reply = self._decode(frames)
                        if reply.status.code == Code.IN_PROGRESS:
                            signs.expect(request_id, 0)
                            continue
                        chunk, _ = pending.pop(request_id)
                        signs.done(request_id)
                        exchanges += reply.status.ok
                        refusal = None if reply.status.ok else reply.status
                        if (again := settle(chunk, reply, results, policy)) is not None:
                            later.append((time.monotonic() + again[1], again[0]))
                    now = time.monotonic()
                    late = [key for key, (_, moment) in pending.items() if moment <= now]
                    silent = signs.missed(now)
                    if late or silent:
                        late = late or [key for key in silent if key in pending] or list(pending)
                        signs = Signs(policy)
                        self._drop_socket()
                        for key, (chunk, _) in pending.items():
                            ready.append(lost(chunk, policy) if key in late else chunk)
                        pending.clear()
            except BaseException:
                # Answers still to come belong to a call that is over.
                self._drop_socket()
                raise
        done = [result for result in results if result is not None]
        return grouping.settle(done, [item.group for item in items], exchanges)

    def _simple(self, verb: int) -> Reply:
        with self._lock:
            for _ in range(self.policy.retries + 1):
                request_id = os.urandom(16)
                self._send(messages.encode_simple(request_id, verb))
                # It is answered at once, whatever the server works at.
                end = time.monotonic() + min(self.policy.timeout, self.policy.heartbeat * 2)
                while (left := end - time.monotonic()) > 0:
                    for frames in self._receive(left):
                        if messages.reply_id(frames) == request_id:
                            reply = self._decode(frames)
                            if not reply.status.ok:
                                raise RequestError(reply.status)
                            return reply
                self._drop_socket()
        raise RequestError(Status(Code.UNAVAILABLE, f"no answer from {', '.join(self._endpoints)}", retryable=True))

    def _decode(self, frames: Sequence[bytes]) -> Reply:
        reply = messages.decode(frames)
        self.model = reply.model
        return reply

    # The socket.

    def _send(self, frames: list[bytes]) -> None:
        if self._pid != os.getpid():  # a fork: sockets do not survive it
            self._socket, self._context, self._handshakes, self._pid = None, None, None, os.getpid()
            self._probed = False
        if self._context is None:
            self._context = zmq.Context()
        if self._socket is None:
            self._socket = self._context.socket(zmq.DEALER)
            self._socket.linger = 0
            # Finds out about a server whose machine is gone.
            self._socket.setsockopt(zmq.HEARTBEAT_IVL, 5000)
            self._socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 15000)
            if self._curve is not None:
                self._curve.apply(self._socket)
            self._handshakes = Handshakes(self._socket, self._endpoints[0], self._curve is not None)
            self._socket.connect(self._endpoints[0])
        if self._can_send(min(self.policy.timeout, self.policy.heartbeat * 2)):
            self._socket.send_multipart([b"", *frames], copy=False)

    def _can_send(self, timeout: float) -> bool:
        """Waits for room. A connection that the server has refused since has no queue, and a plain send would wait for
        ever; what was not sent counts as lost on the way, and is asked for again."""
        assert self._socket is not None and self._handshakes is not None
        end = time.monotonic() + timeout
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLOUT)
        poller.register(self._handshakes.monitor, zmq.POLLIN)
        while (left := end - time.monotonic()) > 0:
            if self._socket in dict(poller.poll(int(left * 1000) + 1)):
                return True
            self._note_handshakes()
        return False

    def _note_handshakes(self) -> None:
        """Raises when the server has refused the connection."""
        while self._handshakes is not None and self._handshakes.monitor.poll(0):
            if (refusal := self._handshakes.note(self._handshakes.monitor.recv_multipart())) is not None:
                raise refusal

    def _receive(self, timeout: float) -> list[list[bytes]]:
        """Every message there is, after waiting for the first."""
        if self._socket is None or self._handshakes is None:
            time.sleep(timeout)
            return []
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._handshakes.monitor, zmq.POLLIN)
        poller.poll(int(timeout * 1000) + 1)
        self._note_handshakes()
        received: list[list[bytes]] = []
        while self._socket.poll(0):
            frames = self._socket.recv_multipart()
            received.append(frames[1:] if frames and frames[0] == b"" else frames)
        return received

    def _drop_socket(self) -> None:
        """The next try goes over a new connection, to the next server if there are several."""
        if self._socket is not None and self._pid == os.getpid():
            if self._handshakes is not None:
                self._handshakes.close()
            self._socket.close(linger=0)
        self._socket, self._handshakes, self._probed = None, None, False
        self._endpoints.append(self._endpoints.pop(0))
