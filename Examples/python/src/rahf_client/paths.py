"""Where a sampler's step stands between noise and image: z = signal · x0 + noise · eps, and what a denoiser's output
says about both ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Level:
    """A point on a diffusion's or a flow's path.

    - signal, noise: sqrt(a) and sqrt(1 - a) for a cumulative alpha `a`; 1 - sigma and sigma for flow matching.
    - kind: what the denoiser predicts: "epsilon", "v_prediction", "sample", or "flow", the velocity eps - x0.
    """

    signal: torch.Tensor
    noise: torch.Tensor
    kind: str

    def clean(self, sample: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
        """x0 from the denoiser's output at `sample`."""
        if self.kind == "epsilon":
            return (sample - self.noise * output) / self.signal
        if self.kind == "v_prediction":
            return self.signal * sample - self.noise * output
        if self.kind == "sample":
            return output
        if self.kind == "flow":
            return sample - self.noise * output
        raise ValueError(f"unknown prediction type {self.kind!r}")

    def epsilon(self, sample: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
        """The noise that makes `clean` into `sample`."""
        return (sample - self.signal * clean) / self.noise

    def output(self, sample: torch.Tensor, epsilon: torch.Tensor) -> torch.Tensor:
        """What the denoiser would say at `sample` when it meant the noise `epsilon`."""
        if self.kind == "epsilon":
            return epsilon
        clean = (sample - self.noise * epsilon) / self.signal
        if self.kind == "sample":
            return clean
        return epsilon - clean if self.kind == "flow" else self.signal * epsilon - self.noise * clean

    def renoised(
        self, earlier: torch.Tensor, before: Level, generator: torch.Generator | None
    ) -> torch.Tensor:
        """A sample of this level drawn from one of the less noisy level `before` (equation 10 for a VP diffusion)."""
        kept = self.signal / before.signal
        added = (self.noise**2 - (kept * before.noise) ** 2).clamp_min(0).sqrt()
        noise = torch.randn(earlier.shape, generator=generator, device=earlier.device, dtype=earlier.dtype)
        return kept.to(earlier.dtype) * earlier + added.to(earlier.dtype) * noise


class DiffusionPath:
    """DDIM and DDPM: they keep nothing between steps."""

    def __init__(self, scheduler: Any) -> None:
        self.scheduler = scheduler

    def levels(self, timestep: Any, device: torch.device) -> tuple[Level, Level]:
        """The levels of a step's sample and of its result."""
        scheduler, kind = self.scheduler, self.scheduler.config.prediction_type
        stride = scheduler.config.num_train_timesteps // max(scheduler.num_inference_steps, 1)
        earlier = int(timestep) - stride
        final = getattr(scheduler, "final_alpha_cumprod", torch.tensor(1.0))
        here, before = (
            alpha.to(device) for alpha in (
                scheduler.alphas_cumprod[int(timestep)], scheduler.alphas_cumprod[earlier] if earlier >= 0 else final))
        return Level(here.sqrt(), (1 - here).sqrt(), kind), Level(before.sqrt(), (1 - before).sqrt(), kind)

    def rewind(self) -> None:
        """Makes the scheduler ready to take its last step again."""


class FlowPath:
    """Flow matching by Euler steps (Stable Diffusion 3, Flux): the scheduler counts its steps."""

    def __init__(self, scheduler: Any) -> None:
        self.scheduler = scheduler

    def levels(self, timestep: Any, device: torch.device) -> tuple[Level, Level]:
        scheduler = self.scheduler
        index = scheduler.step_index
        if index is None:
            index = scheduler.begin_index
        if index is None:
            index = scheduler.index_for_timestep(timestep)
        here, before = (sigma.to(device) for sigma in scheduler.sigmas[index : index + 2])
        return Level(1 - here, here, "flow"), Level(1 - before, before, "flow")

    def rewind(self) -> None:
        self.scheduler._step_index -= 1


PATHS: dict[str, type[DiffusionPath] | type[FlowPath]] = {
    "DDIMScheduler": DiffusionPath, "DDPMScheduler": DiffusionPath,
    "FlowMatchEulerDiscreteScheduler": FlowPath}
"""By the scheduler's class: those of which a step can be repeated."""
