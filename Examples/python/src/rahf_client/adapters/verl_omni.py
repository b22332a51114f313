"""verl-omni: `async def compute_score_…(data_source, solution_image, ground_truth, extra_info, **kwargs)`.

The trainer gathers many such calls at once; they share one connection, and the server joins them into batches.
Point the reward's configuration at this file and `compute_score_rahf`. `ground_truth` or `extra_info["prompt"]` is the
prompt; `RAHF_ENDPOINT` names the server.
"""

from __future__ import annotations

import asyncio
import os
import weakref
from typing import Any

import numpy

from ..aio import AsyncClient
from ..curve import Curve
from ..types import ItemError
from .ddpo import ENDPOINT

_clients: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncClient] = weakref.WeakKeyDictionary()


def _client() -> AsyncClient:
    loop = asyncio.get_running_loop()
    if loop not in _clients:
        _clients[loop] = AsyncClient(
            os.environ.get(ENDPOINT, "tcp://127.0.0.1:5555").split(","), curve=Curve.from_environment())
    return _clients[loop]


async def compute_score_rahf(
    data_source: str, solution_image: Any, ground_truth: Any, extra_info: dict[str, Any] | None = None, **_: Any
) -> dict[str, float]:
    """`{"score": overall, "rahf_plausibility": …, …}` for one uint8 CHW image; a failure raises."""
    prompt = (extra_info or {}).get("prompt") or ground_truth
    image = solution_image if hasattr(solution_image, "detach") else numpy.asarray(solution_image)
    result = (await _client().score([image], [str(prompt)], layout="CHW"))[0]
    if result.scores is None:
        raise ItemError({0: result.status}, 1)
    return {"score": result.scores["overall"], **{f"rahf_{name}": value for name, value in result.scores.items()}}
