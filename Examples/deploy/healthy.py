"""Exit code 0 when the server beside it lives. For HEALTHCHECK: slim images have no curl, and a minimal Python no HTTP."""

import socket
import sys

path = sys.argv[1] if len(sys.argv) > 1 else "healthz"
try:
    with socket.create_connection(("127.0.0.1", 9464), timeout=4) as server:
        server.sendall(f"GET /{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        reply = b""
        while b"\r\n" not in reply and (part := server.recv(4096)):
            reply += part
except OSError as error:
    sys.exit(f"not {path}: {error}")
if reply.split(b" ")[1:2] != [b"200"]:
    sys.exit(f"not {path}: {reply[:100]!r}")
