"""Servers and clients that die, drain or never read."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import zmq

from harness import (
    PICTURE, PROMPT, Askers, Server, dealer, expected, milliseconds, processes, quantile, request, require, serving,
)
from rahf_client import Client, Code, Policy, RequestError, messages
from rahf_client.schema import pb


def killed_server(short: bool) -> str:
    """-9 under load, started again: 8 clients get every answer by asking again, none wrong."""
    kills = 3 if short else 10
    with serving("--max-batch", "8") as server:
        wanted = expected(server.endpoint)
        askers = Askers(server.endpoint, 8, wanted=wanted, policy=Policy(timeout=20, retries=100, heartbeat=0.5))
        time.sleep(2)
        for _ in range(kills):
            time.sleep(1.0)
            server.kill()
            server.start()
        time.sleep(2)
        times, wrong, errors = askers.stop()
        require(wrong == 0 and not errors, f"{wrong} wrong, {errors[:3]}")
        require(len(times) > kills * 8, f"only {len(times)} answers")
        return f"{len(times)} answers over {kills} kills, none wrong or missing; the slowest took {times[-1]:.1f} s"


def _leaver(endpoint: str) -> None:
    context, socket = dealer(endpoint)
    socket.send_multipart(request(b"1", 200))
    socket.send_multipart(request(b"2", 40))
    time.sleep(3600)


def killed_client(short: bool) -> str:
    """A client that is killed with 240 items queued: they are dropped at once, and memory comes back."""
    with serving("--max-batch", "1", "--queue-items", "1000") as server:
        expected(server.endpoint)
        worst = 0.0
        before = 0.0
        for turn in range(2 if short else 6):
            leaver = processes.Process(target=_leaver, args=(server.endpoint,))
            leaver.start()
            server.wait_until(lambda health: health.queued_items > 150)
            leaver.kill()
            leaver.join()
            started = time.monotonic()
            server.wait_until(lambda health: health.queued_items == 0, 2)
            worst = max(worst, time.monotonic() - started)
            if turn == 0:
                before = server.resident()
        grown = server.resident() - before
        require(grown < 40, f"memory grew by {grown:.0f} MiB")
        server.stop()
        return f"240 items dropped within {milliseconds(worst)}; memory {grown:+.0f} MiB over the turns"


def _deaf(endpoint: str, seconds: float, out: Any) -> None:
    context, socket = dealer(endpoint, rcvhwm=1, rcvbuf=4096)
    item = messages.prepare(PICTURE, PROMPT, ("scores", "heatmaps"))
    end, sent = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        try:
            socket.send_multipart(messages.encode_items(os.urandom(8), [item], 0), zmq.DONTWAIT)
            info = pb.Request(protocol_version=1, request_id=os.urandom(8), verb=pb.VERB_INFO)
            for _ in range(50):
                socket.send(info.SerializeToString(), zmq.DONTWAIT)
                sent += 1
        except zmq.Again:
            time.sleep(0.001)
    out.put(sent)


def deaf_client(short: bool) -> str:
    """A client that asks and never reads: memory stays, and others wait at most half as long again."""
    seconds = 8 if short else 30
    with serving() as server:
        expected(server.endpoint)
        alone = probe(server, seconds)
        before, out = server.resident(), processes.Queue()
        deaf = processes.Process(target=_deaf, args=(server.endpoint, seconds + 8, out))
        deaf.start()
        time.sleep(4)
        beside = probe(server, seconds)
        sent = out.get(timeout=60)
        deaf.join()
        grown = server.resident() - before
        require(grown < 64, f"memory grew by {grown:.0f} MiB")
        server.stop()
        return judged(f"{sent} questions never read; memory {grown:+.0f} MiB", alone, beside, short)


def probe(server: Server, seconds: float, clients: int = 2, pace: float = 0.1) -> list[float]:
    """Seconds that answers to paced clients took."""
    askers = Askers(server.endpoint, clients, pace=pace)
    time.sleep(seconds + 1)
    times, wrong, errors = askers.stop()
    require(not errors and wrong == 0, f"the other clients: {errors[:3]}")
    return times


def judged(text: str, alone: list[float], beside: list[float], short: bool, limit: float = 1.5) -> str:
    """The ratio of the waiting times. A short run has too few answers for their 99th percentile to be a verdict."""
    ratio = quantile(beside, 0.99) / quantile(alone, 0.99)
    text = (f"{text}; others' p99 {milliseconds(quantile(alone, 0.99))} alone ({len(alone)} answers), "
            f"{milliseconds(quantile(beside, 0.99))} beside it: {ratio:.2f}×")
    require(short or ratio <= limit, text)
    return text


def terminated(short: bool) -> str:
    """SIGTERM under load: not ready first, accepted work answered, new work refused as draining, exit 0 in time."""
    limit = 30
    with serving("--max-batch", "1", "--drain-time", str(limit), "--unready-time", "1") as server:
        expected(server.endpoint)
        context, socket = dealer(server.endpoint)
        socket.send_multipart(request(b"accepted", 160))
        server.wait_until(lambda health: health.running_items > 0)
        started = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        seen: list[tuple[bool, bool]] = []
        codes: dict[bytes, int] = {}
        late = 0
        answers = None
        while server.process.poll() is None and time.monotonic() - started < limit + 10:
            late += 1
            key = b"late%d" % late
            socket.send_multipart(request(key))
            socket.send(pb.Request(protocol_version=1, request_id=b"health", verb=pb.VERB_HEALTH).SerializeToString())
            while socket.poll(50):
                reply = messages.decode(socket.recv_multipart())
                if reply.health is not None:
                    seen.append((reply.health.ready, reply.health.draining))
                elif reply.request_id == b"accepted":
                    answers = [result.status.code for result in reply.items]
                else:
                    codes[reply.request_id] = reply.items[0].status.code if reply.items else reply.status.code
        took = time.monotonic() - started
        require(server.process.returncode == 0, f"exit code {server.process.returncode}")
        require(took < limit + 0.5, f"it took {took:.1f} s of {limit}")
        require(answers == [Code.OK] * 160, f"the accepted request was answered with {answers}")
        require(set(codes.values()) <= {Code.OK, Code.DRAINING} and Code.DRAINING in codes.values(), f"{codes}")
        require((False, False) in seen and (False, True) in seen, "it was not ready before it drained")
        require((True, True) not in seen, "ready while it drained")
        refused = sum(code == Code.DRAINING for code in codes.values())
        return (f"160 of 160 accepted items answered, {refused} late requests refused, unready before draining, exit 0 "
                f"after {took:.1f} of {limit} s")


def stuck_reader_at_exit(short: bool) -> str:
    """SIGTERM while a client reads nothing: the exit comes within the time set all the same."""
    with serving("--drain-time", "3") as server:
        out = processes.Queue()
        deaf = processes.Process(target=_deaf, args=(server.endpoint, 6, out))
        deaf.start()
        time.sleep(4)
        os.kill(deaf.pid or 0, signal.SIGSTOP)
        took = server.stop()
        os.kill(deaf.pid or 0, signal.SIGKILL)
        deaf.join()
        require(took < 3.5, f"it took {took:.1f} s of 3")
        return f"exit 0 after {took:.1f} of 3 s"


def poison_image(short: bool) -> str:
    """A damaged image, NaN pixels and a bad prompt among good ones: only their own items fail."""
    import numpy

    with serving() as server:
        wanted = expected(server.endpoint)
        nan = numpy.full((8, 8, 3), numpy.nan, numpy.float32)
        images = [PICTURE, PICTURE[:3000], nan, b"GIF89a", PICTURE, PICTURE, b""]
        prompts: list[str | bytes] = [PROMPT, PROMPT, PROMPT, PROMPT, b"\xff", PROMPT, PROMPT]
        with Client(server.endpoint) as client:
            for _ in range(3 if short else 30):
                results = client.score(images, prompts)
                names = [result.status.name for result in results]
                require(names == ["OK", "INVALID_IMAGE", "INVALID_PIXELS", "INVALID_IMAGE", "INVALID_PROMPT", "OK",
                                  "INVALID_IMAGE"], f"{names}")
                require(results[0].scores == results[5].scores == wanted, "the good ones have other scores")
        server.stop()
        return "5 of 7 fail, each by its own cause; the good ones have their bits"
