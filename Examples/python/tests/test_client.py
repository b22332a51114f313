import asyncio
import os
import threading
import time
from typing import Any

import numpy
import pytest

from rahf_client import AsyncClient, Client, Code, ItemError, Objective, Policy, ProtocolError, RequestError
from rahf_client.messages import encode_items, prepare
from rahf_client.schema import pb

from fake_server import FakeServer, base, scored

PICTURE = numpy.zeros((4, 4, 3), numpy.uint8)
QUICK = Policy(timeout=0.3, retries=2, patience=3, max_items=4)


def test_scores_come_back_in_order() -> None:
    def answer(request: Any, frames: list[bytes]) -> list[bytes]:
        reply = pb.Reply.FromString(scored(request, frames)[0])
        for item, entry in zip(request.items, reply.items):
            entry.scores.overall = float(item.prompt) / 100
        return [reply.SerializeToString()]

    with FakeServer(answer) as server, Client(server.endpoint, QUICK) as client:
        results = client.score([PICTURE] * 11, [str(n) for n in range(11)])
        overall = [result.scores["overall"] for result in results if result.scores]
        assert overall == pytest.approx([n / 100 for n in range(11)])
        assert [len(request.items) for request in server.requests] == [4, 4, 3]
        assert client.model is not None and client.model.name == "fake"


def test_one_image_under_many_prompts_is_sent_once() -> None:
    picture = prepare(PICTURE, "a", ["scores"]).picture
    frames = encode_items(b"x", [prepare(picture, f"prompt {n}", ["scores"]) for n in range(5)])
    assert len(frames) == 2


def test_a_refusal_is_waited_out() -> None:
    tries = []

    def answer(request: Any, frames: list[bytes]) -> list[bytes]:
        tries.append(time.monotonic())
        if len(tries) < 5:
            return [base(
                request, pb.STATUS_CODE_OVERLOADED, retryable=True, retry_after_ms=100).SerializeToString()]
        return scored(request, frames)

    with FakeServer(answer) as server, Client(server.endpoint, QUICK) as client:
        assert client.score([PICTURE], "a")[0].ok
    assert len(tries) == 5 and all(later - earlier >= 0.1 for earlier, later in zip(tries, tries[1:]))


def test_a_refusal_without_end_becomes_an_error() -> None:
    def answer(request: Any, frames: list[bytes]) -> list[bytes]:
        return [base(request, pb.STATUS_CODE_DRAINING, retryable=True).SerializeToString()]

    with FakeServer(answer) as server, Client(server.endpoint, Policy(timeout=1, patience=0.5)) as client:
        with pytest.raises(RequestError) as caught:
            client.score([PICTURE], "a")
        assert caught.value.status.code == Code.DRAINING


def test_a_lost_answer_is_asked_for_again_over_a_new_connection() -> None:
    def answer(request: Any, frames: list[bytes]) -> list[bytes] | None:
        return None if len(server.requests) == 1 else scored(request, frames)

    with FakeServer(answer) as server, Client(server.endpoint, QUICK) as client:
        assert client.score([PICTURE], "a")[0].ok
        assert len(server.requests) == 2


def test_a_silent_server_ends_in_an_error_that_may_be_retried() -> None:
    with FakeServer(lambda *_: None) as server, Client(server.endpoint, Policy(timeout=0.1, retries=1)) as client:
        with pytest.raises(RequestError) as caught:
            client.score([PICTURE], "a")
        assert caught.value.status.code == Code.UNAVAILABLE and caught.value.status.retryable


def test_a_server_that_comes_up_late_is_found() -> None:
    client = Client("tcp://127.0.0.1:45871", Policy(timeout=2, retries=3))
    started: list[FakeServer] = []
    timer = threading.Timer(0.5, lambda: started.append(FakeServer(scored, "tcp://127.0.0.1:45871")))
    timer.start()
    try:
        assert client.score([PICTURE], "a")[0].ok
    finally:
        timer.join()
        client.close()
        for server in started:
            server.__exit__()


def test_another_server_takes_over() -> None:
    with FakeServer(lambda *_: None) as dead, FakeServer(scored) as alive:
        with Client([dead.endpoint, alive.endpoint], QUICK) as client:
            assert client.score([PICTURE], "a")[0].ok


def test_only_the_failed_items_are_tried_again() -> None:
    def answer(request: Any, frames: list[bytes]) -> list[bytes]:
        reply = pb.Reply.FromString(scored(request, frames)[0])
        if len(server.requests) == 1:
            reply.items[1].Clear()
            reply.items[1].status.CopyFrom(pb.Status(code=pb.STATUS_CODE_INTERNAL, retryable=True))
        return [reply.SerializeToString()]

    with FakeServer(answer) as server, Client(server.endpoint, QUICK) as client:
        assert all(result.ok for result in client.score([PICTURE] * 3, "a"))
        assert [len(request.items) for request in server.requests] == [3, 1]


def failing(request: Any, frames: list[bytes]) -> list[bytes]:
    reply = pb.Reply.FromString(scored(request, frames)[0])
    reply.items[0].Clear()
    reply.items[0].status.CopyFrom(pb.Status(code=pb.STATUS_CODE_INVALID_IMAGE, message="truncated"))
    return [reply.SerializeToString()]


def test_a_failure_is_never_a_number() -> None:
    with FakeServer(failing) as server, Client(server.endpoint, QUICK) as client:
        results = client.score([PICTURE] * 2, "a")
        assert results[0].scores is None and results[0].status.code == Code.INVALID_IMAGE and results[1].ok
        with pytest.raises(ItemError, match="1 of 2 items failed; item 0: INVALID_IMAGE: truncated"):
            client.rewards([PICTURE] * 2, "a")
        masked = client.rewards([PICTURE] * 2, "a", on_error="mask")
        assert numpy.ma.getmaskarray(masked).tolist() == [True, False]


