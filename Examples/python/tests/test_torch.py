from typing import Any

import numpy
import pytest
import torch

from rahf_client import Client, HeatmapTerm, ItemError, Objective, Policy
from rahf_client.guidance import UniversalGuidance
from rahf_client.images import array
from rahf_client.paths import FlowPath, Level
from rahf_client.schema import pb
from rahf_client.torch import DifferentiableReward

from fake_server import FakeServer, base, scored
from test_client import failing
from tiny_pipelines import embeddings, flow_embeddings, flux, latent_diffusion, stable_diffusion_3

POLICY = Policy(timeout=10)
TARGET = numpy.array([0.9, 0.2, 0.1], numpy.float32).reshape(3, 1, 1)


def closeness(pixels: numpy.ndarray[Any, Any]) -> tuple[float, numpy.ndarray[Any, Any]]:
    """1 minus the mean squared distance to a colour, and its gradient."""
    distance = pixels - TARGET
    return float(1 - (distance**2).mean()), (-2 * distance / distance.size).astype(numpy.float32)


def closeness_server(request: Any, frames: list[bytes]) -> list[bytes]:
    reply = base(request)
    sent: list[bytes] = []
    for item in request.items:
        tensor = item.image.tensor
        value, gradient = closeness(array(frames[tensor.frame], tensor.dtype, tuple(tensor.shape)))
        entry = reply.items.add()
        entry.status.code = pb.STATUS_CODE_OK
        if request.verb == pb.VERB_SCORE:
            for name in ("plausibility", "alignment", "aesthetics", "overall"):
                setattr(entry.scores, name, value)
            continue
        weight = item.objective.score_weights.overall
        sent.append((weight * gradient).tobytes())
        entry.gradient.CopyFrom(pb.GradientReply(
            tensor=pb.Tensor(frame=len(sent), dtype=pb.DTYPE_F32, layout=pb.LAYOUT_CHW, shape=gradient.shape),
            objective=weight * value, norm=float(numpy.linalg.norm(weight * gradient)), scale=1))
    return [reply.SerializeToString(), *sent]


