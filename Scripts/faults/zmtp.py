"""ZMTP 3.0 by hand, without encryption: for messages that libzmq's own clients never send."""

from __future__ import annotations

import socket
import struct

MORE, LONG, COMMAND = 1, 2, 4


def connect(endpoint: str) -> socket.socket:
    """A TCP connection whose handshake is done."""
    host, port = endpoint.removeprefix("tcp://").rsplit(":", 1)
    peer = socket.create_connection((host, int(port)))
    peer.sendall(b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32))
    read(peer, 64)
    ready = b"\x05READY" + b"\x0bSocket-Type" + struct.pack(">I", 6) + b"DEALER"
    peer.sendall(bytes([COMMAND, len(ready)]) + ready)
    size = read(peer, 2)[1]
    read(peer, size)
    return peer


def read(peer: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = peer.recv(count - len(data))
        if not part:
            raise ConnectionError("closed")
        data += part
    return data


def frame(data: bytes, more: bool) -> bytes:
    flags = MORE if more else 0
    if len(data) < 256:
        return bytes([flags, len(data)]) + data
    return bytes([flags | LONG]) + struct.pack(">Q", len(data)) + data