@pytest.mark.parametrize("damage", ["not protobuf", "too few"])
def test_a_reply_that_breaks_the_protocol_is_an_error(damage: str) -> None:
    def answer(request: Any, frames: list[bytes]) -> list[bytes]:
        reply = pb.Reply.FromString(scored(request, frames)[0])
        if damage == "not protobuf":
            return [pb.Envelope(request_id=request.request_id).SerializeToString() + b"\x1a\x05\xff"]
        del reply.items[0]
        return [reply.SerializeToString()]

    policy = Policy(timeout=0.2, retries=0)
    with FakeServer(answer) as server, Client(server.endpoint, policy) as client:
        with pytest.raises((ProtocolError, RequestError)):
            client.score([PICTURE], "a")


@pytest.mark.parametrize("damage", ["score", "nan", "frame", "length"])
def test_an_item_that_breaks_the_protocol_has_failed_alone(damage: str) -> None:
    def answer(request: Any, frames: list[bytes]) -> list[bytes]:
        reply = pb.Reply.FromString(scored(request, frames)[0])
        if damage == "score":
            reply.items[0].scores.ClearField("overall")
        elif damage == "nan":
            reply.items[0].scores.overall = float("nan")
        else:
            tensor = pb.Tensor(frame=7 if damage == "frame" else 1, dtype=3, layout=3, shape=[1, 1])
            reply.items[0].heatmaps.add(heatmap=1, tensor=tensor)
        return [reply.SerializeToString(), b"123"]

    with FakeServer(answer) as server, Client(server.endpoint, QUICK) as client:
        bad, good = client.score([PICTURE] * 2, "a")
        assert bad.status.code == Code.INTERNAL and bad.scores is None and good.ok


def test_a_code_from_the_future_is_a_failure() -> None:
    def answer(request: Any, frames: list[bytes]) -> list[bytes]:
        return [base(request, 99, message="new").SerializeToString()]

    with FakeServer(answer) as server, Client(server.endpoint, QUICK) as client:
        with pytest.raises(RequestError, match="CODE_99: new"):
            client.score([PICTURE], "a")


def test_gradients_undo_the_scale_of_half_precision() -> None:
    def answer(request: Any, frames: list[bytes]) -> list[bytes]:
        assert request.verb == pb.VERB_GRADIENT
        assert request.items[0].objective.score_weights.overall == 2
        reply = base(request)
        entry = reply.items.add()
        entry.status.code = pb.STATUS_CODE_OK
        entry.gradient.CopyFrom(pb.GradientReply(
            tensor=pb.Tensor(frame=1, dtype=pb.DTYPE_F16, layout=pb.LAYOUT_CHW, shape=[3, 1, 1]),
            objective=0.5, norm=3, scale=0.25))
        return [reply.SerializeToString(), numpy.array([4, 8, 12], numpy.float16).tobytes()]

    with FakeServer(answer) as server, Client(server.endpoint, QUICK) as client:
        gradient = client.gradient([PICTURE], "a", {"overall": 2}, gradient_dtype="float16")[0].gradient
        assert gradient is not None and gradient.values.ravel().tolist() == [1, 2, 3]


def test_wrong_arguments_are_refused_before_anything_is_sent() -> None:
    with FakeServer(scored) as server, Client(server.endpoint, QUICK) as client:
        for call in (
            lambda: client.score([PICTURE], ["a", "b"]),
            lambda: client.score([PICTURE], "a", ["beauty"]),
            lambda: client.gradient([PICTURE], "a", {"beauty": 1}),
            lambda: client.gradient([PICTURE], "a", Objective(terms=[object()])),  # type: ignore[list-item]
            lambda: client.rewards([PICTURE], "a", {"beauty": 1}),
        ):
            with pytest.raises((ValueError, AttributeError)):
                call()
        assert not server.requests


def test_many_threads_share_a_client() -> None:
    with FakeServer(scored) as server, Client(server.endpoint, QUICK) as client:
        outcomes: list[int] = []
        threads = [
            threading.Thread(target=lambda: outcomes.append(sum(r.ok for r in client.score([PICTURE] * 9, "a"))))
            for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert outcomes == [9] * 6


def test_a_forked_process_gets_a_connection_of_its_own() -> None:
    with FakeServer(scored) as server, Client(server.endpoint, QUICK) as client:
        assert client.score([PICTURE], "a")[0].ok
        child = os.fork()
        if child == 0:
            os._exit(0 if client.score([PICTURE], "a")[0].ok else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert client.score([PICTURE], "a")[0].ok


def test_asynchronous_calls_share_a_connection() -> None:
    async def main(endpoint: str) -> None:
        async with AsyncClient(endpoint, QUICK) as client:
            results = await asyncio.gather(*(client.score([PICTURE] * 5, "a") for _ in range(20)))
            assert all(result.ok for call in results for result in call)
            assert (await client.rewards([PICTURE], "a")).tolist() == [0.5]

    with FakeServer(scored) as server:
        asyncio.run(main(server.endpoint))


def test_asynchronous_calls_try_again() -> None:
    async def main(endpoint: str) -> None:
        async with AsyncClient(endpoint, QUICK) as client:
            assert (await client.score([PICTURE], "a"))[0].ok

    def answer(request: Any, frames: list[bytes]) -> list[bytes] | None:
        return None if len(server.requests) == 1 else scored(request, frames)

    with FakeServer(answer) as server:
        asyncio.run(main(server.endpoint))
