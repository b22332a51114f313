"""Randomly initialised diffusers pipelines for examples and tests: real classes, nothing to download."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import (
    AmusedInpaintPipeline, AmusedPipeline, AmusedScheduler, AutoencoderKL, DDIMScheduler,
    FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel, SD3Transformer2DModel,
    StableDiffusion3Pipeline, StableDiffusionPipeline, UNet2DConditionModel, UVit2DModel, VQModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection


class NoTokenizer:
    """The pipelines get prompt embeddings; nothing is tokenised."""

    model_max_length = 8


def autoencoder(**options: Any) -> Any:
    """Latents of 4 channels at half the size."""
    return AutoencoderKL(
        in_channels=3, out_channels=3, latent_channels=4, block_out_channels=(16, 16), norm_num_groups=8,
        down_block_types=("DownEncoderBlock2D", "DownEncoderBlock2D"),
        up_block_types=("UpDecoderBlock2D", "UpDecoderBlock2D"), layers_per_block=1, **options)


def latent_diffusion(seed: int = 0, prediction_type: str = "epsilon") -> Any:
    """A Stable Diffusion pipeline of 64×64 images from 32×32 latents."""
    torch.manual_seed(seed)
    unet = UNet2DConditionModel(
        sample_size=32, in_channels=4, out_channels=4, layers_per_block=1, block_out_channels=(16, 32),
        norm_num_groups=8, down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), cross_attention_dim=16, attention_head_dim=4)
    vae = autoencoder()
    text = CLIPTextModel(CLIPTextConfig(
        vocab_size=64, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=8))
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False, steps_offset=1,
        prediction_type=prediction_type)
    pipe = StableDiffusionPipeline(
        vae=vae, text_encoder=text, tokenizer=NoTokenizer(), unet=unet, scheduler=scheduler, safety_checker=None,
        feature_extractor=None, requires_safety_checker=False)
    pipe.set_progress_bar_config(disable=True)
    for module in (unet, vae, text):
        module.requires_grad_(False)
    return pipe


def stable_diffusion_3(seed: int = 0) -> Any:
    """A Stable Diffusion 3 pipeline (flow matching) of 64×64 images from 32×32 latents; takes `flow_embeddings`."""
    torch.manual_seed(seed)
    transformer = SD3Transformer2DModel(
        sample_size=32, patch_size=2, in_channels=4, out_channels=4, num_layers=2, attention_head_dim=8,
        num_attention_heads=2, joint_attention_dim=16, caption_projection_dim=16, pooled_projection_dim=16,
        pos_embed_max_size=32)
    pipe = StableDiffusion3Pipeline(
        transformer=transformer, vae=autoencoder(scaling_factor=1.5, shift_factor=0.06),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0), text_encoder=None, tokenizer=None, text_encoder_2=None,
        tokenizer_2=None, text_encoder_3=None, tokenizer_3=None)
    return _frozen(pipe, transformer)


def flux(seed: int = 0) -> Any:
    """A Flux pipeline of 64×64 images from packed 32×32 latents; takes `flow_embeddings`, and `height` and `width`."""
    torch.manual_seed(seed)
    transformer = FluxTransformer2DModel(
        patch_size=1, in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=16, pooled_projection_dim=16, axes_dims_rope=(4, 4, 8))
    pipe = FluxPipeline(
        transformer=transformer, vae=autoencoder(scaling_factor=0.36, shift_factor=0.12),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True), text_encoder=None, tokenizer=None,
        text_encoder_2=None, tokenizer_2=None)
    return _frozen(pipe, transformer)


def _frozen(pipe: Any, denoiser: Any) -> Any:
    pipe.set_progress_bar_config(disable=True)
    for module in (denoiser, pipe.vae):
        module.requires_grad_(False)
    return pipe


def flow_embeddings(seed: int = 0, *, negative: bool) -> dict[str, torch.Tensor]:
    """Of a prompt, and of the empty one for pipelines that want it (Stable Diffusion 3)."""
    generator = torch.Generator().manual_seed(seed)
    found = {}
    for prefix in ("", "negative_") if negative else ("",):
        found[f"{prefix}prompt_embeds"] = torch.randn(1, 8, 16, generator=generator)
        found[f"{prefix}pooled_prompt_embeds"] = torch.randn(1, 16, generator=generator)
    return found


def embeddings(seed: int = 0, batch: int = 1) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        "prompt_embeds": torch.randn(batch, 8, 16, generator=generator),
        "negative_prompt_embeds": torch.randn(batch, 8, 16, generator=generator),
    }


def muse(seed: int = 0) -> tuple[Any, Any]:
    """An AmusedPipeline of 64×64 images from 16×16 tokens, and its inpainting form over the same networks."""
    torch.manual_seed(seed)
    transformer = UVit2DModel(
        hidden_size=16, cond_embed_dim=16, micro_cond_encode_dim=2, micro_cond_embed_dim=10, encoder_hidden_size=16,
        vocab_size=65, codebook_size=64, in_channels=16, block_out_channels=16, num_res_blocks=1, block_num_heads=2,
        num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, sample_size=16)
    vqvae = VQModel(
        act_fn="silu", block_out_channels=(8, 8, 8), down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3, in_channels=3, out_channels=3, latent_channels=8,
        layers_per_block=1, norm_num_groups=8, num_vq_embeddings=64, sample_size=64, mid_block_add_attention=False,
        lookup_from_codebook=True)
    text = CLIPTextModelWithProjection(CLIPTextConfig(
        vocab_size=64, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=8, projection_dim=16))
    parts = {
        "vqvae": vqvae, "tokenizer": NoTokenizer(), "text_encoder": text, "transformer": transformer,
        "scheduler": AmusedScheduler(mask_token_id=64)}
    pipes = AmusedPipeline(**parts), AmusedInpaintPipeline(**parts)
    for pipe in pipes:
        pipe.set_progress_bar_config(disable=True)
    return pipes


def muse_embeddings(seed: int = 0, batch: int = 1) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        "prompt_embeds": torch.randn(batch, 16, generator=generator),
        "encoder_hidden_states": torch.randn(batch, 8, 16, generator=generator),
        "negative_prompt_embeds": torch.randn(batch, 16, generator=generator),
        "negative_encoder_hidden_states": torch.randn(batch, 8, 16, generator=generator),
    }
