"""A ROUTER that speaks the protocol and misbehaves on demand."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import zmq

from rahf_client.schema import pb

Answer = Callable[[Any, list[bytes]], "list[bytes] | None"]


def scored(request: Any, frames: list[bytes], value: float = 0.5) -> list[bytes]:
    """A reply with the same scores for every item."""
    reply = base(request)
    for item in request.items:
        entry = reply.items.add()
        entry.status.code = pb.STATUS_CODE_OK
        for name in ("plausibility", "alignment", "aesthetics", "overall"):
            setattr(entry.scores, name, value)
    return [reply.SerializeToString()]


def base(request: Any, code: int = pb.STATUS_CODE_OK, **status: Any) -> Any:
    reply = pb.Reply(protocol_version=1, request_id=request.request_id, library_version="test")
    reply.model.name, reply.model.digest = "fake", "sha256:0"
    reply.status.CopyFrom(pb.Status(code=code, **status))
    return reply


class FakeServer:
    """Calls `answer(request, frames)` for each message; None drops it."""

    def __init__(self, answer: Answer, endpoint: str = "tcp://127.0.0.1:*") -> None:
        self.answer = answer
        self.requests: list[Any] = []
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.ROUTER)
        self.socket.linger = 0
        self.socket.bind(endpoint)
        self.endpoint = self.socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        while not self.stopped.is_set():
            if not self.socket.poll(20):
                continue
            identity, *frames = self.socket.recv_multipart()
            delimited = frames[0] == b""
            frames = frames[1:] if delimited else frames
            request = pb.Request.FromString(frames[0])
            if request.verb == pb.VERB_INFO:
                # Clients ask by themselves whether this server tells of progress: it does not.
                reply = base(request)
                reply.info.protocol_versions.append(1)
                self.socket.send_multipart([identity, *([b""] if delimited else []), reply.SerializeToString()])
                continue
            self.requests.append(request)
            reply = self.answer(request, frames)
            if reply is not None:
                self.socket.send_multipart([identity, *([b""] if delimited else []), *reply])

    def __enter__(self) -> FakeServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self.thread.join()
        self.socket.close()
        self.context.term()
