"""Where each item stands among those of its group: what trainers that compare images of one prompt (GRPO) learn from."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable, Sequence
from typing import Any

import numpy
from numpy.typing import NDArray

from .types import SCORES, Group, Result, Standing

EPSILON = 1e-4
"""What keeps z-scores finite where all scores are equal. TRL and flow_grpo add as much."""

Groups = Sequence[Hashable] | str | None
"""An id per item, None for no group; or "prompt": items with equal prompts are a group."""


def ids(groups: Groups, prompts: Sequence[str | bytes]) -> list[bytes]:
    """Short ids for the wire, b"" for none."""
    if groups is None:
        return [b""] * len(prompts)
    if isinstance(groups, str):
        if groups != "prompt":
            raise ValueError('groups is "prompt" or an id per item')
        groups = prompts
    if len(groups) != len(prompts):
        raise ValueError(f"{len(groups)} groups for {len(prompts)} items")
    numbers: dict[Hashable, int] = {}
    return [b"" if group is None else b"%d" % numbers.setdefault(group, len(numbers)) for group in groups]


def _moments(values: Sequence[float]) -> tuple[float, float]:
    """Mean and sample deviation, summed in sorted order as the server does, so that both have the same bits."""
    ordered = sorted(values)
    if ordered[0] == ordered[-1]:
        return ordered[0], 0.0
    total = squares = 0.0
    for value in ordered:
        total += value
    mean = total / len(ordered)
    for value in ordered:
        squares += (value - mean) * (value - mean)
    return mean, math.sqrt(squares / (len(ordered) - 1))


def standings(scores: Sequence[float]) -> list[Standing]:
    """The standing of each score among all; numbers rounded to float32 as they are on the wire."""
    if not scores:
        return []
    mean, deviation = _moments(scores)
    ordered = numpy.sort(numpy.asarray(scores, numpy.float64))
    made = []
    for score in scores:
        below, up_to = (int(numpy.searchsorted(ordered, score, side)) for side in ("left", "right"))
        rank = ((len(scores) - up_to + 1) + (len(scores) - below)) / 2
        z_score = 0.0 if deviation == 0 else (score - mean) / (deviation + EPSILON)
        made.append(Standing(*(float(numpy.float32(value)) for value in (mean, deviation, z_score, rank))))
    return made


def with_standings(results: Sequence[Result], wire_ids: Sequence[bytes]) -> list[Result]:
    """The results with their groups computed here, from the final scores of all."""
    members: dict[bytes, list[int]] = {}
    for position, name in enumerate(wire_ids):
        if name:
            members.setdefault(name, []).append(position)
    made = list(results)
    for positions in members.values():
        scored = [(position, scores) for position in positions if (scores := results[position].scores) is not None]
        columns = {name: standings([scores[name] for _, scores in scored]) for name in SCORES}
        for index, (position, _) in enumerate(scored):
            group = Group(
                len(scored), len(positions) - len(scored), {name: column[index] for name, column in columns.items()})
            made[position] = dataclasses.replace(results[position], group=group)
    return made


def settle(results: Sequence[Result], wire_ids: Sequence[bytes], exchanges: int) -> list[Result]:
    """The server's standings where one reply answered everything, otherwise our own: it saw only parts of groups."""
    whole = exchanges == 1 and all(
        result.group is not None for result, group in zip(results, wire_ids) if group and result.scores is not None)
    return list(results) if whole else with_standings(results, wire_ids)


def advantages(
    rewards: NDArray[Any] | Sequence[float], groups: Sequence[Hashable], *, deviation: str = "sample",
    epsilon: float = EPSILON,
) -> NDArray[numpy.float32]:
    """`(reward - group's mean) / (group's deviation + epsilon)`, float32 `[len(rewards)]`.

    `deviation`: "sample" (divided by n - 1: torch.std, TRL) or "population" (divided by n: numpy.std, flow_grpo). 0 for
    a group of one and for a group of equal rewards. Masked rewards are in no group's numbers and stay masked.
    """
    if deviation not in ("sample", "population"):
        raise ValueError('deviation is "sample" or "population"')
    if len(groups) != len(rewards):
        raise ValueError(f"{len(groups)} groups for {len(rewards)} rewards")
    values: Any = numpy.ma.asarray(rewards)
    hidden = numpy.ma.getmaskarray(values)
    made = numpy.zeros(len(values), numpy.float32)
    members: dict[Hashable, list[int]] = {}
    for position, group in enumerate(groups):
        if not hidden[position]:
            members.setdefault(group, []).append(position)
    for positions in members.values():
        chosen = [float(values.data[position]) for position in positions]
        mean, spread = _moments(chosen)
        if deviation == "population":
            spread *= math.sqrt((len(chosen) - 1) / len(chosen))
        for position, value in zip(positions, chosen):
            made[position] = 0.0 if spread == 0 else (value - mean) / (spread + epsilon)
    return numpy.ma.masked_array(made, hidden) if isinstance(rewards, numpy.ma.MaskedArray) else made
