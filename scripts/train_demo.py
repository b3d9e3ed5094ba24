"""Train the network of ``vexplain demo`` on synthetic clips, and write weights, facts and card.

    python scripts/train_demo.py --epochs 8 --seed 0 --out src/vexplain/assets
    python scripts/make_demo_clip.py

About ten minutes on two cores. Clips are made first and kept in memory (1.6 GB for 6,000);
mirroring, transposing and reversing multiply them by sixteen. Parts of most training clips are
removed, and the label fades to "any class" with the share of the ball that is removed: so the
answer rests on the ball, and a clip without the ball has a nearly uniform answer. The second script
makes the clip anew and adds its part to the card.
"""

import argparse
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
import yaml
from jaxtyping import Bool, Float, Int, UInt8
from safetensors.torch import save
from torch import Generator, Tensor
from torch.nn import functional

from vexplain.core.files import write_atomically
from vexplain.datasets import (
    ACTIONS,
    HELD_OUT_PHOTOGRAPHS,
    TRAINING_PHOTOGRAPHS,
    LabelledClip,
    synthetic_clip,
)
from vexplain.models.demo import DemoNetwork, demo_network

FRAMES, SIZE = 16, 64
NAMES = tuple(ACTIONS)
TRAINING, HELD_OUT = 0, 1
# Which share of the ball has to be left for a full label.
ENOUGH = 0.4
BATCH = 32

MIRRORED = {
    "moves right": "moves left",
    "circles clockwise": "circles anticlockwise",
}
TRANSPOSED = {
    "moves right": "moves down",
    "moves left": "moves up",
    "circles clockwise": "circles anticlockwise",
}
REVERSED = {
    "moves right": "moves left",
    "moves down": "moves up",
    "circles clockwise": "circles anticlockwise",
    "grows": "shrinks",
}


@dataclass(frozen=True, eq=False)
class Batch:
    """Clips (N, T, 3, H, W), the ball's region (N, T, H, W) and labels (N,)."""

    clips: Tensor
    region: Tensor
    labels: Tensor


# ---- clips -----------------------------------------------------------------------------------


def worn(clip: LabelledClip, rng: np.random.Generator) -> UInt8[np.ndarray, "T H W 3"]:
    """Return the frames with some blur and noise, as resizing and compression leave them."""
    sigma, noise = rng.uniform(-0.7, 0.7), rng.uniform(0, 5)
    frames = clip.frames
    if sigma > 0.25:
        frames = np.stack([cv2.GaussianBlur(frame, (3, 3), sigma) for frame in frames])
    grain = rng.normal(0, noise, frames.shape[1:]).astype(np.float32)
    return np.asarray(np.clip(frames + grain + 0.5, 0, 255).astype(np.uint8))


def made(
    number: int, *, seed: int, split: int
) -> tuple[UInt8[np.ndarray, "T H W 3"], Bool[np.ndarray, "T H W"]]:
    """Return the frames and the region of one clip; its label is ``number`` modulo K."""
    photographs = TRAINING_PHOTOGRAPHS if split == TRAINING else HELD_OUT_PHOTOGRAPHS
    clip = synthetic_clip(
        (seed, split, number),
        frames=FRAMES,
        size=SIZE,
        label=number % len(NAMES),
        photographs=photographs,
    )
    if split == HELD_OUT:
        return clip.frames, clip.region
    return worn(clip, np.random.default_rng((seed, 2, number))), clip.region


def make_clips(n: int, *, seed: int, split: int, workers: int) -> Batch:
    """Return ``n`` clips as uint8 (N, T, 3, H, W); every class is as frequent."""
    clips = torch.empty(n, FRAMES, 3, SIZE, SIZE, dtype=torch.uint8)
    region = torch.empty(n, FRAMES, SIZE, SIZE, dtype=torch.bool)
    with ProcessPoolExecutor(workers, initializer=partial(cv2.setNumThreads, 1)) as pool:
        results = pool.map(partial(made, seed=seed, split=split), range(n), chunksize=64)
        for i, (frames, inside) in enumerate(results):
            clips[i] = torch.from_numpy(frames).permute(0, 3, 1, 2)
            region[i] = torch.from_numpy(inside)
    return Batch(clips, region, torch.arange(n) % len(NAMES))


