#!/usr/bin/env python3
"""Guided against unguided samples of a latent diffusion model, a line per seed.

usage: guide_latent_diffusion.py [--endpoint tcp://127.0.0.1:5555] [--of overall] [--seeds 8]
                                 [--pipeline sd|sd3|flux | --pretrained NAME]

Without --pretrained, the pipeline is tiny and randomly initialised: it draws textures, and the table shows that guidance
raises what the server says of them. With it, the same code guides a real Stable Diffusion, Stable Diffusion 3 or Flux.
"""

from __future__ import annotations

import argparse
import statistics
from typing import Any

import torch
from diffusers import AutoPipelineForText2Image, DDIMScheduler

from rahf_client import Client, ItemError
from rahf_client.guidance import UniversalGuidance
from rahf_client.paths import PATHS
from rahf_client.torch import DifferentiableReward
from tiny_pipelines import embeddings, flow_embeddings, flux, latent_diffusion, stable_diffusion_3

TINY = {"sd": latent_diffusion, "sd3": stable_diffusion_3, "flux": flux}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--endpoint", default="tcp://127.0.0.1:5555")
    parser.add_argument("--prompt", default="a red circle above a blue square")
    parser.add_argument("--of", default="overall", help="plausibility, alignment, aesthetics or overall")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--weight", type=float, default=20.0, help="w of s(t) = w noise, see UniversalGuidance")
    parser.add_argument("--backward-steps", type=int, default=0)
    parser.add_argument("--recurrence", type=int, default=1)
    parser.add_argument("--pipeline", choices=TINY, default="sd", help="the tiny pipeline")
    parser.add_argument("--pretrained", help="name or folder of a Stable Diffusion (1 to 3) or Flux pipeline")
    parser.add_argument("--size", type=int, help="height and width; the default is 64, or 512 with --pretrained")
    options = parser.parse_args()
    side = options.size or (512 if options.pretrained else 64)

    def text(seed: int) -> dict[str, Any]:
        if options.pretrained:
            return {"prompt": options.prompt}
        return embeddings(seed) if options.pipeline == "sd" else flow_embeddings(seed, negative=options.pipeline == "sd3")

    if options.pretrained:
        pipe = AutoPipelineForText2Image.from_pretrained(options.pretrained)
        if type(pipe.scheduler).__name__ not in PATHS:  # Stable Diffusion 1 and 2 take any scheduler of diffusion
            pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
        pipe.to("cuda" if torch.cuda.is_available() else "cpu")
    else:
        pipe = TINY[options.pipeline]()

    with Client(options.endpoint) as client:
        reward = DifferentiableReward(client, {options.of: 1.0}, value_range=(-1.0, 1.0), normalize="l2")

        def score(image: Any) -> float:
            result = client.score([image], options.prompt)[0]
            if result.scores is None:
                raise ItemError({0: result.status}, 1)
            return result.scores[options.of]

        rises = []
        print(f"seed   unguided   guided   {options.of}")
        for seed in range(options.seeds):
            call = {"num_inference_steps": options.steps, "height": side, "width": side, **text(seed)}
            plain = pipe(generator=torch.Generator().manual_seed(seed), **call).images[0]
            with UniversalGuidance(
                pipe, reward, options.prompt, weight=options.weight, backward_steps=options.backward_steps,
                recurrence=options.recurrence, size=(side, side), generator=torch.Generator(pipe.device).manual_seed(seed),
            ):
                guided = pipe(generator=torch.Generator().manual_seed(seed), **call).images[0]
            before, after = score(plain), score(guided)
            rises.append(after - before)
            print(f"{seed:4}   {before:8.4f} {after:8.4f}   {after - before:+.4f}", flush=True)
        risen = sum(rise > 0 for rise in rises)
        print(f"{risen} of {len(rises)} rose; median {statistics.median(rises):+.4f}")


if __name__ == "__main__":
    main()
