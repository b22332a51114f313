#!/usr/bin/env python3
"""Three servers and a proxy, each in a network namespace of its own, encrypted, under load; one is cut off, one is killed.

A row of Scripts/faults/run.py, as root and with Debian's iproute2; on its own: Scripts/faults/run.py namespaces

    clients 10.77.0.1 ── proxy 10.77.0.10 ── servers 10.77.0.11, .12, .13

Every client must get every answer, none wrong; the clients know the proxy's address alone.
"""
from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from harness import MODEL, PICTURE, PROMPT, RAHF, Skipped, require  # noqa: E402
from rahf_client import Client, Curve, Policy, RequestError  # noqa: E402

SERVERS = [11, 12, 13]
SPACES = {"clients": 1, "proxy": 10, **{f"server-{number}": number for number in SERVERS}}
PREFIX = "rahf-"


def ip(*words: str, inside: str | None = None) -> None:
    command = ["ip", *(["netns", "exec", PREFIX + inside, "ip"] if inside else []), *words]
    subprocess.run(command, check=True, capture_output=True)


def lay_out() -> None:
    """A bridge in a namespace of its own, and a pair of interfaces to each of the others."""
    ip("netns", "add", PREFIX + "bridge")
    ip("link", "add", "br0", "type", "bridge", inside="bridge")
    ip("link", "set", "br0", "up", inside="bridge")
    for number, (name, host) in enumerate(SPACES.items()):
        ip("netns", "add", PREFIX + name)
        ip("link", "add", f"rahf{number}", "type", "veth", "peer", "name", f"rahfb{number}")
        ip("link", "set", f"rahf{number}", "netns", PREFIX + name)
        ip("link", "set", f"rahfb{number}", "netns", PREFIX + "bridge")
        ip("link", "set", f"rahfb{number}", "master", "br0", inside="bridge")
        ip("link", "set", f"rahfb{number}", "up", inside="bridge")
        ip("addr", "add", f"10.77.0.{host}/24", "dev", f"rahf{number}", inside=name)
        ip("link", "set", f"rahf{number}", "up", inside=name)
        ip("link", "set", "lo", "up", inside=name)


def clean_up() -> None:
    for name in [*SPACES, "bridge"]:
        subprocess.run(["ip", "netns", "del", PREFIX + name], capture_output=True)


def run(name: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["ip", "netns", "exec", PREFIX + name, RAHF, *arguments, "--log-level", "warning"])


def ask(endpoint: str, keys: str, stop: str, out: str) -> None:
    """One client: asks until the file `stop` exists, then writes what it got."""
    answers, wrong, worst, wanted = 0, 0, 0.0, None
    errors = []
    policy = Policy(timeout=30, retries=20, heartbeat=1.0)
    with Client(endpoint, policy, curve=Curve(f"{keys}/proxy.key", f"{keys}/client.key_secret")) as client:
        while not os.path.exists(stop):
            started = time.monotonic()
            try:
                scores = client.score([PICTURE], PROMPT)[0].scores
            except RequestError as error:
                errors.append(str(error))
                continue
            wanted = wanted or scores
            answers, wrong = answers + 1, wrong + (scores != wanted)
            worst = max(worst, time.monotonic() - started)
    pathlib.Path(out).write_text(f"{answers}\t{wrong}\t{worst}\t{wanted}\t{';'.join(errors[:3])}\n")


def namespaces(short: bool) -> str:
    """Servers in network namespaces of their own behind a proxy, encrypted: one cut off, one killed, one drained."""
    if os.geteuid() != 0:
        raise Skipped("needs root, to make network namespaces")
    clean_up()
    try:
        lay_out()
    except subprocess.CalledProcessError as error:
        clean_up()
        raise Skipped(f"this system lets no network namespaces be made: {error.stderr.decode().strip()}") from error
    scale = 0.5 if short else 1.0
    running: dict[str, subprocess.Popen[bytes]] = {}
    with tempfile.TemporaryDirectory() as folder:
        try:
            keys = f"{folder}/keys"
            os.mkdir(keys)
            lines = {}
            for name in ("server", "proxy", "client"):
                lines[name] = subprocess.run([RAHF, "keygen", "--out", f"{keys}/{name}"], check=True,
                                             capture_output=True, text=True).stdout
            pathlib.Path(f"{keys}/of-servers").write_text(lines["proxy"])
            pathlib.Path(f"{keys}/of-proxy").write_text(lines["client"])
            for number in SERVERS:
                running[f"server-{number}"] = run(
                    f"server-{number}", "serve", "--model", MODEL, "--threads", "1", "--bind",
                    f"tcp://10.77.0.{number}:5555", "--curve-secret", f"{keys}/server.key_secret", "--curve-clients",
                    f"{keys}/of-servers")
            running["proxy"] = run(
                "proxy", "proxy", "--bind", "tcp://10.77.0.10:5555",
                *[word for number in SERVERS for word in ("--server", f"tcp://10.77.0.{number}:5555")],
                "--curve-secret", f"{keys}/proxy.key_secret", "--curve-clients", f"{keys}/of-proxy", "--servers-key",
                f"{keys}/server.key")
            clients = []
            for number in range(6):
                clients.append(subprocess.Popen(
                    ["ip", "netns", "exec", PREFIX + "clients", sys.executable, __file__, "--client",
                     "tcp://10.77.0.10:5555", keys, f"{folder}/stop", f"{folder}/out-{number}"]))
            time.sleep(8)
            # server-11
            ip("link", "set", "rahfb2", "down", inside="bridge")
            time.sleep(10 * scale)
            ip("link", "set", "rahfb2", "up", inside="bridge")
            running["server-12"].kill()
            time.sleep(8 * scale)
            running["server-13"].send_signal(signal.SIGTERM)
            require(running["server-13"].wait(40) == 0, "a drained server's exit code is not 0")
            time.sleep(6 * scale)
            pathlib.Path(f"{folder}/stop").touch()
            for client in clients:
                require(client.wait(60) == 0, "a client failed")
            rows = [pathlib.Path(f"{folder}/out-{number}").read_text().split("\t") for number in range(len(clients))]
            answers, wrong = sum(int(row[0]) for row in rows), sum(int(row[1]) for row in rows)
            errors = [row[4].strip() for row in rows if row[4].strip()]
            require(wrong == 0 and not errors and len({row[3] for row in rows}) == 1, f"{wrong} wrong, {errors}")
            require(all(int(row[0]) > 10 for row in rows), f"{[row[0] for row in rows]}")
            return (f"{answers} answers to {len(clients)} clients while one server was cut off, one killed and one "
                    f"drained, none wrong or missing; the slowest took {max(float(row[2]) for row in rows):.1f} s")
        finally:
            for process in running.values():
                process.kill()
            clean_up()


if __name__ == "__main__":
    # A client inside its namespace.
    ask(*sys.argv[2:])
