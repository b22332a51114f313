"""A real server for the end-to-end tests, when RAHF_BINARY and RAHF_MODEL name the program and a model."""

from __future__ import annotations

import os
import pathlib
import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "examples"))

# Tiny networks run slower on several threads, much slower on a busy machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")

BINARY = os.environ.get("RAHF_BINARY", "")
MODEL = os.environ.get("RAHF_MODEL", "")


class Server:
    """`rahf serve` on a port of the system's choice, or on a given one."""

    def __init__(self, bind: str = "tcp://127.0.0.1:*", *options: str) -> None:
        self.process = subprocess.Popen(
            [BINARY, "serve", "--model", MODEL, "--bind", bind, *options], stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        self.log: list[str] = []
        self.endpoint = ""
        for line in self.process.stderr:
            self.log.append(line)
            if found := re.search(r"(tcp://127\.0\.0\.1:\d+|ipc://\S+)", line):
                self.endpoint = found[1].rstrip(",")
                break
        assert self.endpoint, "".join(self.log)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    if not BINARY or not MODEL:
        pytest.skip("RAHF_BINARY and RAHF_MODEL name no server")
    running = Server()
    yield running
    assert running.stop() == 0


@pytest.fixture
def photographs() -> list[pathlib.Path]:
    return sorted((pathlib.Path(__file__).resolve().parents[2] / "photographs").glob("*.jpg"))
