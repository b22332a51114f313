"""ddpo-pytorch, flow_grpo, TempFlow-GRPO: `factory(device)` gives `fn(images, prompts, metadata) -> (scores, info)`.

In flow_grpo, register it beside the others in `rewards.py`'s table of score functions:

    from rahf_client.adapters.ddpo import rahf_score
    score_functions["rahf"] = rahf_score
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy

from ..client import Client
from ..curve import Curve
from ..retrying import Policy
from ..types import SCORES, ItemError

ENDPOINT = "RAHF_ENDPOINT"
"""Environment variable with the server's address; several are separated by commas."""

Reward = Callable[[Any, Sequence[str], Any], "tuple[numpy.ndarray[Any, Any], dict[str, Any]]"]


def client(policy: Policy | None = None) -> Client:
    return Client(os.environ.get(ENDPOINT, "tcp://127.0.0.1:5555").split(","), policy, curve=Curve.from_environment())


def rahf_score(
    device: Any = None, weights: Mapping[str, float] | None = None, policy: Policy | None = None
) -> Reward:
    """Weighted sum of scores, by default `overall`; the four scores are in the info.

    `device` is ignored: the model runs elsewhere. Images are NCHW floats in [0, 1] or NHWC uint8, sent as they are.
    A failed image raises ItemError: a trainer must not learn from a made-up reward.
    """
    rahf = client(policy)
    chosen = dict(weights or {"overall": 1.0})

    def score(images: Any, prompts: Sequence[str], metadata: Any) -> tuple[numpy.ndarray[Any, Any], dict[str, Any]]:
        results = rahf.score(list(images), list(prompts))
        failures = {position: result.status for position, result in enumerate(results) if not result.ok}
        if failures:
            raise ItemError(failures, len(results))
        columns = {
            name: numpy.array([result.scores[name] for result in results if result.scores], numpy.float32)
            for name in SCORES}
        total = sum((weight * columns[name] for name, weight in chosen.items()), numpy.zeros(len(results)))
        return numpy.asarray(total, numpy.float32), {f"rahf_{name}": column for name, column in columns.items()}

    return score
