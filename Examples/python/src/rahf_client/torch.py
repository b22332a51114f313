"""A reward that PyTorch can differentiate, though it is computed elsewhere.

The server answers a score together with its gradient with respect to the pixels (one stateless call), so autograd needs
no graph on the other side: backward multiplies that gradient by what comes from above.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy
import torch

from .client import Client, objective
from .types import HeatmapTerm, ItemError, Objective, Result


class DifferentiableReward(torch.nn.Module):
    """`reward(images, prompts)`: float32 `[B]`, differentiable in `images`.

    - images: `[B, 3, H, W]` in `value_range`, any size, float16, bfloat16 or float32, on any device. Values are neither
      clamped nor quantised; what lies outside the range is computed with as it is.
    - of: weights of scores, or an Objective with heatmap terms.
    - normalize: None leaves each image's gradient as it is; "l2" divides it by its Euclidean norm, "linf" by its largest
      magnitude (a gradient of zeros stays zeros).
    - clip: the largest magnitude of a gradient's entry, applied after normalising.

    A failed item raises ItemError: there is no reward that means "failed". Items never influence each other.
    """

    def __init__(
        self, client: Client, of: Objective | Mapping[str, float] | None = None,
        value_range: tuple[float, float] = (0.0, 1.0), normalize: str | None = None, clip: float | None = None,
    ) -> None:
        super().__init__()
        if normalize not in (None, "l2", "linf"):
            raise ValueError(f'normalize is None, "l2" or "linf", not {normalize!r}')
        if not value_range[1] > value_range[0]:
            raise ValueError(f"value_range {value_range} is empty")
        self.client = client
        self.objective = objective({"overall": 1.0} if of is None else of)
        self.value_range = value_range
        self.normalize = normalize
        self.clip = clip
        self.gradient_norms: list[float] = []
        """Norms of the last call's gradients as the server computed them, pixels in [0, 1]."""

    def forward(self, images: torch.Tensor, prompts: str | Sequence[str]) -> torch.Tensor:
        if images.ndim != 4 or images.shape[1] != 3:
            raise ValueError(f"images are [B, 3, H, W], not {list(images.shape)}")
        texts = [prompts] * images.shape[0] if isinstance(prompts, str) else list(prompts)
        reward: torch.Tensor = _Reward.apply(images, self, texts)  # type: ignore[no-untyped-call]
        return reward

    def evaluate(
        self, images: torch.Tensor, prompts: Sequence[str], gradient: bool
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Rewards, and gradients with respect to `images` in `value_range`."""
        low, high = self.value_range
        pixels = ((images.detach().float() - low) / (high - low)).cpu().numpy()
        pictures = [numpy.ascontiguousarray(pixel) for pixel in pixels]
        if not gradient and not self.objective.terms:
            results = self.client.score(pictures, prompts, layout="CHW")
            _all_ok(results)
            values = [
                sum(weight * result.scores[name] for name, weight in self.objective.scores.items())
                for result in results if result.scores is not None]
            return torch.tensor(values, dtype=torch.float32, device=images.device), None
        results = self.client.gradient(pictures, prompts, self.objective, layout="CHW")
        _all_ok(results)
        gradients = [result.gradient for result in results if result.gradient is not None]
        self.gradient_norms = [item.norm for item in gradients]
        values = [item.objective for item in gradients]
        stacked = numpy.stack([self._shaped(item.values / (high - low)) for item in gradients])
        return (
            torch.tensor(values, dtype=torch.float32, device=images.device),
            torch.from_numpy(stacked).to(images.device))

    def _shaped(self, gradient: numpy.ndarray[Any, Any]) -> numpy.ndarray[Any, Any]:
        if self.normalize is not None:
            size = numpy.linalg.norm(gradient.ravel()) if self.normalize == "l2" else numpy.abs(gradient).max()
            gradient = gradient / size if size > 0 else gradient
        return gradient if self.clip is None else gradient.clip(-self.clip, self.clip)


class _Reward(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, images: torch.Tensor, reward: DifferentiableReward, prompts: Sequence[str]
    ) -> torch.Tensor:
        values, gradient = reward.evaluate(images, prompts, gradient=ctx.needs_input_grad[0])
        ctx.gradient, ctx.dtype = gradient, images.dtype
        return values

    @staticmethod
    def backward(ctx: Any, *outputs: Any) -> Any:
        scaled = ctx.gradient * outputs[0].float().reshape(-1, 1, 1, 1)
        return scaled.to(ctx.dtype), None, None


def _all_ok(results: Sequence[Result]) -> None:
    failures = {position: result.status for position, result in enumerate(results) if not result.ok}
    if failures:
        raise ItemError(failures, len(results))


__all__ = ["DifferentiableReward", "HeatmapTerm", "Objective"]
