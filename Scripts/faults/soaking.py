"""An hour of work at four fifths of what the server can do, with clients that come and go: memory stays where it was.

The load is what the server says of itself: the share of the time its engine is at work. The clients' pace follows it, so
that the machine may have other work to do meanwhile, and may even stop the server for minutes.
"""

from __future__ import annotations

import io
import pathlib
import re
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import zmq
from PIL import Image

from harness import PICTURE, PROMPT, ROOT, Server, processes, require, serving
from rahf_client import Client, Policy, RequestError
from rahf_client.schema import pb

LOAD = 0.8
# Stopped for minutes, the server is waited for.
PATIENT = Policy(timeout=900, retries=200, patience=3600, heartbeat=30)
ALL = ("scores", "heatmaps", "words")


def _mix(worker: int) -> list[tuple[list[bytes], list[str | bytes], tuple[str, ...]]]:
    """What is asked for, in turns: one image or five, small or large, scores or everything, and a damaged one.

    Every worker has pictures of its own, as those who train do.
    """
    pictures = []
    for path in sorted((ROOT / "Examples/photographs").glob("*.jpg")):
        with Image.open(path) as whole:
            box = (4 * worker, 0, whole.width - 3 * worker, whole.height - 16 * worker)
            encoded = io.BytesIO()
            whole.crop(box).save(encoded, "JPEG", quality=90)
            pictures.append(encoded.getvalue())
    long = " ".join([PROMPT] * 8)
    return [
        *[([picture], [PROMPT], ("scores",)) for picture in pictures],
        (pictures[:1], [long], ALL),
        ([*pictures, PICTURE[:3000], pictures[0]], [PROMPT] * (len(pictures) + 2), ("scores",)),
        (pictures[1:2], [PROMPT], ("scores", "heatmaps")),
        (pictures[2:3], [""], ("scores", "words")),
    ]


def _worker(endpoint: str, first: int, pace: Any, stop: Any, out: Any) -> None:
    """Asks through the mix; every answer must have the bits of the first one to the same question."""
    questions, known = _mix(first), {}
    answers, wrong, errors = 0, 0, []
    with Client(endpoint, PATIENT) as client:
        turn, due = first, time.monotonic()
        while not stop.is_set():
            key = turn % len(questions)
            turn += 1
            try:
                results = client.score(*questions[key])
                seen = [(result.status.name, result.scores) for result in results]
                wrong += known.setdefault(key, seen) != seen
                answers += 1
            except RequestError as error:
                errors.append(str(error))
            # What was missed while the server stood still is not made up for.
            due = max(due + pace.value, time.monotonic() - 1)
            time.sleep(max(due - time.monotonic(), 0))
    out.put((answers, wrong, errors))


def _visitor(endpoint: str, pause: float, stop: Any, out: Any) -> None:
    """Connects, asks how the server is, and leaves; every fourth time without waiting for the answer."""
    context, visits, unanswered = zmq.Context(), 0, 0
    ask = pb.Request(protocol_version=1, request_id=b"h", verb=pb.VERB_HEALTH).SerializeToString()
    while not stop.is_set():
        socket = context.socket(zmq.DEALER)
        socket.linger = 0
        socket.connect(endpoint)
        socket.send(ask)
        visits += 1
        if visits % 4 != 0:
            unanswered += not socket.poll(900_000)
        socket.close()
        time.sleep(pause)
    context.term()
    out.put((visits, unanswered))


