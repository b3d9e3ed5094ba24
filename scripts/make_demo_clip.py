"""Make the clip of ``vexplain demo``, its true region and its part of the card.

    python scripts/make_demo_clip.py --seed 1 --action "circles clockwise" --photograph chelsea.png

The clip is written, read back, and shown to the bundled network; one that the network does not
name rightly with at least 0.9 is refused.
"""

import argparse
import io
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Int

from vexplain.core import ClipSpec
from vexplain.core.files import atomic_path, write_atomically
from vexplain.datasets import ACTIONS, LabelledClip, draw_scene, render
from vexplain.models.demo import load_demo_network
from vexplain.video import read_clip, write_video

NAMES = tuple(ACTIONS)
WANTS = ClipSpec(frames=16, size=64, sampling="uniform", resize="crop")
CARD_PART = "## The clip"
SURE = 0.9


def make(options: argparse.Namespace) -> LabelledClip:
    """Return the clip, rendered at twice its size and averaged down, so that edges are smooth."""
    rng = np.random.default_rng((options.seed, 3))
    scene = draw_scene(
        rng,
        label=NAMES.index(options.action),
        photographs=[options.photograph],
        moving_camera=options.moving_camera,
    )
    # The photograph in its own colours: this is the picture that people see first.
    scene = replace(scene, tint=(options.light,) * 3, crop=tuple(options.crop))
    large = render(scene, frames=options.frames, size=2 * options.size)
    side = (options.size, options.size)
    frames = [cv2.resize(frame, side, interpolation=cv2.INTER_AREA) for frame in large.frames]
    covered = [
        cv2.resize(inside.astype(np.float32), side, interpolation=cv2.INTER_AREA) >= 0.5
        for inside in large.region
    ]
    return LabelledClip(np.stack(frames), large.label, np.stack(covered))


def boxes(clip: LabelledClip) -> Int[np.ndarray, "T 4"]:
    """Return left, top, right, bottom of the region per frame, in pixels, the last two outside."""
    found = []
    for inside in clip.region:
        rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
        found.append((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
    return np.asarray(found, dtype=np.int64)


def score(path: Path, label: int) -> float:
    """Return the bundled network's score of ``label`` for the clip at ``path``, if it is highest.

    Raises:
        ValueError: When the network says something else, or isn't sure.
    """
    with torch.inference_mode():
        scores = load_demo_network()(read_clip(path, WANTS).frames[None]).softmax(-1)[0]
    best = int(scores.argmax())
    if best != label or scores[label] < SURE:
        raise ValueError(
            f"seed: the network calls this clip {NAMES[best]!r} with {float(scores[best]):.3f}, "
            f"and {NAMES[label]!r} with {float(scores[label]):.3f}; choose another seed."
        )
    return float(scores[label])


def card_part(options: argparse.Namespace, sure: float) -> str:
    """Return the card's part about the clip."""
    return f"""{CARD_PART}

`demo.mp4`: {options.frames} frames of {options.size} x {options.size} at {options.fps} per second,
H.264. Class "{options.action}", before {options.photograph}, which no training clip shows; the
network names it with {sure:.3f}. `demo_truth.npz` holds `region` (T, H, W), true where the ball
is, and `boxes` (T, 4): left, top, right, bottom in pixels, the last two just outside.

Made by `python scripts/make_demo_clip.py --seed {options.seed} --action "{options.action}" \
--photograph {options.photograph}`.
"""


def write_truth(path: Path, clip: LabelledClip) -> None:
    """Write the region and its boxes."""
    content = io.BytesIO()
    np.savez_compressed(content, region=clip.region, boxes=boxes(clip))
    write_atomically(path, content.getvalue())


def parse() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--action", choices=NAMES, default="circles clockwise")
    parser.add_argument("--photograph", default="chelsea.png")
    parser.add_argument("--moving-camera", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--light", type=float, default=0.9, help="gain of the photograph")
    parser.add_argument(
        "--crop", type=float, nargs=3, default=(0.5, 0.0, 1.0), metavar=("LEFT", "TOP", "SHARE")
    )
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--fps", type=int, default=24)
    parser.add_argument("--crf", type=int, default=18)
    parser.add_argument("--out", type=Path, default=Path("src/vexplain/assets"), help="a folder")
    return parser.parse_args()


def main() -> None:
    """Make, check, write."""
    options = parse()
    clip = make(options)
    with atomic_path(options.out / "demo.mp4") as part:
        write_video(part, clip.frames, fps=options.fps, crf=options.crf)
        sure = score(part, clip.label)
    write_truth(options.out / "demo_truth.npz", clip)
    card = options.out / "demo.md"
    before = card.read_text(encoding="utf-8").split(CARD_PART)[0] if card.is_file() else ""
    write_atomically(card, (before + card_part(options, sure)).encode())
    print(f"{NAMES[clip.label]}: {sure:.3f}, {(options.out / 'demo.mp4').stat().st_size} bytes")


if __name__ == "__main__":
    main()