@pytest.mark.parametrize("value_range", [(0.0, 1.0), (-1.0, 1.0)])
def test_the_gradient_is_that_of_the_pixels_sent(value_range: tuple[float, float]) -> None:
    low, high = value_range
    images = torch.rand(3, 3, 6, 5) * (high - low) + low
    local = images.clone().requires_grad_()
    expected = 1 - (((local - low) / (high - low) - torch.from_numpy(TARGET)) ** 2).mean(dim=(1, 2, 3))
    (expected * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    with FakeServer(closeness_server) as server, Client(server.endpoint, POLICY) as client:
        reward = DifferentiableReward(client, {"overall": 1.0}, value_range=value_range)
        remote = images.clone().requires_grad_()
        values = reward(remote, ["a", "b", "c"])
        (values * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert torch.allclose(values, expected, atol=1e-6)
    assert remote.grad is not None and local.grad is not None
    assert torch.allclose(remote.grad, local.grad, atol=1e-7)


def test_no_gradient_is_computed_when_none_is_needed() -> None:
    with FakeServer(closeness_server) as server, Client(server.endpoint, POLICY) as client:
        DifferentiableReward(client)(torch.rand(2, 3, 4, 4), "a")
        assert server.requests[0].verb == pb.VERB_SCORE


def test_half_precision_images_get_half_precision_gradients() -> None:
    with FakeServer(closeness_server) as server, Client(server.endpoint, POLICY) as client:
        images = torch.rand(1, 3, 4, 4).bfloat16().requires_grad_()
        DifferentiableReward(client)(images, "a").sum().backward()
        assert images.grad is not None and images.grad.dtype == torch.bfloat16


@pytest.mark.parametrize("normalize", ["l2", "linf"])
def test_gradients_are_normalised_per_image(normalize: str) -> None:
    with FakeServer(closeness_server) as server, Client(server.endpoint, POLICY) as client:
        images = torch.rand(2, 3, 4, 4).requires_grad_()
        reward = DifferentiableReward(client, normalize=normalize)
        reward(images, "a").sum().backward()
        assert images.grad is not None
        order = 2 if normalize == "l2" else float("inf")
        assert torch.allclose(images.grad.flatten(1).norm(order, dim=1), torch.ones(2), atol=1e-5)
        assert len(reward.gradient_norms) == 2 and all(norm > 0 for norm in reward.gradient_norms)


def test_gradients_are_clipped() -> None:
    with FakeServer(closeness_server) as server, Client(server.endpoint, POLICY) as client:
        images = torch.rand(1, 3, 4, 4).requires_grad_()
        DifferentiableReward(client, normalize="linf", clip=0.25)(images, "a").sum().backward()
        assert images.grad is not None and images.grad.abs().max() == pytest.approx(0.25)


def test_a_failed_image_raises() -> None:
    with FakeServer(failing) as server, Client(server.endpoint, POLICY) as client:
        with pytest.raises(ItemError):
            DifferentiableReward(client)(torch.rand(2, 3, 4, 4), "a")


def test_terms_and_masks_reach_the_server() -> None:
    with FakeServer(closeness_server) as server, Client(server.endpoint, POLICY) as client:
        mask = numpy.eye(4, dtype=bool)
        of = Objective({"overall": 1}, [HeatmapTerm("implausibility", -0.5, "mass", mask)])
        DifferentiableReward(client, of)(torch.rand(1, 3, 4, 4), "a")
        term = server.requests[0].items[0].objective.heatmap_terms[0]
        assert (term.heatmap, term.weight, term.reduction) == (1, -0.5, pb.REDUCTION_MASS)
        assert list(term.mask.shape) == [4, 4] and term.mask.dtype == pb.DTYPE_U8


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample", "flow"])
def test_the_clean_latent_and_the_noise_are_two_views_of_one_prediction(kind: str) -> None:
    alpha = torch.tensor(0.3, dtype=torch.float64)
    level = Level(1 - alpha, alpha, kind) if kind == "flow" else Level(alpha.sqrt(), (1 - alpha).sqrt(), kind)
    clean, noise = torch.randn(2, 2, 3, dtype=torch.float64)
    sample = level.signal * clean + level.noise * noise
    output = level.output(sample, noise)
    assert torch.allclose(level.clean(sample, output), clean)
    assert torch.allclose(level.epsilon(sample, clean), noise)
    if kind == "flow":
        assert torch.allclose(output, noise - clean)


@pytest.mark.parametrize("kind", ["epsilon", "flow"])
def test_renoising_gives_the_noisier_levels_own_distribution(kind: str) -> None:
    levels = []
    for amount in (0.8, 0.5):
        value = torch.tensor(amount)
        levels.append(
            Level(1 - value, value, kind) if kind == "flow" else Level((1 - value).sqrt(), value.sqrt(), kind))
    here, before = levels
    generator = torch.Generator().manual_seed(4)
    noise = torch.randn(200_000, generator=generator)
    sample = here.renoised(before.signal * 3 + before.noise * noise, before, generator)
    assert float(sample.mean()) == pytest.approx(float(here.signal) * 3, abs=0.01)
    assert float(sample.std()) == pytest.approx(float(here.noise), abs=0.01)


def test_the_clean_latent_of_a_flow_is_where_its_last_step_would_lead() -> None:
    from diffusers import FlowMatchEulerDiscreteScheduler

    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    scheduler.set_timesteps(5)
    path = FlowPath(scheduler)
    sample, velocity = torch.randn(2, 1, 4, 3, 3)
    here, before = path.levels(scheduler.timesteps[0], sample.device)
    for timestep in scheduler.timesteps:
        here, before = path.levels(timestep, sample.device)
        clean = here.clean(sample, velocity)
        noise = here.epsilon(sample, clean)
        sample = scheduler.step(velocity, timestep, sample, return_dict=False)[0]
        # An Euler step along one velocity goes from level to level of the same two ends.
        assert torch.allclose(sample, before.signal * clean + before.noise * noise, atol=1e-5)
        path.rewind()
        again = path.levels(timestep, sample.device)
        assert torch.equal(again[0].noise, here.noise)
        scheduler._step_index += 1
    assert float(before.noise) == 0 and torch.allclose(sample, clean, atol=1e-5)


def sample_reward(image: Any) -> float:
    return closeness(image[0].permute(2, 0, 1).numpy() if hasattr(image[0], "permute") else
                     numpy.asarray(image[0]).transpose(2, 0, 1))[0]


@pytest.mark.parametrize(
    "options",
    [{"weight": 300.0}, {"weight": 0.0, "backward_steps": 3, "backward_rate": 3.0},
     {"weight": 200.0, "recurrence": 2, "backward_steps": 1}],
    ids=["forward", "backward", "all"])
@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_guidance_raises_the_reward_of_most_samples(options: dict[str, Any], kind: str) -> None:
    pipe = latent_diffusion(prediction_type=kind)
    rises = 0
    with FakeServer(closeness_server) as server, Client(server.endpoint, POLICY) as client:
        reward = DifferentiableReward(client, value_range=(-1.0, 1.0))
        for seed in range(4):
            call = {"num_inference_steps": 6, "output_type": "np", "guidance_scale": 2.0, **embeddings(seed)}
            plain = pipe(generator=torch.Generator().manual_seed(seed), **call).images
            with UniversalGuidance(pipe, reward, "a", generator=torch.Generator().manual_seed(9), **options):
                guided = pipe(generator=torch.Generator().manual_seed(seed), **call).images
            rises += sample_reward(guided) > sample_reward(plain)
    assert rises >= 3


@pytest.mark.parametrize(
    "options",
    [{"weight": 150.0}, {"weight": 0.0, "backward_steps": 3, "backward_rate": 3.0},
     {"weight": 150.0, "recurrence": 2, "backward_steps": 1, "backward_rate": 1.0}],
    ids=["forward", "backward", "all"])
@pytest.mark.parametrize("name", ["stable_diffusion_3", "flux"])
def test_guidance_raises_the_reward_of_most_flow_samples(options: dict[str, Any], name: str) -> None:
    pipe = stable_diffusion_3() if name == "stable_diffusion_3" else flux()
    size: dict[str, Any] = {"height": 64, "width": 64}
    rises = 0
    with FakeServer(closeness_server) as server, Client(server.endpoint, POLICY) as client:
        reward = DifferentiableReward(client, value_range=(-1.0, 1.0))
        for seed in range(4):
            call = {
                "num_inference_steps": 6, "output_type": "np", "guidance_scale": 2.0, **size,
                **flow_embeddings(seed, negative=name == "stable_diffusion_3")}
            plain = pipe(generator=torch.Generator().manual_seed(seed), **call).images
            with UniversalGuidance(
                pipe, reward, "a", generator=torch.Generator().manual_seed(9), size=(64, 64), **options
            ) as guidance:
                guided = pipe(generator=torch.Generator().manual_seed(seed), **call).images
            # The first of the six steps starts from nothing but noise.
            assert len(guidance.rewards) == 5
            rises += sample_reward(guided) > sample_reward(plain)
    assert rises >= 3


@pytest.mark.parametrize("name", ["stable_diffusion_3", "flux"])
def test_without_weight_a_flow_is_sampled_as_before(name: str) -> None:
    pipe = stable_diffusion_3() if name == "stable_diffusion_3" else flux()
    call = {
        "num_inference_steps": 4, "output_type": "np", "height": 64, "width": 64, "guidance_scale": 2.0,
        **flow_embeddings(negative=name == "stable_diffusion_3")}
    before = pipe(generator=torch.Generator().manual_seed(1), **call).images
    with FakeServer(scored) as server, Client(server.endpoint, POLICY) as client:
        reward = DifferentiableReward(client, value_range=(-1.0, 1.0))
        with UniversalGuidance(pipe, reward, "a", weight=0, size=(64, 64)):
            during = pipe(generator=torch.Generator().manual_seed(1), **call).images
    after = pipe(generator=torch.Generator().manual_seed(1), **call).images
    assert numpy.array_equal(before, after)
    assert numpy.allclose(before, during, atol=2e-4)


def test_a_pipeline_that_cannot_be_guided_is_refused() -> None:
    pipe = flux()
    with FakeServer(closeness_server) as server, Client(server.endpoint, POLICY) as client:
        reward = DifferentiableReward(client, value_range=(-1.0, 1.0))
        with pytest.raises(ValueError, match="packs its latents"):
            UniversalGuidance(pipe, reward, "a")
        # True classifier-free guidance calls the transformer twice a step.
        call = {
            "num_inference_steps": 2, "height": 64, "width": 64, "true_cfg_scale": 2.0,
            **flow_embeddings(negative=True)}
        with UniversalGuidance(pipe, reward, "a", size=(64, 64)):
            with pytest.raises(ValueError, match="2 times"):
                pipe(**call)


def test_the_pipeline_is_left_as_it_was() -> None:
    pipe = latent_diffusion()
    call = {"num_inference_steps": 3, "output_type": "np", **embeddings()}
    before = pipe(generator=torch.Generator().manual_seed(1), **call).images
    with FakeServer(closeness_server) as server, Client(server.endpoint, POLICY) as client:
        reward = DifferentiableReward(client, value_range=(-1.0, 1.0))
        with UniversalGuidance(pipe, reward, "a", weight=100) as guidance:
            pipe(generator=torch.Generator().manual_seed(1), **call)
        assert len(guidance.rewards) == 3
    after = pipe(generator=torch.Generator().manual_seed(1), **call).images
    assert numpy.array_equal(before, after)


def test_without_weight_guidance_changes_nothing() -> None:
    pipe = latent_diffusion()
    call = {"num_inference_steps": 3, "output_type": "np", **embeddings()}
    before = pipe(generator=torch.Generator().manual_seed(1), **call).images
    with FakeServer(scored) as server, Client(server.endpoint, POLICY) as client:
        reward = DifferentiableReward(client, value_range=(-1.0, 1.0))
        with UniversalGuidance(pipe, reward, "a", weight=0):
            during = pipe(generator=torch.Generator().manual_seed(1), **call).images
    assert numpy.allclose(before, during, atol=2e-5)


def test_a_scheduler_with_memory_is_refused() -> None:
    from diffusers import PNDMScheduler

    pipe = latent_diffusion()
    pipe.scheduler = PNDMScheduler()
    with FakeServer(scored) as server, Client(server.endpoint, POLICY) as client:
        with pytest.raises(ValueError, match="PNDMScheduler is not supported"):
            UniversalGuidance(pipe, DifferentiableReward(client, value_range=(-1.0, 1.0)), "a")