# ---- symmetries ------------------------------------------------------------------------------


def renamed(pairs: dict[str, str]) -> Int[Tensor, " K"]:
    """Return the new number of every label when the names of each pair change places."""
    both = pairs | {b: a for a, b in pairs.items()}
    return torch.tensor([NAMES.index(both.get(name, name)) for name in NAMES])


def turned(batch: Batch, generator: Generator) -> Batch:
    """Mirror, transpose and reverse the whole batch at random, labels included."""
    clips, region, labels = batch.clips, batch.region, batch.labels
    mirror, transpose, reverse = (torch.rand(3, generator=generator) < 0.5).tolist()
    if mirror:
        clips, region, labels = clips.flip(-1), region.flip(-1), renamed(MIRRORED)[labels]
    if transpose:
        clips, region = clips.transpose(-1, -2), region.transpose(-1, -2)
        labels = renamed(TRANSPOSED)[labels]
    if reverse:
        clips, region, labels = clips.flip(1), region.flip(1), renamed(REVERSED)[labels]
    shuffled = clips[:, :, torch.randperm(3, generator=generator)]
    return Batch(shuffled, region, labels)


# ---- removals --------------------------------------------------------------------------------


def grown(region: Tensor, reach: int) -> Float[Tensor, "N T H W"]:
    """Return ``region`` widened by ``reach`` pixels."""
    side = 2 * reach + 1
    return functional.max_pool2d(region.float(), side, stride=1, padding=reach)


def keep_cells(generator: Generator, *, soft: bool) -> Float[Tensor, "T H W"]:
    """Return a grid of cells that are present at random, with hard or soft edges."""

    def draw(low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (1,), generator=generator))

    cells = (draw(1, 6), draw(3, 9), draw(3, 9))
    p = float(torch.rand(1, generator=generator))
    present = (torch.rand(1, 1, *cells, generator=generator) < 0.05 + 0.95 * p).float()
    shape = (FRAMES + 4, SIZE + 12, SIZE + 12)
    keep = functional.interpolate(present, shape, mode="trilinear" if soft else "nearest")[0, 0]
    t, y, x = draw(0, 4), draw(0, 12), draw(0, 12)
    return keep[t : t + FRAMES, y : y + SIZE, x : x + SIZE]


def draw_keep(region: Tensor, share: float, generator: Generator) -> Float[Tensor, "N T H W"]:
    """Draw how much of every voxel stays, for ``share`` of the clips; the others stay whole."""
    keep = torch.ones(region.shape)
    kinds = torch.rand(len(region), generator=generator)
    for i, kind in enumerate((kinds / max(share, 1e-6)).tolist()):
        reach = int(torch.randint(0, 4, (1,), generator=generator))
        if kind < 0.35:
            keep[i] = keep_cells(generator, soft=False)
        elif kind < 0.65:
            keep[i] = keep_cells(generator, soft=True)
        elif kind < 0.78:
            keep[i] = 1 - grown(region[i], reach)
        elif kind < 0.89:
            other = grown(region[i - 1], reach)
            keep[i] = 1 - other * (1 - grown(region[i], 1))
        elif kind < 1:
            keep[i] = grown(region[i], reach)
    return keep


