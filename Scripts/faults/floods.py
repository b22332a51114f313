"""Too much of everything: wrong frames, half messages, work, connections, time."""

from __future__ import annotations

import os
import pathlib
import time
from typing import Any

import zmq

import soaking
import zmtp
from crashes import judged, probe
from harness import (
    PICTURE, PROMPT, Askers, Failed, Server, dealer, expected, milliseconds, processes, quantile, request, require,
    serving,
)
from rahf_client import Client, Code, Policy, messages
from rahf_client.schema import pb

CLOCK = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"


def _noise(endpoint: str, rate: int, seconds: float, out: Any) -> None:
    """Wrong messages at a rate, over so many connections that none sends enough of them to be closed for it."""
    os.nice(5)
    context = zmq.Context()
    sockets = []
    for _ in range(rate // 90 + 1):
        sockets.append(context.socket(zmq.DEALER))
        sockets[-1].linger = 0
        sockets[-1].connect(endpoint)
    started, sent = time.monotonic(), 0
    while (now := time.monotonic() - started) < seconds:
        while sent < now * rate:
            socket = sockets[sent % len(sockets)]
            sent += 1
            try:
                socket.send_multipart([b"\xff\x00garbage", b"x"], zmq.DONTWAIT)
                # It reads its refusals, as who does not is hardly answered.
                while True:
                    socket.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                pass
        time.sleep(0.0005)
    out.put(sent)


def wrong_frames(short: bool) -> str:
    """10,000 wrong frames a second: others wait at most half as long again."""
    seconds = 8 if short else 30
    with serving("--metrics", "127.0.0.1:0") as server:
        expected(server.endpoint)
        engine = soaking.Engine(server)
        alone = probe(server, seconds)
        before, out = server.resident(), processes.Queue()
        attacker = processes.Process(target=_noise, args=(server.endpoint, 10_000, seconds + 6, out))
        attacker.start()
        server.wait_until(lambda health: engine.refused() > 10_000)
        started, refused = time.monotonic(), engine.refused()
        beside = probe(server, seconds)
        rate = (engine.refused() - refused) / (time.monotonic() - started)
        out.get(timeout=60)
        attacker.join()
        grown = server.resident() - before
        require(grown < 40, f"memory grew by {grown:.0f} MiB")
        # What a busy machine's sender does not send is not the server's doing.
        require(rate > 8000 or short, f"only {rate:.0f} wrong messages a second came")
        server.stop()
        return judged(f"{rate:.0f} wrong messages a second answered; memory {grown:+.0f} MiB", alone, beside, short)


def half_messages(short: bool) -> str:
    """Messages that begin and never end: memory is bounded, their connections are closed, others go on."""
    with serving("--max-message", "16") as server:
        expected(server.endpoint)
        before, worst, closed, early = server.resident(), 0.0, 0, 0.0
        turns = 4 if short else 12
        block = zmtp.frame(bytes(1 << 20), more=True)
        for turn in range(turns):
            if turn == turns // 2:
                early = server.resident() - before
            peer = zmtp.connect(server.endpoint)
            peer.settimeout(10)
            try:
                for _ in range(2000):
                    peer.sendall(block)
                    worst = max(worst, server.resident() - before)
            except OSError:
                closed += 1
            peer.close()
        # Small ones that stay, and are no harm.
        idle = [zmtp.connect(server.endpoint) for _ in range(50)]
        for peer in idle:
            peer.sendall(zmtp.frame(b"\x08\x01", more=True))
        with Client(server.endpoint, Policy(timeout=10)) as client:
            require(client.score([PICTURE], PROMPT)[0].ok, "others are not answered")
        for peer in idle:
            peer.close()
        require(closed == turns, f"{closed} were closed")
        time.sleep(1)
        after = server.resident() - before
        # What the allocator keeps after the first ones must do for the later ones.
        require(worst < 300, f"memory grew by {worst:.0f} MiB")
        require(after < early + 20, f"memory grew by {early:.0f} MiB in the first half, {after:.0f} in the end")
        server.stop()
        return (f"{closed} of {turns} endless messages closed; memory at most {worst:+.0f} MiB, {early:+.0f} after half of "
                f"them, {after:+.0f} in the end")


def slow_senders(short: bool) -> str:
    """A hundred connections that never introduce themselves, or send a byte at a time: closed, or no harm."""
    import socket as sockets

    with serving() as server:
        expected(server.endpoint)
        host, port = server.endpoint.removeprefix("tcp://").split(":")
        silent = [sockets.create_connection((host, int(port))) for _ in range(100)]
        beside = probe(server, 3 if short else 10)
        time.sleep(max(0, 12 - (3 if short else 10)))
        ended = 0
        for peer in silent:
            peer.settimeout(1)
            try:
                while True:
                    if not peer.recv(100):
                        ended += 1
                        break
            except OSError:
                pass
            peer.close()
        require(ended == 100, f"{ended} of 100 silent connections were closed")
        server.stop()
        return f"100 of 100 silent connections closed within 12 s; others' p99 {milliseconds(quantile(beside, 0.99))}"


def _open_loop(endpoint: str, rate: float, seconds: float, out: Any) -> None:
    """Requests of one image at a rate, whatever becomes of them."""
    context, socket = dealer(endpoint, sndhwm=100_000, rcvhwm=100_000)
    item = messages.prepare(PICTURE, PROMPT, ("scores",))
    sent: dict[bytes, float] = {}
    accepted, refused, delays, other = [], 0, [], []
    started, count = time.monotonic(), 0
    while (now := time.monotonic() - started) < seconds + 20:
        while count < min(now, seconds) * rate:
            key = count.to_bytes(4, "big")
            socket.send_multipart(messages.encode_items(key, [item], 0))
            sent[key] = time.monotonic()
            count += 1
        if now > seconds and not sent:
            break
        while socket.poll(2):
            reply = messages.decode(socket.recv_multipart())
            took = time.monotonic() - sent.pop(reply.request_id)
            if reply.status.ok:
                accepted.append(took)
            elif reply.status.code == Code.OVERLOADED:
                refused += 1
                delays.append(reply.status.retry_after or 0)
            else:
                other.append(str(reply.status))
    out.put((accepted, refused, delays, other, len(sent), count))


def _run_open_loop(server: Server, rate: float, seconds: float) -> tuple[Any, ...]:
    out = processes.Queue()
    runner = processes.Process(target=_open_loop, args=(server.endpoint, rate, seconds, out))
    runner.start()
    result = out.get(timeout=seconds + 120)
    runner.join()
    return tuple(result)


def sustainable(server: Server, seconds: float = 6) -> float:
    """Images a second with the queue always full."""
    askers = Askers(server.endpoint, 10)
    time.sleep(1.5)
    started = time.monotonic()
    time.sleep(seconds)
    times, _, _ = askers.stop()
    return len(times) / (time.monotonic() - started + 1.5)


def overload(short: bool) -> str:
    """Twice what it can do: typed refusals with a useful delay, accepted work as quick as the queue is long, no growth."""
    seconds = 10 if short else 60
    with serving("--queue-items", "16") as server:
        expected(server.endpoint)
        rate = sustainable(server)
        before = server.resident()
        accepted, refused, delays, other, lost, count = _run_open_loop(server, rate * 2, seconds)
        grown = server.resident() - before
        require(not other and lost == 0, f"{lost} of {count} never answered, {other[:3]}")
        require(refused > 0 and min(delays) >= 0.05, "no refusal, or one without a delay")
        # A full queue and the pass that is on its way take this long at the measured rate.
        longest = (16 + 8) / rate * 2 + 0.2
        slow = quantile(accepted, 0.99)
        require(slow < longest, f"accepted work took {slow:.2f} s at p99; a full queue takes {longest:.2f}")
        useful = quantile(delays, 0.5)
        require(useful < 3 * longest, f"the delay told is {useful:.2f} s, a full queue takes {longest:.2f}")
        require(grown < 40, f"memory grew by {grown:.0f} MiB")
        server.stop()
        return (f"{count} requests at {rate * 2:.0f} a second, {len(accepted)} answered (p50 "
                f"{milliseconds(quantile(accepted, 0.5))}, p99 {milliseconds(slow)}), {refused} refused with delays of "
                f"{milliseconds(min(delays))} to {milliseconds(max(delays))}; memory {grown:+.0f} MiB")


def deadlines(short: bool) -> str:
    """Deadlines that pass in the queue and during the pass: DEADLINE, in time, and nothing overdue is begun."""
    with serving("--max-batch", "1", "--metrics", "127.0.0.1:0", "--queue-items", "1000") as server:
        expected(server.endpoint)
        engine = soaking.Engine(server)
        # Two clients, whose items take turns.
        contexts, sockets = zip(*(dealer(server.endpoint) for _ in range(2)))
        late, dropped, worst = 0, 0, 0.0
        for _ in range(3 if short else 10):
            started, begun = time.monotonic(), engine.items()
            sockets[0].send_multipart(request(b"patient", 60))
            # Nothing of this can have its turn in time; of the next one, some can.
            sockets[0].send_multipart(request(b"hopeless", 40, timeout=0.001))
            sockets[1].send_multipart(request(b"some", 100, timeout=0.15))
            codes, moments = {}, {}
            while len(codes) < 3:
                ready = zmq.select(list(sockets), [], [], 60)[0]
                require(ready, f"only {list(codes)} were answered")
                reply = messages.decode(ready[0].recv_multipart())
                codes[reply.request_id] = (
                    [result.status.code for result in reply.items] if reply.items else [reply.status.code])
                moments[reply.request_id] = time.monotonic() - started
            require(codes[b"patient"] == [Code.OK] * 60, f"{codes[b'patient']}")
            require(set(codes[b"some"]) <= {Code.OK, Code.DEADLINE_EXCEEDED}, f"{codes[b'some']}")
            require(codes[b"hopeless"].count(Code.DEADLINE_EXCEEDED) >= len(codes[b"hopeless"]) - 1, "not overdue")
            require(Code.DEADLINE_EXCEEDED in codes[b"some"], "nothing was overdue")
            answered = sum(row.count(Code.OK) for row in codes.values())
            # Of every request at most the item in the engine when its time ended was begun and is dropped.
            extra = engine.items() - begun - answered
            require(0 <= extra <= 2, f"{extra:.0f} overdue items were begun")
            dropped += int(extra)
            late += sum(row.count(Code.DEADLINE_EXCEEDED) for row in codes.values())
            worst = max(worst, moments[b"some"] - 0.15)
        server.stop()
        return (f"{late} items overdue, each told so at most {milliseconds(worst)} after its time; {dropped} were in the engine "
                "then and their results dropped, no other was begun")


def clock_steps(short: bool) -> str:
    """The machine's clock goes back by a day and forth again while clients ask with deadlines: no effect."""
    if not pathlib.Path(CLOCK).exists():
        raise Failed("libfaketime is missing: apt-get install libfaketime")
    stamp = pathlib.Path(f"/tmp/rahf-clock-{os.getpid()}")
    stamp.write_text("+0d\n")
    try:
        fake = {"LD_PRELOAD": CLOCK, "NO_FAKE_STAT": "1", "FAKETIME_TIMESTAMP_FILE": str(stamp), "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}
        with serving(environment=fake) as server:
            wanted = expected(server.endpoint)
            askers = Askers(server.endpoint, 3, pace=0.05, wanted=wanted, policy=Policy(timeout=10, retries=0))
            for step in ["-1d", "+0d", "-400d", "+2d", "-1d"] * (1 if short else 4):
                time.sleep(0.8)
                stamp.write_text(step + "\n")
            time.sleep(1)
            uptime = server.health().uptime
            times, wrong, errors = askers.stop()
            server.stop()
            logged = server.text()
        require(wrong == 0 and not errors, f"{wrong} wrong, {errors[:3]}")
        require(0 < uptime < 120, f"an uptime of {uptime} s")
        require(times[-1] < 5, f"an answer took {times[-1]:.1f} s")
        days = sorted({line[:10] for line in logged.splitlines() if line[:2] == "20"})
        require(len(days) > 1, f"the server's clock did not step: logs of {days}")
        return f"{len(times)} answers while the clock stepped, none wrong or late (logs of {' and '.join(days)})"
    finally:
        stamp.unlink()


def reconnects(short: bool) -> str:
    """Thousands of clients that come, ask and go: no descriptor and no memory stays behind."""
    turns = 1000 if short else 5000
    with serving() as server:
        expected(server.endpoint)

        def come_and_go(count: int) -> None:
            context = zmq.Context()
            ask = pb.Request(protocol_version=1, request_id=b"h", verb=pb.VERB_HEALTH).SerializeToString()
            for _ in range(count):
                socket = context.socket(zmq.DEALER)
                socket.linger = 0
                socket.connect(server.endpoint)
                socket.send(ask)
                require(socket.poll(10_000) != 0, "no answer")
                socket.recv_multipart()
                socket.close()
            context.term()

        come_and_go(500)
        time.sleep(0.5)
        memory, descriptors = server.resident(), server.descriptors()
        come_and_go(turns)
        time.sleep(1)
        grown, more = server.resident() - memory, server.descriptors() - descriptors
        require(grown < 10 and more < 10, f"{grown:.1f} MiB and {more} descriptors stayed")
        server.stop()
        return f"{turns} connections; memory {grown:+.1f} MiB, descriptors {more:+d}"
