"""What the fault scripts share: a server as a process, clients as processes, and what they measure."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Examples/python/src"))

import zmq  # noqa: E402

from rahf_client import Client, Policy, RequestError  # noqa: E402
from rahf_client import messages  # noqa: E402

RAHF = os.environ.get("RAHF", str(ROOT / ".build/release/rahf"))
MODEL = os.environ.get("RAHF_MODEL", str(ROOT / "Models/rahf-mini"))
PICTURE = (ROOT / "Examples/photographs/chelsea.jpg").read_bytes()
PROMPT = "a cat that looks at you"
# Clients start from scratch: none may share a context with its parent.
processes = multiprocessing.get_context("spawn")


class Failed(Exception):
    """A fault's promise that did not hold."""


class Skipped(Exception):
    """A fault that cannot be made here, and why."""


def require(holds: bool, promise: str) -> None:
    if not holds:
        raise Failed(promise)


class Server:
    """`rahf serve`, on the same address when it is started again."""

    def __init__(self, *options: str, bind: str = "tcp://127.0.0.1:*", environment: dict[str, str] | None = None) -> None:
        self.options = options
        self.bind = bind
        self.environment = environment
        self.start()

    def start(self) -> None:
        self.log = tempfile.TemporaryFile("w+")
        environment = ["env", *(f"{name}={value}" for name, value in (self.environment or {}).items())]
        if self.environment:
            # The first program with libfaketime preloaded misses its arguments if it is not C's own: let it be a shell.
            environment += ["sh", "-c", 'exec "$0" "$@"']
        self.process = subprocess.Popen(
            [*environment, RAHF, "serve", "--model", MODEL, "--bind", self.bind, *self.options], stderr=self.log)
        self.bind = self.endpoint = self._wait()

    def _wait(self) -> str:
        for _ in range(600):
            if found := re.search(r"endpoint=(?:tcp|ipc)://\S+", self.text()):
                return found[0].removeprefix("endpoint=").rstrip("],")
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise Failed(f"the server does not listen: {self.text()}")

    def text(self) -> str:
        self.log.seek(0)
        return self.log.read()

    def resident(self) -> float:
        """MiB."""
        return int(pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * 4096 / 2**20

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def health(self) -> Any:
        with Client(self.endpoint, Policy(timeout=10)) as client:
            return client.health()

    def wait_until(self, holds: Any, seconds: float = 30) -> Any:
        end = time.monotonic() + seconds
        with Client(self.endpoint, Policy(timeout=10)) as client:
            while time.monotonic() < end:
                if holds(health := client.health()):
                    return health
                time.sleep(0.01)
        raise Failed(f"the server never got there: {health}")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self, seconds: float = 40) -> float:
        """SIGTERM; the seconds until the exit, which must be with 0."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=seconds)
        require(code == 0, f"exit code {code}: {self.text()[-2000:]}")
        return time.monotonic() - started


@contextlib.contextmanager
def serving(*options: str, **more: Any) -> Iterator[Server]:
    server = Server(*options, **more)
    try:
        server.wait_until(lambda health: health.ready)
        yield server
    finally:
        if server.process.poll() is None:
            server.kill()


def expected(endpoint: str) -> dict[str, float]:
    with Client(endpoint) as client:
        result = client.score([PICTURE], PROMPT)[0]
    require(result.scores is not None, f"no scores: {result.status}")
    return dict(result.scores or {})


def _asker(
    endpoint: str, pace: float, wanted: dict[str, float] | None, started_up: Any, stop: Any, out: Any, policy: Policy,
) -> None:
    times, wrong, errors = [], 0, []
    with Client(endpoint, policy) as client:
        client.health()
        started_up.release()
        next_turn = time.monotonic()
        while not stop.is_set():
            started = time.monotonic()
            try:
                result = client.score([PICTURE], PROMPT)[0]
                if wanted is not None and result.scores != wanted:
                    wrong += 1
                times.append(time.monotonic() - started)
            except RequestError as error:
                errors.append(str(error))
            next_turn = max(next_turn + pace, time.monotonic() if pace == 0 else 0)
            time.sleep(max(next_turn - time.monotonic(), 0))
    out.put((times, wrong, errors))


class Askers:
    """Client processes, each asking for one image's scores again and again, every `pace` seconds."""

    def __init__(
        self, endpoint: str, count: int, pace: float = 0.0, wanted: dict[str, float] | None = None,
        policy: Policy = Policy(timeout=30, retries=50),
    ) -> None:
        self.stop_event, self.out, started_up = processes.Event(), processes.Queue(), processes.Semaphore(0)
        arguments = (endpoint, pace, wanted, started_up, self.stop_event, self.out, policy)
        self.members = [processes.Process(target=_asker, args=arguments) for _ in range(count)]
        for member in self.members:
            member.start()
        for _ in self.members:
            require(started_up.acquire(timeout=120), "a client does not start")

    def stop(self) -> tuple[list[float], int, list[str]]:
        """Seconds each answer took, wrong answers, errors."""
        self.stop_event.set()
        answers = [self.out.get(timeout=120) for _ in self.members]
        for member in self.members:
            member.join()
        return (sorted(seconds for times, _, _ in answers for seconds in times),
                sum(wrong for _, wrong, _ in answers), [error for _, _, errors in answers for error in errors])


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else float("nan")


def request(request_id: bytes, count: int = 1, timeout: float = 0) -> list[bytes]:
    items = [messages.prepare(PICTURE, PROMPT, ("scores",)) for _ in range(count)]
    return messages.encode_items(request_id, items, int(timeout * 1000))


def dealer(endpoint: str, **options: int) -> tuple[Any, Any]:
    context = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.linger = 0
    for name, value in options.items():
        setattr(socket, name, value)
    socket.connect(endpoint)
    return context, socket


def milliseconds(value: float) -> str:
    return f"{value * 1000:.0f} ms"


def write_report(results: list[dict[str, Any]]) -> None:
    out = ROOT / "out"
    out.mkdir(exist_ok=True)
    (out / "faults.json").write_text(json.dumps(results, indent=2) + "\n")