def removed(batch: Batch, share: float, generator: Generator) -> tuple[Tensor, Tensor]:
    """Return clips with parts removed, and the soft labels that are right for what is left."""
    keep = draw_keep(batch.region, share, generator)
    clips = batch.clips.float() / 255
    fill = torch.rand(len(clips), 1, 3, 1, 1, generator=generator)
    black = torch.rand(len(clips), 1, 1, 1, 1, generator=generator) < 0.75
    fill = torch.where(black, torch.zeros(1), fill)
    left = (keep * batch.region).sum((1, 2, 3)) / batch.region.sum((1, 2, 3)).clamp(min=1)
    sure = (left / ENOUGH).clamp(max=1)[:, None]
    targets = functional.one_hot(batch.labels, len(NAMES)) * sure + (1 - sure) / len(NAMES)
    return torch.lerp(fill.expand_as(clips), clips, keep[:, :, None]), targets


# ---- training --------------------------------------------------------------------------------


def batches(clips: Batch, generator: Generator) -> Iterator[Batch]:
    """Yield the clips once, in random order."""
    for rows in torch.split(torch.randperm(len(clips.labels), generator=generator), BATCH):
        yield Batch(clips.clips[rows], clips.region[rows], clips.labels[rows])


def train(clips: Batch, held_out: Batch, *, epochs: int, seed: int) -> DemoNetwork:
    """Return a trained network; prints the loss and the held-out accuracy after every epoch."""
    torch.manual_seed(seed)
    network = demo_network(len(NAMES))
    network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    generator = Generator().manual_seed(seed)
    steps = epochs * -(-len(clips.labels) // BATCH)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 6e-3, steps, pct_start=0.2)
    step, start = 0, time.monotonic()
    for epoch in range(epochs):
        network.train()
        total = 0.0
        for batch in batches(clips, generator):
            # Whole clips first: what a ball does must be learned before it can be guessed.
            share = 0.65 * min(max(step / steps - 0.1, 0) / 0.2, 1)
            inputs, targets = removed(turned(batch, generator), share, generator)
            loss = functional.cross_entropy(network(inputs), targets)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()
            step, total = step + 1, total + loss.item() * len(targets)
        right = accuracy(predict(network, held_out.clips), held_out.labels)
        minutes = (time.monotonic() - start) / 60
        print(
            f"epoch {epoch + 1}/{epochs}: loss {total / len(clips.labels):.3f}, "
            f"held-out accuracy {right:.3f}, {minutes:.1f} min",
            flush=True,
        )
    return network.eval()


# ---- measuring -------------------------------------------------------------------------------


def predict(network: DemoNetwork, clips: Tensor, keep: Tensor | None = None) -> Tensor:
    """Return the class scores (N, K) of uint8 clips, with black where ``keep`` is 0."""
    network.eval()
    scores = []
    with torch.inference_mode():
        for rows in torch.split(torch.arange(len(clips)), BATCH):
            inputs = clips[rows].float() / 255
            if keep is not None:
                inputs = inputs * keep[rows][:, :, None]
            scores.append(network(inputs).softmax(-1))
    return torch.cat(scores)


def accuracy(scores: Tensor, labels: Tensor) -> float:
    """Return the share of clips whose highest score is that of their label."""
    return float((scores.argmax(-1) == labels).float().mean())


def measure(network: DemoNetwork, held_out: Batch) -> dict[str, float]:
    """Return what the card says about the network."""
    labels = held_out.labels
    whole = predict(network, held_out.clips)
    ball = grown(held_out.region, 2)
    elsewhere = ball.roll((SIZE // 2, SIZE // 2), (-2, -1)) * (1 - ball)

    def mean_score(keep: Tensor | None) -> float:
        scores = whole if keep is None else predict(network, held_out.clips, keep)
        return float(scores.gather(1, labels[:, None]).mean())

    black = predict(network, torch.zeros_like(held_out.clips[:1]))
    return {
        "held-out clips": len(labels),
        "accuracy": accuracy(whole, labels),
        **{
            f"accuracy, {name}": accuracy(whole[labels == k], labels[labels == k])
            for k, name in enumerate(NAMES)
        },
        "mean score of the true class": mean_score(None),
        "the same with the ball blacked": mean_score(1 - ball),
        "the same with an equal region elsewhere blacked": mean_score(1 - elsewhere),
        "the same with all but the ball blacked": mean_score(ball),
        "highest score on a black clip": float(black.max()),
    }


# ---- writing ---------------------------------------------------------------------------------


def facts() -> str:
    """Return what the network wants and answers, as YAML."""
    wants = {
        "model": "python:vexplain.models.demo:demo_network",
        "arguments": {"n_classes": len(NAMES)},
        "weights": "demo.safetensors",
        "clip": {"frames": FRAMES, "size": SIZE, "sampling": "uniform", "resize": "crop"},
        "layout": "TCHW",
        "channels": "rgb",
        "scale": 1.0,
        "mean": [0.0],
        "std": [1.0],
        "outputs": "logits",
        "class_names": list(NAMES),
    }
    return yaml.safe_dump(wants, sort_keys=False)


CARD = """# The demo's network, and the clip it explains

The network (`vexplain.models.demo`, 0.3 million parameters) takes {frames} frames of
{size} x {size} and says what the beach ball in them does:
{names}.
Two to four other shapes move about as well, and half of the cameras move.

It was trained by `python scripts/train_demo.py --epochs {epochs} --clips {clips} --seed {seed}` on
clips that `vexplain.datasets` makes, in {minutes:.0f} minutes on two shared processor cores (torch
{torch}). Parts of most training clips were removed, and the label faded with the ball's removed
share, so that the answer rests on the ball.

## Measured on held-out clips

Other seeds and photographs than in training ({held_out});
removed voxels are black.

| what | value |
| --- | --- |
{rows}

## Photographs

Backgrounds are files of scikit-image's wheel, all in the public domain, CC0 or without known
copyright restrictions: astronaut and hubble_deep_field (NASA), rocket (SpaceX), brick and gravel
(CC0Textures), clock_motion (Stefan van der Walt), coins (Brooklyn Museum), ihc (CMMI), retina
(Mikael Häggström) in training; camera (Lav Varshney), chelsea (Stefan van der Walt), coffee
(Rachel Michetti), grass (linolafett) held out. Everything else is drawn by this package.

"""


def card(options: argparse.Namespace, measured: dict[str, float], minutes: float) -> str:
    """Return the card: how the network was made, and what was measured."""
    return CARD.format(
        frames=FRAMES,
        size=SIZE,
        names=", ".join(NAMES),
        epochs=options.epochs,
        clips=options.clips,
        seed=options.seed,
        minutes=minutes,
        torch=torch.__version__,
        held_out=", ".join(HELD_OUT_PHOTOGRAPHS),
        rows="\n".join(f"| {what} | {value:.4g} |" for what, value in measured.items()),
    )


def parse() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--clips", type=int, default=6_000, help="training clips")
    parser.add_argument("--held-out", type=int, default=1_600, help="held-out clips")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("src/vexplain/assets"), help="a folder")
    return parser.parse_args()


def main() -> None:
    """Train, measure, write."""
    options = parse()
    os.environ.setdefault("OMP_NUM_THREADS", str(options.threads))
    torch.set_num_threads(options.threads)
    make = partial(make_clips, seed=options.seed, workers=options.threads)
    start = time.monotonic()
    held_out = make(options.held_out, split=HELD_OUT)
    clips = make(options.clips, split=TRAINING)
    print(f"{options.clips} clips made in {time.monotonic() - start:.0f} s", flush=True)
    network = train(clips, held_out, epochs=options.epochs, seed=options.seed)
    measured = measure(network, held_out)
    options.out.mkdir(parents=True, exist_ok=True)
    weights = {name: value.contiguous() for name, value in network.state_dict().items()}
    write_atomically(options.out / "demo.safetensors", save(weights))
    write_atomically(options.out / "demo.yaml", facts().encode())
    minutes = (time.monotonic() - start) / 60
    write_atomically(options.out / "demo.md", card(options, measured, minutes).encode())
    print(yaml.safe_dump(measured, sort_keys=False))


if __name__ == "__main__":
    main()
