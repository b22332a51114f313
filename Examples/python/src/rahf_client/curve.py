"""Encryption and authentication (ZeroMQ's CURVE), with key files as `rahf keygen`, CZMQ and pyzmq write them."""

from __future__ import annotations

import os
import pathlib
from dataclasses import dataclass
from typing import Any

import zmq
import zmq.auth
from zmq.utils.monitor import parse_monitor_message

from .types import Code, RequestError, Status

_WATCHED = (
    zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
)

_ENCRYPTED = "is encrypted, or no rahf server: its public key is needed"


@dataclass(frozen=True)
class Curve:
    """Names the files that hold the keys; they are read whenever a connection is made."""

    server: str | os.PathLike[str]
    """The server's public key: its `NAME.key`."""
    secret: str | os.PathLike[str] | None = None
    """This client's own `NAME.key_secret`. None makes a pair for once, which servers with a list of clients refuse."""

    @classmethod
    def from_environment(cls) -> Curve | None:
        """From `RAHF_CURVE_SERVER` and `RAHF_CURVE_SECRET`; None when there is no server's key."""
        server = os.environ.get("RAHF_CURVE_SERVER")
        return cls(server, os.environ.get("RAHF_CURVE_SECRET")) if server else None

    def apply(self, socket: Any) -> None:
        """Sets the keys of a socket that is not connected yet."""
        public, secret = zmq.curve_keypair() if self.secret is None else _pair(self.secret)
        socket.curve_serverkey = zmq.auth.load_certificate(self.server)[0]
        socket.curve_publickey, socket.curve_secretkey = public, secret


def _pair(path: str | os.PathLike[str]) -> tuple[bytes, bytes]:
    mode = pathlib.Path(path).stat().st_mode & 0o777
    if mode & 0o077:
        raise PermissionError(f"{os.fspath(path)} holds a secret and others may use it (mode {mode:o}): chmod 600 it")
    public, secret = zmq.auth.load_certificate(path)
    if secret is None:
        raise ValueError(f"{os.fspath(path)} holds no secret key")
    return public, secret


class Handshakes:
    """Watches a socket's connections for servers that refuse them, which would else look like silence."""

    def __init__(self, socket: Any, endpoint: str, encrypted: bool) -> None:
        self.monitor: Any = socket.get_monitor_socket(_WATCHED)
        self._socket = socket
        self._endpoint = endpoint
        self._encrypted = encrypted
        self._broken = 0
        self._connected = False

    def close(self) -> None:
        """Before the socket is closed: contexts end only when both are."""
        self._socket.disable_monitor()
        self.monitor.close(linger=0)

    def note(self, frames: list[bytes]) -> RequestError | None:
        """What a message of `monitor` means: None while there is hope."""
        event = parse_monitor_message(frames)["event"]
        if event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            return self._refusal("does not let this client's key in")
        if event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
            return self._refusal("is not encrypted, or no rahf server" if self._encrypted else _ENCRYPTED)
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self._connected = True
        elif not self._connected:
            # A server that is just ending does so too, but not time and again.
            self._broken += 1
            if self._broken >= 10:
                return self._refusal("does not have the public key it should" if self._encrypted else _ENCRYPTED)
        return None

    def _refusal(self, what: str) -> RequestError:
        return RequestError(Status(Code.PERMISSION_DENIED, f"{self._endpoint} {what}"))
