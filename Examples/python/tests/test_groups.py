"""Standings in groups: against numpy, scipy-like ranks and PyTorch; over requests that were cut or tried again."""

import asyncio
from typing import Any

import numpy
import pytest
import torch

from rahf_client import AsyncClient, Client, ItemError, Policy
from rahf_client.adapters.ddpo import ENDPOINT
from rahf_client.adapters.grpo import rahf_advantages
from rahf_client.groups import advantages, standings
from rahf_client.schema import pb
from rahf_client.types import SCORES

from fake_server import FakeServer, scored

PICTURE = numpy.zeros((4, 4, 3), numpy.uint8)


@pytest.mark.parametrize("seed", range(40))
def test_standings_are_numpys_and_torchs_numbers(seed: int) -> None:
    generator = numpy.random.default_rng(seed)
    values = generator.random(generator.integers(2, 40)).astype(numpy.float32).round(generator.integers(1, 5))
    found = standings([float(value) for value in values])
    wide = values.astype(numpy.float64)
    tensor = torch.from_numpy(wide)
    assert [standing.mean for standing in found] == pytest.approx([wide.mean()] * len(values), rel=1e-6)
    assert [standing.standard_deviation for standing in found] == pytest.approx(
        [tensor.std().item()] * len(values), rel=1e-6, abs=1e-9)
    z_scores = (tensor - tensor.mean()) / (tensor.std() + 1e-4)
    assert [standing.z_score for standing in found] == pytest.approx(z_scores.tolist(), rel=1e-5, abs=1e-6)
    for value, standing in zip(values, found):
        ranks = [1 + int((values > value).sum()) + extra for extra in range(int((values == value).sum()))]
        assert standing.rank == pytest.approx(sum(ranks) / len(ranks))


def test_equal_scores_and_single_ones_have_no_advantage() -> None:
    for scores in ([0.1], [0.7] * 3, [0.1] * 10):
        for standing in standings(scores):
            assert standing.standard_deviation == standing.z_score == 0
            assert standing.mean == numpy.float32(scores[0]) and standing.rank == (len(scores) + 1) / 2
    assert standings([]) == []


@pytest.mark.parametrize("deviation, ddof", [("sample", 1), ("population", 0)])
def test_advantages_are_the_trainers_formula(deviation: str, ddof: int) -> None:
    rewards = numpy.random.default_rng(3).random(24).astype(numpy.float32)
    groups = [n % 3 for n in range(24)]
    found = advantages(rewards, groups, deviation=deviation)
    for group in range(3):
        own = rewards[group::3].astype(numpy.float64)
        assert found[group::3] == pytest.approx((own - own.mean()) / (own.std(ddof=ddof) + 1e-4), rel=1e-5)
    masked = numpy.ma.masked_array(rewards, [n in (0, 7) for n in range(24)])
    left = advantages(masked, groups, deviation=deviation)
    assert numpy.ma.getmaskarray(left).nonzero()[0].tolist() == [0, 7]
    own = rewards[3::3].astype(numpy.float64)
    assert numpy.ma.getdata(left)[3::3] == pytest.approx((own - own.mean()) / (own.std(ddof=ddof) + 1e-4), rel=1e-5)
    with pytest.raises(ValueError):
        advantages(rewards, groups, deviation="both")
    with pytest.raises(ValueError):
        advantages(rewards, groups[1:])


def by_prompt(request: Any, frames: list[bytes]) -> list[bytes]:
    """The prompt's number as every score; 'bad' fails. Knows nothing of groups, as servers of old."""
    reply = pb.Reply.FromString(scored(request, frames)[0])
    for item, entry in zip(request.items, reply.items):
        if item.prompt == b"bad":
            entry.Clear()
            entry.status.code = pb.STATUS_CODE_INVALID_IMAGE
        else:
            for name in SCORES:
                setattr(entry.scores, name, float(item.prompt) / 100)
    return [reply.SerializeToString()]


@pytest.mark.parametrize("max_items", [2, 3, 64])
def test_a_group_is_whole_however_the_call_is_cut(max_items: int) -> None:
    prompts = ["10", "bad", "30", "20", "40", "30"]
    ids = ["a", "a", "a", "b", None, "a"]
    policy = Policy(timeout=5, max_items=max_items)
    with FakeServer(by_prompt) as server:
        with Client(server.endpoint, policy) as client:
            results = client.score([PICTURE] * 6, prompts, groups=ids)

        async def main() -> Any:
            async with AsyncClient(server.endpoint, policy) as other:
                return await other.score([PICTURE] * 6, prompts, groups=ids)

        again = asyncio.run(main())
        sent = [item.group_id for request in server.requests for item in request.items][:6]
    assert [result.group for result in again] == [result.group for result in results]
    assert sent == [b"0", b"0", b"0", b"1", b"", b"0"]
    first, failed, second, alone, none, third = results
    assert failed.group is None and not failed.ok and none.group is None
    assert first.group is not None and (first.group.scored, first.group.failed) == (3, 1)
    assert alone.group is not None and alone.group.standings["overall"].z_score == 0
    assert [result.group.standings["overall"].rank for result in (first, second, third) if result.group] == [3, 1.5, 1.5]


def test_the_servers_own_standings_are_kept_when_it_saw_the_whole_group() -> None:
    def answer(request: Any, frames: list[bytes]) -> list[bytes]:
        reply = pb.Reply.FromString(scored(request, frames)[0])
        for entry in reply.items:
            for name in SCORES:
                standing = getattr(entry.group, name)
                standing.mean, standing.standard_deviation, standing.z_score, standing.rank = 0.5, 0, 7, 1
        return [reply.SerializeToString()]

    with FakeServer(answer) as server, Client(server.endpoint) as client:
        group = client.score([PICTURE] * 2, "a", groups="prompt")[0].group
    assert group is not None and group.standings["overall"].z_score == 7


def test_wrong_groups_are_errors_before_anything_is_sent() -> None:
    with FakeServer(scored) as server, Client(server.endpoint) as client:
        for groups in ("prompts", ["a"]):
            with pytest.raises(ValueError):
                client.score([PICTURE] * 2, "a", groups=groups)
        with pytest.raises(ValueError):
            client.score([PICTURE], "a", ["heatmaps"], groups="prompt")
        assert server.requests == []


def test_a_grpo_loop_gets_advantages_by_prompt_or_by_its_own_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeServer(by_prompt) as server:
        monkeypatch.setenv(ENDPOINT, server.endpoint)
        score = rahf_advantages("cuda", {"overall": 2.0})
        pictures = torch.rand(4, 3, 8, 8)
        values, info = score(pictures, ["10", "10", "20", "40"], None)
        assert values.tolist() == [0, 0, 0, 0] and info["rahf_reward"].tolist() == pytest.approx([0.2, 0.2, 0.4, 0.8])
        values, _ = score(pictures, ["10", "20", "30", "40"], [{"group": n // 2} for n in range(4)])
        assert values.tolist() == pytest.approx([-2 ** -0.5, 2 ** -0.5] * 2, abs=1e-3)
        assert values.dtype == numpy.float32
        with pytest.raises(ItemError):
            score(pictures, ["bad", "20", "30", "40"], None)


def test_client_advantages_mask_what_failed() -> None:
    with FakeServer(by_prompt) as server, Client(server.endpoint) as client:
        found = client.advantages([PICTURE] * 3, ["10", "bad", "20"], [0, 0, 0], on_error="mask")
        assert numpy.ma.getmaskarray(found).tolist() == [False, True, False]
        assert client.advantages([PICTURE] * 2, ["10", "20"], [None, None]).tolist() == [0, 0]
