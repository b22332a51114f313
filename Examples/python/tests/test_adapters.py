"""Each trainer's own call, on a server that scores everything 0.5 or fails."""

import asyncio
import base64
import io
import sys
import types
from typing import Any

import numpy
import pytest
import torch
from PIL import Image

from rahf_client import ItemError
from rahf_client.adapters.ddpo import ENDPOINT, rahf_score
from rahf_client.adapters.unirl import RahfScorer
from rahf_client.adapters.verl_omni import compute_score_rahf
from rahf_client.schema import pb

from fake_server import FakeServer, scored
from test_client import failing


def test_ddpo_and_flow_grpo_get_scores_and_their_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeServer(scored) as server:
        monkeypatch.setenv(ENDPOINT, server.endpoint)
        score = rahf_score("cuda", {"overall": 1.0, "aesthetics": 1.0})
        values, info = score(torch.rand(3, 3, 8, 8), ["a"] * 3, [{}] * 3)
        assert values.tolist() == [1.0] * 3 and values.dtype == numpy.float32
        assert info["rahf_plausibility"].tolist() == [0.5] * 3
        assert score(numpy.zeros((2, 8, 8, 3), numpy.uint8), ["a"] * 2, None)[0].shape == (2,)
        item = server.requests[0].items[0].image.tensor
        assert item.dtype == pb.DTYPE_F32 and item.layout == pb.LAYOUT_CHW  # not quantised, not compressed


def test_a_failure_reaches_the_trainer_as_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeServer(failing) as server:
        monkeypatch.setenv(ENDPOINT, server.endpoint)
        with pytest.raises(ItemError):
            rahf_score("cpu")(torch.rand(2, 3, 8, 8), ["a"] * 2, None)
        with pytest.raises(ItemError):
            asyncio.run(compute_score_rahf("x", torch.zeros(3, 8, 8, dtype=torch.uint8), "a"))
        with pytest.raises(ItemError):
            RahfScorer().score([{"text": "a", "image": numpy.zeros((8, 8, 3), numpy.uint8)}])


def test_verl_omni_gathers_calls_over_one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> list[dict[str, float]]:
        image = torch.zeros(3, 8, 8, dtype=torch.uint8)
        calls = (compute_score_rahf("x", image, "a", {"prompt": "b"}, other=1) for _ in range(10))
        return await asyncio.gather(*calls)

    with FakeServer(scored) as server:
        monkeypatch.setenv(ENDPOINT, server.endpoint)
        results = asyncio.run(main())
    assert [result["score"] for result in results] == [0.5] * 10
    assert results[0]["rahf_aesthetics"] == 0.5


def test_unirl_items_are_scored_by_their_last_image(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG")
    encoded = base64.b64encode(file.getvalue()).decode()
    item = types.SimpleNamespace(history=[{"text": "draw a cat"}, {"image_b64": encoded}])
    with FakeServer(scored) as server:
        monkeypatch.setenv(ENDPOINT, server.endpoint)
        scorer = RahfScorer()
        assert scorer.score([item]) == [dict.fromkeys(scorer.sub_metric_names, 0.5)]
        assert server.requests[0].items[0].prompt == b"draw a cat"


def test_flow_factory_gets_its_own_output_type(monkeypatch: pytest.MonkeyPatch) -> None:
    class PointwiseRewardModel:
        def __init__(self, config: Any, accelerator: Any) -> None:
            self.config = config

    class RewardModelOutput(types.SimpleNamespace):
        pass

    package, rewards = types.ModuleType("flow_factory"), types.ModuleType("flow_factory.rewards")
    rewards.PointwiseRewardModel = PointwiseRewardModel  # type: ignore[attr-defined]
    rewards.RewardModelOutput = RewardModelOutput  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "flow_factory", package)
    monkeypatch.setitem(sys.modules, "flow_factory.rewards", rewards)
    with FakeServer(scored) as server:
        monkeypatch.setenv(ENDPOINT, server.endpoint)
        from rahf_client.adapters.flow_factory import Rahf

        output = Rahf(types.SimpleNamespace(), None)(prompt=["a"] * 2, image=[Image.new("RGB", (8, 8))] * 2)
        assert output.rewards.tolist() == [0.5, 0.5] and set(output.extra_info) >= {"rahf_overall"}
