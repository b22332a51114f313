"""Client of a rahf server: scores, heatmaps, misaligned words and pixel gradients over ZeroMQ.

    from rahf_client import Client

    with Client("tcp://127.0.0.1:5555") as rahf:
        for result in rahf.score(["a.png", array], ["a yellow cat", "a red bus"], ("scores", "words")):
            print(result.scores["plausibility"] if result.ok else result.status, result.misaligned_words)

A failure is never a number: a failed item has a status and no scores, and `rewards` raises (or masks) it.
"""

from .aio import AsyncClient
from .client import Client
from .curve import Curve
from .retrying import Policy
from .types import (
    HEATMAPS, OUTPUTS, SCORES, Code, Gradient, Group, Health, HeatmapTerm, Info, ItemError, Model, Note, Objective,
    ProtocolError, RahfError, RequestError, Result, Standing, Status, Timings, Word,
)

__all__ = [
    "HEATMAPS", "OUTPUTS", "SCORES", "AsyncClient", "Client", "Code", "Curve", "Gradient", "Group", "Health",
    "HeatmapTerm", "Info", "ItemError", "Model", "Note", "Objective", "Policy", "ProtocolError", "RahfError",
    "RequestError", "Result", "Standing", "Status", "Timings", "Word",
]
