"""Make the clip of ``vexplain demo``, its true region and its card.

    python scripts/make_demo_clip.py --recording 136

The clip is a recording of the synthetic set's test part, made large. It is written, read back, and
shown to the demo's network; one that the network does not name rightly with at least 0.9 is
refused.
"""

import argparse
import io
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Int

from vexplain import api
from vexplain.core.files import atomic_path, write_atomically
from vexplain.datasets.synthetic import ACTIONS, Rendered, SyntheticRecording, render
from vexplain.models import load_model
from vexplain.models.loading import DEMO
from vexplain.video import write_video

SURE = 0.9
CARD = """# The demo's clip

`demo.mp4`: {frames} frames of {size} x {size} at {fps} per second, H.264. Class "{action}":
recording {name} of the synthetic set, before photographs that no network was trained on
({photographs}). The demo's network, `zoo:{network}`, names it with {sure:.3f}.
`demo_truth.npz` holds `region` (T, H, W), true where the object is seen, and `boxes` (T, 4): left,
top, right, bottom in pixels, the last two just outside, all 0 where it is not seen.

Made by `python scripts/make_demo_clip.py --family {family} --recording {number}`.
"""


def make(recording: SyntheticRecording, *, frames: int, size: int) -> Rendered:
    """Return the clip, rendered at twice its size and averaged down, so that edges are smooth."""
    large = render(recording.scene, frames=frames, size=2 * size)
    smaller = [cv2.resize(f, (size, size), interpolation=cv2.INTER_AREA) for f in large.frames]
    shares = large.region.reshape(frames, size, 2, size, 2).mean((2, 4))
    return Rendered(np.stack(smaller), shares >= 0.5)


def boxes(clip: Rendered) -> Int[np.ndarray, "T 4"]:
    """Return left, top, right, bottom of the region per frame, in pixels, the last two outside."""
    found = np.zeros((len(clip.region), 4), np.int64)
    for box, inside in zip(found, clip.region, strict=True):
        rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
        if len(rows):
            box[:] = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    return found


def score(path: Path, label: int) -> float:
    """Return the network's score of ``label`` for the clip at ``path``, if it is highest.

    Raises:
        ValueError: When the network says something else, or isn't sure.
    """
    model = load_model("demo")
    clip = api.suitable_clip(path, model)
    with torch.inference_mode():
        scores = model(clip.frames[None]).softmax(-1)[0]
    best = int(scores.argmax())
    if best != label or scores[label] < SURE:
        raise ValueError(
            f"recording: the network calls this clip {ACTIONS[best].name!r} with "
            f"{float(scores[best]):.3f}, and {ACTIONS[label].name!r} with "
            f"{float(scores[label]):.3f}; choose another recording."
        )
    return float(scores[label])


def write_truth(path: Path, clip: Rendered) -> None:
    """Write the region and its boxes."""
    content = io.BytesIO()
    np.savez_compressed(content, region=clip.region, boxes=boxes(clip))
    write_atomically(path, content.getvalue())


def parse() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--family", default="restless")
    parser.add_argument("--recording", type=int, default=136, help="number in the set")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--fps", type=int, default=24)
    parser.add_argument("--crf", type=int, default=18)
    parser.add_argument("--out", type=Path, default=Path("src/vexplain/assets"), help="a folder")
    return parser.parse_args()


def main() -> None:
    """Make, check, write."""
    options = parse()
    recording = SyntheticRecording(family=options.family, seed=0, number=options.recording)
    clip = make(recording, frames=options.frames, size=options.size)
    with atomic_path(options.out / "demo.mp4") as part:
        write_video(part, clip.frames, fps=options.fps, crf=options.crf)
        sure = score(part, recording.label)
    write_truth(options.out / "demo_truth.npz", clip)
    shots = recording.scene.shots
    card = CARD.format(
        **{name: getattr(options, name) for name in ("frames", "size", "fps", "family")},
        action=ACTIONS[recording.label].name,
        name=recording.name,
        photographs=", ".join(sorted({shot.background.photograph for shot in shots})),
        network=DEMO,
        sure=sure,
        number=options.recording,
    )
    write_atomically(options.out / "demo.md", card.encode())
    print(f"{recording.name}: {sure:.3f}, {(options.out / 'demo.mp4').stat().st_size} bytes")


if __name__ == "__main__":
    main()
