"""Flow-Factory: a pointwise reward model. In its configuration: `reward_model: rahf_client.adapters.flow_factory.Rahf`."""

from __future__ import annotations

from typing import Any

import torch
from flow_factory.rewards import PointwiseRewardModel, RewardModelOutput  # type: ignore[import-not-found]

from .ddpo import rahf_score


class Rahf(PointwiseRewardModel):  # type: ignore[misc]
    """The overall score per image; the four scores are in `extra_info`. A failure raises."""

    required_fields = ("prompt", "image")

    def __init__(self, config: Any, accelerator: Any) -> None:
        super().__init__(config, accelerator)
        self._score = rahf_score(weights=getattr(config, "weights", None))

    def __call__(
        self, prompt: list[str], image: list[Any] | None = None, video: Any = None, condition_images: Any = None,
        condition_videos: Any = None, **_: Any,
    ) -> Any:
        if image is None:
            raise ValueError("rahf scores images, not videos")
        rewards, info = self._score(image, prompt, None)
        return RewardModelOutput(rewards=torch.from_numpy(rewards), extra_info=info)
