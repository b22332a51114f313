"""Universal guidance (Bansal et al. 2023, section 3) of a diffusers latent diffusion pipeline by a rahf server's reward.

    reward = DifferentiableReward(client, {"aesthetics": 1.0}, value_range=(-1.0, 1.0))
    with UniversalGuidance(pipe, reward, "a yellow cat", weight=20.0, recurrence=2):
        image = pipe("a yellow cat").images[0]

The pipeline is used as it is: while the context is open, the denoiser's calls are remembered and the scheduler's step is
replaced by the guided one. With `a` the cumulative alpha at step t, and reward = -loss:

    x0     = (z - sqrt(1 - a) eps) / sqrt(a)                       predicted clean latent, equation 3
    eps    = eps - weight sqrt(1 - a) d reward(decode(x0)) / dz    forward, equation 6
    D      = ascent on reward(decode(x0 + D)) from D = 0           backward, equations 7 and 8
    eps    = eps - sqrt(a / (1 - a)) D                             equation 9
    z_prev = step(eps, t, z);  z = renoise(z_prev)                 recurrence, equation 10
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any

import torch

from .torch import DifferentiableReward


def predicted_clean(
    sample: torch.Tensor, output: torch.Tensor, alpha: torch.Tensor, prediction_type: str
) -> torch.Tensor:
    """x0 from a denoiser's output, for cumulative alpha `alpha` (VP diffusion).

    For flow matching, x0 = sample - sigma * output; such schedulers are not supported by UniversalGuidance.
    """
    signal, noise = alpha.sqrt(), (1 - alpha).sqrt()
    if prediction_type == "epsilon":
        return (sample - noise * output) / signal
    if prediction_type == "v_prediction":
        return signal * sample - noise * output
    if prediction_type == "sample":
        return output
    raise ValueError(f"unknown prediction type {prediction_type!r}")


def with_noise(
    sample: torch.Tensor, epsilon: torch.Tensor, alpha: torch.Tensor, prediction_type: str
) -> torch.Tensor:
    """What a denoiser of the given prediction type would say when it meant the noise `epsilon`."""
    signal, noise = alpha.sqrt(), (1 - alpha).sqrt()
    if prediction_type == "epsilon":
        return epsilon
    clean = (sample - noise * epsilon) / signal
    return clean if prediction_type == "sample" else signal * epsilon - noise * clean


class UniversalGuidance:
    """Guides every sample drawn from `pipe` while the context is open.

    - pipe: a diffusers pipeline with `unet`, `vae` and a DDIM or DDPM scheduler (others keep state between steps, which
      recurrence would break; set `pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)`).
    - reward: with `value_range=(-1, 1)`, the range a VAE decodes to.
    - prompts: one for all images of the batch, or one each.
    - weight: w of s(t) = w sqrt(1 - a). Values that help span 2 to 20,000 with the reward: tune it, or let the reward
      normalise its gradient. 0 switches the forward step off.
    - backward_steps, backward_rate: gradient steps on D, of this length along the latent gradient. Default: none.
    - recurrence: k, how often each step is repeated. Default 1.
    - share: the part of the steps, from the start, that is guided: (0, 1) is all.
    """

    def __init__(
        self, pipe: Any, reward: DifferentiableReward, prompts: str | Sequence[str], *, weight: float = 10.0,
        backward_steps: int = 0, backward_rate: float = 0.1, recurrence: int = 1,
        share: tuple[float, float] = (0.0, 1.0), generator: torch.Generator | None = None,
    ) -> None:
        if type(pipe.scheduler).__name__ not in ("DDIMScheduler", "DDPMScheduler"):
            raise ValueError(
                f"{type(pipe.scheduler).__name__} is not supported: use DDIMScheduler or DDPMScheduler")
        if recurrence < 1 or backward_steps < 0:
            raise ValueError("recurrence is at least 1 and backward_steps at least 0")
        if reward.value_range != (-1.0, 1.0):
            raise ValueError("a VAE decodes to [-1, 1]: make the reward with value_range=(-1.0, 1.0)")
        self.pipe, self.reward, self.prompts = pipe, reward, prompts
        self.weight, self.recurrence, self.share = weight, recurrence, share
        self.backward_steps, self.backward_rate = backward_steps, backward_rate
        self.generator = generator
        self.rewards: list[list[float]] = []
        """Reward of the predicted clean image, per guided step (its last repeat) and image."""
        self._call: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})
        self._step = 0

    def __enter__(self) -> UniversalGuidance:
        unet, scheduler = self.pipe.unet, self.pipe.scheduler
        self._forward, self._scheduler_step = unet.forward, scheduler.step
        self._step = 0
        self.rewards = []

        def forward(*arguments: Any, **options: Any) -> Any:
            self._call = (arguments[1:], options)
            return self._forward(*arguments, **options)

        unet.forward, scheduler.step = forward, self._guided_step
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The instance's attributes go, and the class's own functions show again.
        del self.pipe.unet.forward
        del self.pipe.scheduler.step

    # One guided step.

    def _guided_step(
        self, output: torch.Tensor, timestep: Any, sample: torch.Tensor, *arguments: Any, **options: Any
    ) -> Any:
        scheduler = self.pipe.scheduler
        steps = len(scheduler.timesteps)
        position, self._step = self._step / max(steps, 1), self._step + 1
        if not self.share[0] <= position < self.share[1]:
            return self._scheduler_step(output, timestep, sample, *arguments, **options)
        kind = scheduler.config.prediction_type
        alpha = scheduler.alphas_cumprod.to(sample.device)[int(timestep)]
        previous = sample
        for repeat in range(self.recurrence):
            if repeat > 0:
                sample = self._renoise(previous, timestep, alpha)
                with torch.no_grad():
                    output = self._denoise(sample, timestep)
            guided = self._guide(output, timestep, sample, alpha, kind)
            result = self._scheduler_step(guided, timestep, sample, *arguments, **options)
            previous = result[0] if isinstance(result, tuple) else result.prev_sample
        return result

    def _guide(
        self, output: torch.Tensor, timestep: Any, sample: torch.Tensor, alpha: torch.Tensor, kind: str
    ) -> torch.Tensor:
        clean = predicted_clean(sample, output, alpha, kind)
        epsilon = (sample - alpha.sqrt() * clean) / (1 - alpha).sqrt()
        if self.weight != 0:
            with torch.enable_grad():
                leaf = sample.detach().requires_grad_()
                reward = self._reward(predicted_clean(leaf, self._denoise(leaf, timestep), alpha, kind))
                gradient = torch.autograd.grad(reward.sum(), leaf)[0]
            self.rewards.append(reward.detach().tolist())
            epsilon = epsilon - self.weight * (1 - alpha).sqrt() * gradient
        if self.backward_steps > 0:
            clean = (sample - (1 - alpha).sqrt() * epsilon) / alpha.sqrt()
            change = torch.zeros_like(clean)
            for _ in range(self.backward_steps):
                with torch.enable_grad():
                    leaf = change.detach().requires_grad_()
                    reward = self._reward(clean.detach() + leaf)
                    gradient = torch.autograd.grad(reward.sum(), leaf)[0]
                length = gradient.flatten(1).norm(dim=1).clamp_min(1e-12).reshape(-1, 1, 1, 1)
                change = change + self.backward_rate * gradient / length
            if self.weight == 0:
                self.rewards.append(reward.detach().tolist())
            epsilon = epsilon - (alpha / (1 - alpha)).sqrt() * change
        return with_noise(sample, epsilon.to(sample.dtype), alpha, kind)

    def _denoise(self, sample: torch.Tensor, timestep: Any) -> torch.Tensor:
        """The denoiser as the pipeline last called it, on another sample, classifier-free guidance included."""
        arguments, options = self._call
        copies = 2 if self.pipe.do_classifier_free_guidance else 1
        model_input = self.pipe.scheduler.scale_model_input(torch.cat([sample] * copies), timestep)
        answer = self._forward(model_input, *arguments, **{**options, "return_dict": False})[0]
        if copies == 1:
            return answer  # type: ignore[no-any-return]
        free, guided = answer.chunk(2)
        return free + self.pipe.guidance_scale * (guided - free)  # type: ignore[no-any-return]

    def _reward(self, clean: torch.Tensor) -> torch.Tensor:
        vae = self.pipe.vae
        shift = getattr(vae.config, "shift_factor", None) or 0.0
        image = vae.decode(clean / vae.config.scaling_factor + shift, return_dict=False)[0]
        reward: torch.Tensor = self.reward(image, self.prompts)
        return reward

    def _renoise(self, previous: torch.Tensor, timestep: Any, alpha: torch.Tensor) -> torch.Tensor:
        scheduler = self.pipe.scheduler
        stride = scheduler.config.num_train_timesteps // max(scheduler.num_inference_steps, 1)
        earlier = int(timestep) - stride
        final = getattr(scheduler, "final_alpha_cumprod", torch.tensor(1.0))
        before = (scheduler.alphas_cumprod[earlier] if earlier >= 0 else final).to(previous.device)
        noise = torch.randn(
            previous.shape, generator=self.generator, device=previous.device, dtype=previous.dtype)
        ratio = alpha / before
        return ratio.sqrt() * previous + (1 - ratio).sqrt() * noise
