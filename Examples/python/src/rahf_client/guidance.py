"""Universal guidance (Bansal et al. 2023, section 3) of a diffusers pipeline by a rahf server's reward.

    reward = DifferentiableReward(client, {"aesthetics": 1.0}, value_range=(-1.0, 1.0))
    with UniversalGuidance(pipe, reward, "a yellow cat", weight=20.0, recurrence=2):
        image = pipe("a yellow cat").images[0]

The pipeline is used as it is: while the context is open, the denoiser's calls are remembered and the scheduler's step is
replaced by the guided one. With z = signal x0 + noise eps (`rahf_client.paths`: signal = sqrt(a) and noise = sqrt(1 - a)
for the cumulative alpha a of a diffusion, 1 - sigma and sigma for flow matching) and reward = -loss:

    x0     = the predicted clean latent                            equation 3
    eps    = eps - weight noise d reward(decode(x0)) / dz          forward, equation 6
    D      = ascent on reward(decode(x0 + D)) from D = 0           backward, equations 7 and 8
    eps    = eps - signal / noise D                                equation 9
    z_prev = step(eps, t, z);  z = renoise(z_prev)                 recurrence, equation 10
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any

import torch

from .paths import PATHS, Level
from .torch import DifferentiableReward


class UniversalGuidance:
    """Guides every sample drawn from `pipe` while the context is open.

    - pipe: a diffusers pipeline with a `vae`, a `unet` or a `transformer`, and a DDIM, DDPM or flow-matching Euler
      scheduler: Stable Diffusion, Stable Diffusion 3, Flux. Other schedulers keep state between steps, which recurrence
      would break; where the model allows it, set `pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)`.
    - reward: with `value_range=(-1, 1)`, the range a VAE decodes to.
    - prompts: one for all images of the batch, or one each.
    - weight: w of s(t) = w noise. Values that help span 2 to 20,000 with the reward: tune it, or let the reward
      normalise its gradient. 0 switches the forward step off.
    - backward_steps, backward_rate: gradient steps on D, of this length along the latent gradient. Default: none.
    - recurrence: k, how often each step is repeated. Default 1.
    - share: the part of the steps, from the start, that is guided: (0, 1) is all. A flow's first step is never guided
      where its sample is nothing but noise (sigma 1): no finite change of the noise would show there.
    - size: height and width of the images, for a pipeline that packs its latents (Flux).

    The step calls the denoiser as the pipeline last did. A pipeline that calls it several times a step (Flux with
    `true_cfg_scale`, skip-layer guidance) is refused at its first step.
    """

    def __init__(
        self, pipe: Any, reward: DifferentiableReward, prompts: str | Sequence[str], *, weight: float = 10.0,
        backward_steps: int = 0, backward_rate: float = 0.1, recurrence: int = 1,
        share: tuple[float, float] = (0.0, 1.0), size: tuple[int, int] | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        path = PATHS.get(type(pipe.scheduler).__name__)
        if path is None:
            raise ValueError(f"{type(pipe.scheduler).__name__} is not supported: use one of {', '.join(PATHS)}")
        if recurrence < 1 or backward_steps < 0:
            raise ValueError("recurrence is at least 1 and backward_steps at least 0")
        if reward.value_range != (-1.0, 1.0):
            raise ValueError("a VAE decodes to [-1, 1]: make the reward with value_range=(-1.0, 1.0)")
        self._packed = hasattr(pipe, "_unpack_latents")
        if self._packed and size is None:
            raise ValueError(f"{type(pipe).__name__} packs its latents: give size=(height, width)")
        self.pipe, self.reward, self.prompts = pipe, reward, prompts
        self.weight, self.recurrence, self.share, self.size = weight, recurrence, share, size
        self.backward_steps, self.backward_rate = backward_steps, backward_rate
        self.generator = generator
        self.rewards: list[list[float]] = []
        """Reward of the predicted clean image, per guided step (its last repeat) and image."""
        self._path = path(pipe.scheduler)
        self._denoiser = pipe.unet if getattr(pipe, "unet", None) is not None else pipe.transformer
        self._call: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})
        self._calls = 0
        self._step = 0

    def __enter__(self) -> UniversalGuidance:
        denoiser, scheduler = self._denoiser, self.pipe.scheduler
        self._forward, self._scheduler_step = denoiser.forward, scheduler.step
        self._step = self._calls = 0
        self.rewards = []

        def forward(*arguments: Any, **options: Any) -> Any:
            self._call, self._calls = (arguments, options), self._calls + 1
            return self._forward(*arguments, **options)

        denoiser.forward, scheduler.step = forward, self._guided_step
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The instance's attributes go, and the class's own functions show again.
        del self._denoiser.forward
        del self.pipe.scheduler.step

    # One guided step.

    def _guided_step(
        self, output: torch.Tensor, timestep: Any, sample: torch.Tensor, *arguments: Any, **options: Any
    ) -> Any:
        steps = len(self.pipe.scheduler.timesteps)
        position, self._step = self._step / max(steps, 1), self._step + 1
        calls, self._calls = self._calls, 0
        if calls != 1:
            raise ValueError(f"the pipeline called its denoiser {calls} times for one step: only one call can be guided")
        here, before = self._path.levels(timestep, sample.device)
        if not self.share[0] <= position < self.share[1] or float(here.signal) < 1e-4:
            return self._scheduler_step(output, timestep, sample, *arguments, **options)
        previous = sample
        for repeat in range(self.recurrence):
            if repeat > 0:
                self._path.rewind()
                sample = here.renoised(previous, before, self.generator)
                with torch.no_grad():
                    output = self._denoise(sample, timestep)
            guided = self._guide(output, timestep, sample, here, keep=repeat == self.recurrence - 1)
            result = self._scheduler_step(guided, timestep, sample, *arguments, **options)
            previous = result[0] if isinstance(result, tuple) else result.prev_sample
        return result

    def _guide(
        self, output: torch.Tensor, timestep: Any, sample: torch.Tensor, level: Level, keep: bool
    ) -> torch.Tensor:
        reward = None
        epsilon = level.epsilon(sample, level.clean(sample, output))
        if self.weight != 0:
            with torch.enable_grad():
                leaf = sample.detach().requires_grad_()
                reward = self._reward(level.clean(leaf, self._denoise(leaf, timestep)))
                gradient = torch.autograd.grad(reward.sum(), leaf)[0]
            epsilon = epsilon - self.weight * level.noise * gradient
        if self.backward_steps > 0:
            clean = (sample - level.noise * epsilon) / level.signal
            change = torch.zeros_like(clean)
            for _ in range(self.backward_steps):
                with torch.enable_grad():
                    leaf = change.detach().requires_grad_()
                    moved = self._reward(clean.detach() + leaf)
                    gradient = torch.autograd.grad(moved.sum(), leaf)[0]
                length = gradient.flatten(1).norm(dim=1).clamp_min(1e-12)
                change = change + self.backward_rate * gradient / length.reshape(-1, *[1] * (gradient.dim() - 1))
            reward = moved if reward is None else reward
            epsilon = epsilon - level.signal / level.noise * change
        if keep and reward is not None:
            self.rewards.append(reward.detach().tolist())
        return level.output(sample, epsilon).to(output.dtype)

    def _denoise(self, sample: torch.Tensor, timestep: Any) -> torch.Tensor:
        """The denoiser as the pipeline last called it, on another sample, classifier-free guidance included."""
        arguments, options = self._call
        copies = 2 if getattr(self.pipe, "do_classifier_free_guidance", False) else 1
        model_input = torch.cat([sample] * copies)
        if hasattr(self.pipe.scheduler, "scale_model_input"):
            model_input = self.pipe.scheduler.scale_model_input(model_input, timestep)
        options = {**options, "return_dict": False}
        if arguments:
            answer = self._forward(model_input, *arguments[1:], **options)[0]
        else:
            answer = self._forward(**{**options, "hidden_states": model_input})[0]
        if copies == 1:
            return answer  # type: ignore[no-any-return]
        free, guided = answer.chunk(2)
        return free + self.pipe.guidance_scale * (guided - free)  # type: ignore[no-any-return]

    def _reward(self, clean: torch.Tensor) -> torch.Tensor:
        vae = self.pipe.vae
        if self._packed and self.size is not None:
            clean = self.pipe._unpack_latents(clean, *self.size, self.pipe.vae_scale_factor)
        shift = getattr(vae.config, "shift_factor", None) or 0.0
        image = vae.decode((clean / vae.config.scaling_factor + shift).to(vae.dtype), return_dict=False)[0]
        reward: torch.Tensor = self.reward(image, self.prompts)
        return reward
