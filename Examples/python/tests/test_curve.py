"""Encryption and who may connect, against the real server, with files that pyzmq's own reader reads."""

import asyncio
import os
import pathlib
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest
import zmq.auth

from rahf_client import AsyncClient, Client, Code, Curve, Policy, RequestError

from conftest import BINARY, MODEL, Server

QUICK = Policy(timeout=20, retries=1, heartbeat=2)
PICTURE = b"not an image: its own item fails, which is an answer"


def keygen(path: pathlib.Path) -> str:
    """The line that lets the new key in."""
    return subprocess.run([BINARY, "keygen", "--out", str(path)], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    if not BINARY or not MODEL:
        pytest.skip("RAHF_BINARY and RAHF_MODEL name no server")
    folder = tmp_path_factory.mktemp("keys")
    lines = {name: keygen(folder / name) for name in ("server", "other", "alice", "bob", "eve")}
    (folder / "clients").write_text("# who may ask\n\n" + lines["alice"] + lines["bob"])
    for name, line in lines.items():
        (folder / f"{name}.line").write_text(line)
    return folder


@pytest.fixture(scope="module")
def locked(keys: pathlib.Path) -> Iterator[Server]:
    running = Server(
        "tcp://127.0.0.1:*", "--curve-secret", str(keys / "server.key_secret"), "--curve-clients",
        str(keys / "clients"), "--log-level", "trace")
    yield running
    assert running.stop() == 0


def curve(keys: pathlib.Path, name: str | None, server: str = "server") -> Curve:
    return Curve(keys / f"{server}.key", None if name is None else keys / f"{name}.key_secret")


def code(endpoint: str, given: Curve | None) -> int:
    started = time.monotonic()
    try:
        with Client(endpoint, QUICK, curve=given) as client:
            return client.score([PICTURE], "a cat")[0].status.code
    except RequestError as error:
        assert time.monotonic() - started < 10, "a refusal is told at once, not as silence"
        return error.status.code


def test_key_files_are_those_of_pyzmq(keys: pathlib.Path) -> None:
    public, secret = zmq.auth.load_certificate(keys / "alice.key_secret")
    assert secret is not None and zmq.curve_public(secret) == public
    assert zmq.auth.load_certificate(keys / "alice.key") == (public, None)
    assert (keys / "alice.key_secret").stat().st_mode & 0o777 == 0o600
    assert (keys / "alice.line").read_text() == f"{public.decode()} alice\n"


def test_pyzmqs_own_keys_are_read_too(keys: pathlib.Path, locked: Server) -> None:
    zmq.auth.create_certificates(keys, "made-by-pyzmq")
    os.chmod(keys / "made-by-pyzmq.key_secret", 0o600)
    line = zmq.auth.load_certificate(keys / "made-by-pyzmq.key")[0].decode() + " pyzmq\n"
    (keys / "clients").write_text((keys / "alice.line").read_text() + (keys / "bob.line").read_text() + line)
    locked.process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert code(locked.endpoint, curve(keys, "made-by-pyzmq")) == Code.INVALID_IMAGE


def test_only_listed_keys_get_in(keys: pathlib.Path, locked: Server) -> None:
    assert code(locked.endpoint, curve(keys, "alice")) == Code.INVALID_IMAGE
    assert code(locked.endpoint, curve(keys, "eve")) == Code.PERMISSION_DENIED
    assert code(locked.endpoint, curve(keys, None)) == Code.PERMISSION_DENIED
    assert code(locked.endpoint, None) == Code.PERMISSION_DENIED
    assert code(locked.endpoint, curve(keys, "alice", "other")) == Code.PERMISSION_DENIED


def test_the_asyncio_client_is_let_in_or_told(keys: pathlib.Path, locked: Server) -> None:
    async def ask(name: str) -> int:
        async with AsyncClient(locked.endpoint, QUICK, curve=curve(keys, name)) as client:
            try:
                return (await client.score([PICTURE], "a cat"))[0].status.code
            except RequestError as error:
                return error.status.code

    assert asyncio.run(ask("alice")) == Code.INVALID_IMAGE
    assert asyncio.run(ask("eve")) == Code.PERMISSION_DENIED


@pytest.mark.parametrize("hang_up", [True, False])
def test_a_revoked_key_is_out_at_once(keys: pathlib.Path, locked: Server, hang_up: bool) -> None:
    everyone = (keys / "alice.line").read_text() + (keys / "bob.line").read_text()
    (keys / "clients").write_text(everyone)
    locked.process.send_signal(signal.SIGHUP)
    with Client(locked.endpoint, QUICK, curve=curve(keys, "alice")) as alice, \
            Client(locked.endpoint, QUICK, curve=curve(keys, "bob")) as bob:
        assert alice.health().live and bob.health().live
        (keys / "clients").write_text((keys / "bob.line").read_text())
        if hang_up:
            locked.process.send_signal(signal.SIGHUP)
        time.sleep(0.3 if hang_up else 1.5)
        # Over the connection that stood, and over a new one.
        with pytest.raises(RequestError) as refused:
            alice.health()
        assert refused.value.status.code == Code.PERMISSION_DENIED
        assert code(locked.endpoint, curve(keys, "alice")) == Code.PERMISSION_DENIED
        assert bob.health().live
    (keys / "clients").write_text(everyone)


def test_a_connection_whose_queue_is_gone_is_given_up_for_a_new_one(keys: pathlib.Path, locked: Server) -> None:
    """libzmq takes it away when a server refuses a connection that stood; sending would wait for ever."""
    (keys / "clients").write_text((keys / "alice.line").read_text() + (keys / "bob.line").read_text())
    locked.process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    with Client(locked.endpoint, QUICK, curve=curve(keys, "alice")) as alice:
        assert alice.health().live
        assert alice._socket is not None
        alice._socket.disconnect(locked.endpoint)
        assert alice.health().live

    async def ask() -> int:
        async with AsyncClient(locked.endpoint, QUICK, curve=curve(keys, "alice")) as client:
            assert (await client.score([PICTURE], "a cat"))[0].status.code == Code.INVALID_IMAGE
            assert client._socket is not None
            client._socket.disconnect(locked.endpoint)
            return (await client.score([PICTURE], "a cat"))[0].status.code

    assert asyncio.run(asyncio.wait_for(ask(), 60)) == Code.INVALID_IMAGE


def test_the_command_line_uses_keys(keys: pathlib.Path, locked: Server, photographs: list[pathlib.Path]) -> None:
    (keys / "clients").write_text((keys / "alice.line").read_text())
    locked.process.send_signal(signal.SIGHUP)
    time.sleep(0.3)

    def score(*options: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [BINARY, "score", "--server", locked.endpoint, "--prompt", "a cat", "--outputs", "scores", *options,
             str(photographs[0])], capture_output=True, text=True)

    key = ["--curve-server", str(keys / "server.key"), "--curve-secret"]
    assert score(*key, str(keys / "alice.key_secret")).returncode == 0
    denied = score(*key, str(keys / "eve.key_secret"))
    assert denied.returncode == 1 and "permission_denied" in denied.stderr


def test_keys_show_neither_in_logs_nor_in_ps(keys: pathlib.Path) -> None:
    server = Server(
        "tcp://127.0.0.1:*", "--curve-secret", str(keys / "server.key_secret"), "--curve-clients",
        str(keys / "clients"), "--log-level", "trace")
    (keys / "clients").write_text((keys / "alice.line").read_text() + "slip\n")
    server.process.send_signal(signal.SIGHUP)
    for name in ("alice", "eve"):
        code(server.endpoint, curve(keys, name))
    listed = pathlib.Path(f"/proc/{server.process.pid}/cmdline").read_bytes() + pathlib.Path(
        f"/proc/{server.process.pid}/environ").read_bytes()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.stderr is not None
    log = "".join(server.log) + server.process.stderr.read()
    assert server.process.wait() == 0 and "stays as it was" in log and "refused a client" in log
    for name in ("server", "alice", "eve"):
        secret = zmq.auth.load_certificate(keys / f"{name}.key_secret")[1]
        assert secret is not None and secret.decode() not in log and secret not in listed
    (keys / "clients").write_text((keys / "alice.line").read_text() + (keys / "bob.line").read_text())


@pytest.mark.parametrize("options, allowed", [
    ([], False), (["--insecure"], True), (["--curve-secret", "KEY"], True)])
def test_other_machines_need_encryption_or_an_express_wish(
    keys: pathlib.Path, options: list[str], allowed: bool
) -> None:
    words = [str(keys / "server.key_secret") if word == "KEY" else word for word in options]
    process = subprocess.Popen(
        [BINARY, "serve", "--model", MODEL, "--bind", "tcp://0.0.0.0:*", *words], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    if allowed:
        assert any("listening" in line for line in process.stderr)
        process.terminate()
        assert process.wait() == 0
    else:
        assert process.wait() == 64 and "--insecure" in process.stderr.read()


def test_a_secret_that_others_can_read_is_not_used(keys: pathlib.Path, tmp_path: pathlib.Path) -> None:
    keygen(tmp_path / "open")
    os.chmod(tmp_path / "open.key_secret", 0o644)
    ended = subprocess.run(
        [BINARY, "serve", "--model", MODEL, "--curve-secret", str(tmp_path / "open.key_secret")], capture_output=True,
        text=True)
    assert ended.returncode == 1 and "chmod 600" in ended.stderr
    with pytest.raises(PermissionError):
        with Client("tcp://127.0.0.1:1", QUICK, curve=Curve(keys / "server.key", tmp_path / "open.key_secret")) as client:
            client.health()
