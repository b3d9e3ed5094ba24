"""Measure what explanations cost beside the bare forward passes that they need.

    python scripts/measure_speed.py --device cuda --precision float32 bfloat16

The paper's three networks at their published sizes, with random weights, on a clip of moving
noise. For every way of running, a batch that lies on the device already is first answered again
and again, bare; then the clip is explained with batches of that size, by every method asked for.
Times are of one run on one machine, so what to look at is ``overhead``: seconds per forward pass
of the whole explanation over bare seconds.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from vexplain import catalog
from vexplain.core import Classifier, Explanation, ModelSpec, VideoClip
from vexplain.engine import explain
from vexplain.engine.stream import suitable_batch
from vexplain.models import Running, as_classifier
from vexplain.models.networks import (
    TPN,
    TANet,
    TANetConfig,
    TimeSformer,
    TimeSformerConfig,
    TPNConfig,
)
from vexplain.video import clip_from_array

NETWORKS: dict[str, Callable[[], torch.nn.Module]] = {
    "timesformer": lambda: TimeSformer(TimeSformerConfig()),
    "tanet": lambda: TANet(TANetConfig()),
    "tpn": lambda: TPN(TPNConfig()),
}
BARE = 5
"""Bare batches that are timed, after two that warm up."""


@dataclass(frozen=True)
class Wanted:
    """What to measure."""

    device: torch.device
    precisions: list[str]
    networks: list[str]
    methods: list[str]
    samples: int
    batch_size: int | None
    compiled: bool
    channels_last: bool


def noise(frames: int = 8, size: int = 224) -> VideoClip:
    """Return a clip of coarse noise that drifts, so that segmentations have edges to find."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, size // 8, size // 8, generator=generator)
    still = torch.nn.functional.interpolate(coarse, size=size, mode="bicubic").clamp(0, 1)[0]
    return clip_from_array(torch.stack([still.roll(4 * t, -1) for t in range(frames)]))


def waited(device: torch.device) -> float:
    """Return the time once the device has nothing left to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def bare_seconds(model: Classifier, clip: VideoClip, batch_size: int) -> float:
    """Return seconds per clip of forward passes on a batch that lies on the device already."""
    batch = clip.frames.to(model.device).expand(batch_size, -1, -1, -1, -1).contiguous()
    with torch.inference_mode():
        for _ in range(2):
            model(batch)
        start = waited(model.device)
        for _ in range(BARE):
            model(batch)
        return (waited(model.device) - start) / (BARE * batch_size)


def peak_of(device: torch.device) -> str:
    """Return the most memory that torch held since the last time, in words."""
    if device.type != "cuda":
        return ""
    peak = torch.cuda.max_memory_allocated(device) / 2**30
    torch.cuda.reset_peak_memory_stats(device)
    return f"{peak:6.2f} GiB"


def explained(model: Classifier, clip: VideoClip, name: str, n: int, size: int) -> Explanation:
    """Return an explanation of the predicted class, of ``n`` samples where the method draws any."""
    make = catalog.METHODS[name]
    method = make(n_samples=n) if name in ("lime", "kernel-shap", "rise") else make()
    return explain(clip, model, method=method, batch_size=size)[0]


def measure(name: str, precision: str, wanted: Wanted) -> None:
    """Print the rows of one network, run in one way."""
    torch.manual_seed(0)
    running = Running(
        device=wanted.device,
        precision=precision,  # type: ignore[arg-type]
        compiled=wanted.compiled,
        channels_last=wanted.channels_last,
    )
    spec = ModelSpec(outputs="logits", mean=(0.45,), std=(0.225,))
    model = as_classifier(NETWORKS[name](), spec, running)
    clip = noise()
    size = wanted.batch_size or suitable_batch(clip, model)
    bare = bare_seconds(model, clip, size)
    print(f"{name} {precision} batch {size}: bare {1000 * bare:.2f} ms, {peak_of(wanted.device)}")
    for method in wanted.methods:
        start = waited(wanted.device)
        made = explained(model, clip, method, wanted.samples, size)
        whole = waited(wanted.device) - start
        asked = len(made.ledger.scores) + 2
        steps = ", ".join(f"{step} {seconds:.2f}" for step, seconds in made.seconds.items())
        print(
            f"  {method:11} {asked:5} clips {whole:7.2f} s, overhead {whole / asked / bare:5.2f}"
            f" {peak_of(wanted.device)} ({steps})",
            flush=True,
        )


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", nargs="+", default=["float32"])
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=NETWORKS)
    parser.add_argument("--methods", nargs="+", default=["rise"], choices=catalog.METHODS)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--channels-last", action="store_true")
    given = parser.parse_args()
    wanted = Wanted(
        torch.device(given.device),
        given.precision,
        given.networks,
        given.methods,
        given.samples,
        given.batch_size,
        given.compile,
        given.channels_last,
    )
    for name in wanted.networks:
        for precision in wanted.precisions:
            measure(name, precision, wanted)


if __name__ == "__main__":
    main()