class Engine:
    """What the server's engine has done, from its metrics."""

    def __init__(self, server: Server) -> None:
        self.server = server
        found = re.search(r"http://[0-9.]+:[0-9]+", server.text())
        require(found is not None, f"no address of metrics in {server.text()}")
        self.address = (found[0] if found else "") + "/metrics"
        self.start()

    def _values(self, *names: str) -> float:
        text = urllib.request.urlopen(self.address, timeout=900).read().decode()
        return sum(float(re.search(rf"^rahf_{re.escape(name)} (\S+)$", text, re.M)[1])  # type: ignore[index]
                   for name in names)

    def seconds(self) -> float:
        return self._values("decode_seconds_sum", "model_seconds_sum", "encode_seconds_sum")

    def items(self) -> float:
        """How many went into the engine."""
        return self._values("batch_items_sum")

    def refused(self) -> float:
        return self._values('requests_total{result="refused"}')

    def start(self) -> None:
        self.since, self.before = time.monotonic(), self.seconds()

    def share(self) -> float:
        """Since the start, or since it was last asked."""
        now, seconds = time.monotonic(), self.seconds()
        share = (seconds - self.before) / (now - self.since)
        self.since, self.before = now, seconds
        return share

    @property
    def is_stopped(self) -> bool:
        stat = pathlib.Path(f"/proc/{self.server.process.pid}/stat").read_text()
        return stat.rsplit(")", 1)[1].split()[0] in "Tt"


def _samples(server: Server, engine: Engine, minutes: float, pace: Any) -> Iterator[tuple[float, float, float | None]]:
    """Every two seconds the time and the memory; every half minute in which it ran, also the load, and a pace for it."""
    started, stood_still = time.monotonic(), False
    while (now := time.monotonic() - started) < minutes * 60:
        share = None
        stood_still = stood_still or engine.is_stopped
        if time.monotonic() - engine.since >= 30 and not engine.is_stopped:
            share = engine.share()
            if stood_still:
                share, stood_still = None, False
            else:
                pace.value *= min(max(share / LOAD, 0.5), 2)
        yield now, server.resident(), share
        time.sleep(2)


def soak(minutes: float, reconnects: float = 6000) -> str:
    """Memory within 2% of its first ten minutes (or of the first sixth of a shorter run)."""
    first = min(600.0, minutes * 10)
    with serving("--threads", "1", "--metrics", "127.0.0.1:0") as server:
        stop, out, visits_out = processes.Event(), processes.Queue(), processes.Queue()
        pace = processes.Value("d", 0.0)
        engine = Engine(server)
        workers = [processes.Process(target=_worker, args=(server.endpoint, number, pace, stop, out))
                   for number in range(8)]
        visitor = processes.Process(target=_visitor, args=(server.endpoint, minutes * 60 / reconnects, stop, visits_out))
        for process in [*workers, visitor]:
            process.start()
        # As fast as they can to begin with, as after a restart: the most that the server needs is seen early.
        time.sleep(min(60, minutes * 5))
        pace.value = 0.1
        seen: list[tuple[float, float, float | None]] = []
        for sample in _samples(server, engine, minutes, pace):
            seen.append(sample)
            if sample[2] is not None:
                print(f"       {sample[0] / 60:5.1f} min: {sample[1]:.2f} MiB, at work {100 * sample[2]:.0f}%", flush=True)
        descriptors = server.descriptors()
        stop.set()
        results = [out.get(timeout=1200) for _ in workers]
        visits, unanswered = visits_out.get(timeout=1200)
        for process in [*workers, visitor]:
            process.join()
        answers, wrong = sum(row[0] for row in results), sum(row[1] for row in results)
        errors = [error for row in results for error in row[2]]
        require(wrong == 0 and not errors and unanswered == 0, f"{wrong} wrong, {unanswered} unanswered, {errors[:3]}")
        early = max(memory for moment, memory, _ in seen if moment <= first)
        late = max(memory for moment, memory, _ in seen if moment > first)
        loads = [share for _, _, share in seen if share is not None]
        load = sum(loads) / max(len(loads), 1)
        text = (f"{answers} answers and {visits} connections in {minutes:g} minutes, none wrong, the engine at work "
                f"{100 * load:.0f}% of the time; memory {early:.1f} MiB at most in the first {first / 60:.1f} minutes, "
                f"{late:.1f} after ({100 * (late / early - 1):+.2f}%), in the end {seen[-1][1]:.1f}; "
                f"{descriptors} descriptors")
        require(late <= 1.02 * early and descriptors < 100, text)
        require(minutes < 5 or abs(load - LOAD) < 0.1, f"not the load it was to be: {text}")
        server.stop()
        return text
