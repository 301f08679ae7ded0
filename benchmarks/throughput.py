"""Images per second: the engine beside a bare torch loop on the same net, and what share of the time the data take.

Run `python benchmarks/throughput.py [--threads 2] [--steps 60] [--rounds 5]`. Engine and bare loop take turns in one
process, so the ratio holds when the machine's speed drifts; every figure is the median over the rounds.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch

from unweave.engine import Spec
from unweave.engine.train import Loop, train

CASES = {
    "dlib-conv 64x64, vae": ("vae", {"net": "dlib-conv"}),
    "dlib-conv 64x64, factor-vae": ("factor-vae", {"net": "dlib-conv", "critic_layers": 3, "critic_width": 256}),
    "conv 32x32, factor-vae": (
        "factor-vae", {"data.size": 32, "net": "conv", "critic_layers": 3, "critic_width": 256},
    ),
}  # fmt: skip


def bare_vae(spec: Spec, images: list[torch.Tensor]) -> float:
    """Images per second of a loop that is nothing but torch: same net, same optimiser, images in memory already."""
    state = Loop(spec).state
    vae, adam = state.vae, state.optimiser
    critic, critic_adam = state.critic_net, state.critic_optimiser
    began = time.perf_counter()
    for at in range(0, len(images), 2):
        x = images[at]
        q = vae.encode(x).posterior
        z = q.mean + (0.5 * q.log_variance).exp() * torch.randn_like(q.mean)
        nll = torch.nn.functional.binary_cross_entropy_with_logits(vae.decoder(z), x, reduction="sum") / len(x)
        kl = 0.5 * (q.mean**2 + q.log_variance.exp() - 1 - q.log_variance).sum() / len(x)
        loss = nll + kl
        if critic is not None:
            critic.requires_grad_(False)
            logits = critic(z)
            loss = loss + 10 * (logits[:, 0] - logits[:, 1]).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        if critic is not None and critic_adam is not None:
            critic.requires_grad_(True)
            with torch.no_grad():
                q2 = vae.encode(images[at + 1]).posterior
                z2 = q2.mean + (0.5 * q2.log_variance).exp() * torch.randn_like(q2.mean)
                z2 = z2.gather(0, torch.rand_like(z2).argsort(0))
            labels = torch.zeros(len(x), dtype=torch.long)
            cross = torch.nn.functional.cross_entropy
            critic_loss = 0.5 * (cross(critic(z.detach()), labels) + cross(critic(z2), labels + 1))
            critic_adam.zero_grad()
            critic_loss.backward()
            critic_adam.step()
    return len(images) // 2 * len(images[0]) / (time.perf_counter() - began)


def engine(spec: Spec, folder: Path) -> float:
    """Images per second of `train`, checkpoints off, from its own log without the first line."""
    import json

    out = train(spec, folder, overwrite=True)
    done = json.loads((out / "done.json").read_text())
    return done["images"] / done["seconds"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    print(f"torch {torch.__version__}, {given.threads} threads, batch 64, {given.rounds} rounds of {given.steps} steps")
    for name, (method, settings) in CASES.items():
        spec = Spec.make(
            method, data="dsprites", steps=given.steps, lr=1e-3, threads=given.threads, log_every=given.steps,
            checkpoint_every=10**9, **settings,
        )  # fmt: skip
        loop = Loop(spec)
        images = [loop.fetch(loop.state.batches) for _ in range(2 * given.steps)]
        fetch = []
        for _ in range(200):
            began = time.perf_counter()
            loop.fetch(loop.state.batches)
            fetch.append(time.perf_counter() - began)
        bare, ours = [], []
        with tempfile.TemporaryDirectory() as place:
            for _ in range(given.rounds):
                bare.append(bare_vae(spec, images))
                ours.append(engine(spec, Path(place) / "run"))
        ratio = statistics.median(o / b for o, b in zip(ours, bare, strict=True))
        batches = 2 if method == "factor-vae" else 1
        share = batches * statistics.median(fetch) * statistics.median(ours) / 64
        print(
            f"{name:30} bare {statistics.median(bare):6.0f}  engine {statistics.median(ours):6.0f} images/s"
            f"  ratio {ratio:.3f}  data {100 * share:.1f} % of the time"
        )


if __name__ == "__main__":
    main()
