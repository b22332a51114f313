"""Against the real server: the same bits as the command line, REQ sockets, kills, guidance."""

import json
import pathlib
import subprocess
import threading
import time

import numpy
import pytest
import torch
import zmq
from PIL import Image

from rahf_client import Client, Code, HeatmapTerm, Objective, Policy
from rahf_client.guidance import UniversalGuidance
from rahf_client.schema import pb
from rahf_client.torch import DifferentiableReward

from conftest import BINARY, MODEL, Server
from tiny_pipelines import embeddings, latent_diffusion

PROMPT = "a cup of coffee and a spoon on a wooden table"


def test_answers_have_the_bits_of_the_command_line(
    server: Server, photographs: list[pathlib.Path], tmp_path: pathlib.Path
) -> None:
    printed = subprocess.run(
        [BINARY, "score", "--model", MODEL, "--prompt", PROMPT, "--format", "json", "--heatmaps-to", tmp_path,
         "--heatmap-format", "npy", *map(str, photographs)], check=True, capture_output=True, text=True).stdout
    with Client(server.endpoint) as client:
        results = client.score(photographs, PROMPT, ("scores", "heatmaps", "words"))
    for result, line in zip(results, printed.splitlines(), strict=True):
        expected = json.loads(line)
        assert result.scores is not None and result.words is not None
        for name, value in expected["scores"].items():
            assert numpy.float32(result.scores[name]) == numpy.float32(value)
        assert [vars(word) for word in result.words] == expected["words"]
        for name, path in expected["heatmaps"].items():
            assert numpy.array_equal(result.heatmaps[name], numpy.load(path))
        assert [note.kind for note in result.notes] == [note["kind"] for note in expected["notes"]]


def test_the_servers_standings_have_the_bits_of_the_clients_own(
    server: Server, photographs: list[pathlib.Path]
) -> None:
    prompts = [f"{PROMPT}, take {n}" for n in range(7)]
    pictures = [photographs[n % len(photographs)] for n in range(7)]
    ids = ["a", "b", "a", "a", None, "b", "a"]
    with Client(server.endpoint) as client, Client(server.endpoint, Policy(max_items=2)) as cut:
        assert "groups" in client.info().features
        whole, parts = (each.score([*pictures, b"no image"], [*prompts, "x"], groups=[*ids, "a"])
                        for each in (client, cut))
    assert [result.group for result in whole] == [result.group for result in parts]
    first = whole[0].group
    assert first is not None and (first.scored, first.failed) == (4, 1) and whole[4].group is None


def test_gradients_have_the_bits_of_the_command_line(
    server: Server, photographs: list[pathlib.Path], tmp_path: pathlib.Path
) -> None:
    out = tmp_path / "gradient.npy"
    subprocess.run(
        [BINARY, "gradient", "--model", MODEL, "--prompt", PROMPT, str(photographs[0]), "--of",
         "plausibility=1,aesthetics=0.5", "--out", str(out)], check=True, capture_output=True)
    with Client(server.endpoint) as client:
        gradient = client.gradient(photographs[:1], PROMPT, {"plausibility": 1, "aesthetics": 0.5})[0].gradient
    assert gradient is not None and numpy.array_equal(gradient.values, numpy.load(out))


def test_a_photograph_scores_alike_as_a_file_and_as_pixels(
    server: Server, photographs: list[pathlib.Path]
) -> None:
    with Image.open(photographs[0]) as picture:
        pixels = numpy.asarray(picture.convert("RGB"))
    floats = (pixels / numpy.float32(255)).astype(numpy.float32)
    with Client(server.endpoint) as client:
        results = client.score([photographs[0], pixels, floats, floats.transpose(2, 0, 1)], PROMPT)
    assert all(result.scores == pytest.approx(results[0].scores, abs=1e-5) for result in results)
    assert results[1].scores == results[0].scores and results[2].scores == results[3].scores


def test_one_bad_item_costs_its_neighbours_nothing(server: Server, photographs: list[pathlib.Path]) -> None:
    nan = numpy.full((8, 8, 3), numpy.nan, numpy.float32)
    images = [photographs[0], b"not an image", nan, photographs[0].read_bytes()[:2000], photographs[0], photographs[0]]
    prompts: list[str | bytes] = [PROMPT, PROMPT, PROMPT, PROMPT, b"\xff\xfe", PROMPT]
    with Client(server.endpoint) as client:
        results = client.score(images, prompts)
        alone = client.score([photographs[0]], PROMPT)[0]
    assert [result.status.name for result in results] == [
        "OK", "INVALID_IMAGE", "INVALID_PIXELS", "INVALID_IMAGE", "INVALID_PROMPT", "OK"]
    assert results[0].scores == results[5].scores == alone.scores


