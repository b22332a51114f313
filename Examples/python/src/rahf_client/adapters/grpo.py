"""GRPO loops of any trainer: `factory(device)` gives `fn(images, prompts, metadata) -> (advantages, info)`.

The call of ddpo-pytorch and flow_grpo, with advantages in place of rewards. Every image of a group must be in one call:
a trainer that spreads a group over processes gathers rewards (`adapters.ddpo`) and calls `rahf_client.groups.advantages`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from ..groups import EPSILON, advantages
from ..retrying import Policy
from .ddpo import Reward, rahf_score


def rahf_advantages(
    device: Any = None, weights: Mapping[str, float] | None = None, policy: Policy | None = None, *,
    deviation: str = "sample", epsilon: float = EPSILON,
) -> Reward:
    """The weighted sum of scores, by default `overall`, relative to its group.

    A group is the images of one prompt, or those with equal `metadata[i]["group"]` where metadata has that. The
    rewards are in the info as `rahf_reward`, beside the four scores. A failed image raises ItemError.
    """
    score = rahf_score(device, weights, policy)

    def relative(images: Any, prompts: Sequence[str], metadata: Any) -> tuple[Any, dict[str, Any]]:
        rewards, info = score(images, prompts, metadata)
        groups: list[Hashable] = list(prompts)
        if metadata and isinstance(metadata[0], Mapping) and "group" in metadata[0]:
            groups = [entry["group"] for entry in metadata]
        return advantages(rewards, groups, deviation=deviation, epsilon=epsilon), {"rahf_reward": rewards, **info}

    return relative