def test_a_plain_req_socket_is_enough(server: Server) -> None:
    """The worked example of Protocols/README.md."""
    context = zmq.Context()
    socket = context.socket(zmq.REQ)
    socket.connect(server.endpoint)
    socket.send(bytes.fromhex("08011201611804"))
    reply = pb.Reply.FromString(socket.recv())
    assert reply.request_id == b"a" and reply.health.ready
    socket.close()
    context.term()


def test_info_states_limits_and_model(server: Server) -> None:
    with Client(server.endpoint) as client:
        info = client.info()
    assert info.model.digest.startswith("sha256:") and info.limits["max_items"] > 0
    assert info.config["format"] == "rahf" and 1 in info.protocol_versions


def test_a_killed_server_costs_no_answer(photographs: list[pathlib.Path]) -> None:
    if not BINARY or not MODEL:
        pytest.skip("RAHF_BINARY and RAHF_MODEL name no server")
    first = Server()
    endpoint, current = first.endpoint, [first]
    stopped = threading.Event()
    with Client(endpoint) as client:
        expected = client.score(photographs, PROMPT)

    def killer() -> None:
        for _ in range(3):
            time.sleep(0.7)
            current[0].kill()
            current[0] = Server(endpoint)
        stopped.set()

    failures: list[str] = []
    counts = [0, 0, 0, 0]

    def worker(index: int) -> None:
        with Client(endpoint, Policy(timeout=2, retries=10)) as client:
            while not stopped.is_set():
                results = client.score(photographs, PROMPT)
                counts[index] += 1
                if [result.scores for result in results] != [result.scores for result in expected]:
                    failures.append(f"{results}")

    threads = [threading.Thread(target=worker, args=(index,)) for index in range(4)]
    for thread in [*threads, killing := threading.Thread(target=killer)]:
        thread.start()
    for thread in [*threads, killing]:
        thread.join()
    assert current[0].stop() == 0
    assert not failures and all(counts)


def test_the_gradient_of_pixels_points_uphill(server: Server, photographs: list[pathlib.Path]) -> None:
    with Image.open(photographs[0]) as picture:
        pixels = torch.from_numpy(numpy.asarray(picture.convert("RGB")).transpose(2, 0, 1).copy()).float() / 255
    mask = numpy.zeros((16, 16), numpy.uint8)
    mask[4:12, 4:12] = 255
    of = Objective({"overall": 1.0}, [HeatmapTerm("implausibility", -0.5, "mean", mask)])
    with Client(server.endpoint) as client:
        reward = DifferentiableReward(client, of)
        images = pixels[None].requires_grad_()
        before = reward(images, PROMPT)
        before.sum().backward()
        assert images.grad is not None
        step = 1e-2 * images.grad / images.grad.norm()
        after = reward(images.detach() + step, PROMPT)
        # A first-order step of this length should gain |g| times it.
        gained = float((after - before).detach())
        assert gained == pytest.approx(1e-2 * float(images.grad.norm()), rel=0.2, abs=1e-6)


def test_guidance_runs_on_the_real_reward(server: Server) -> None:
    pipe = latent_diffusion()
    with Client(server.endpoint) as client:
        reward = DifferentiableReward(client, {"overall": 1.0}, value_range=(-1.0, 1.0), normalize="l2")
        with UniversalGuidance(pipe, reward, PROMPT, weight=1.0) as guidance:
            pipe(num_inference_steps=3, output_type="np", **embeddings())
    assert len(guidance.rewards) == 3


def test_an_expired_request_says_so(server: Server, photographs: list[pathlib.Path]) -> None:
    with Client(server.endpoint, Policy(timeout=0.001, retries=0)) as client:
        results = client.score(photographs * 8, PROMPT, ("scores", "heatmaps", "words"))
    assert {result.status.code for result in results} <= {Code.OK, Code.DEADLINE_EXCEEDED}
    assert any(result.status.code == Code.DEADLINE_EXCEEDED for result in results)
