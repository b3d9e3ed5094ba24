"""The synthetic set as a dataset: recordings that are drawn when they are read."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from vexplain.core import ClipSpec, VideoClip
from vexplain.core.checks import check_choice, check_whole
from vexplain.datasets.recordings import Dataset
from vexplain.datasets.synthetic.actions import ACTIONS
from vexplain.datasets.synthetic.drawing import (
    DISTRACTORS,
    FAMILIES,
    Source,
    draw_scene,
    draw_source,
)
from vexplain.datasets.synthetic.rendering import Rendered, render
from vexplain.datasets.synthetic.scene import Scene

SECONDS = 2.0
"""How long a recording lasts."""
NATIVE = 112
"""Height and width where the spec leaves them open."""
SOURCES = 60
"""Groups of a set: persons' stand-ins, or films."""
HELD_OUT_SOURCES = 5
"""Every so manyth group is the test's."""


@dataclass(frozen=True, kw_only=True)
class SyntheticRecording:
    """A clip of one family, drawn from a seed: the same recording gives the same bytes.

    Attributes:
        family: ``still`` or ``restless``.
        seed: Of the set.
        number: Of the clip in the set.
        sources: How many groups the set has.
        distractors: The most of them at once; 0 = none.
    """

    family: str
    seed: int
    number: int
    sources: int = SOURCES
    distractors: int = DISTRACTORS

    @property
    def name(self) -> str:
        """Family, seed and number, and the most distractors where they are not as usual."""
        usual = self.distractors == DISTRACTORS
        end = "" if usual else f"-{self.distractors}-distractors"
        return f"{self.family}-{self.seed}-{self.number:06}{end}"

    @property
    def label(self) -> int:
        """The number of its class in ``ACTIONS``; every class is as frequent."""
        return self.number % len(ACTIONS)

    @property
    def group(self) -> str:
        """The person's stand-in, or the film; each has every class."""
        return self.source.name

    @property
    def split(self) -> str:
        """``test`` for every fifth group, whose backgrounds and digits are others; or ``train``."""
        return "test" if self.source.held_out else "train"

    @property
    def facts(self) -> Mapping[str, str]:
        """What the class needs; who, where and from where, or how the film is cut."""
        return {"needs": ACTIONS[self.label].needs, **dict(self.scene.facts)}

    @property
    def source(self) -> Source:
        """What it has in common with its group."""
        group = self.number // len(ACTIONS) % self.sources
        return _source(self.family, self.seed, group)

    @property
    def scene(self) -> Scene:
        """What it shows."""
        rng = np.random.default_rng((self.seed, _key(self.family), 2, self.number))
        return draw_scene(
            rng,
            family=self.family,
            label=self.label,
            source=self.source,
            distractors=self.distractors,
        )

    def read(self, spec: ClipSpec) -> VideoClip:
        """Return ``spec.frames`` frames of its size, evenly spread over all of it.

        The scene is square and has no frames of its own, so how a spec would choose and resize
        those of a file does not matter; of a size that is not square the middle is cut out.
        """
        height, width = spec.height_width or (NATIVE, NATIVE)
        frames = torch.from_numpy(self._rendered(spec.frames, height, width).frames)
        times = torch.arange(spec.frames, dtype=torch.float64) * SECONDS / spec.frames
        return VideoClip(frames.permute(0, 3, 1, 2).float() / 255, times)

    def truth(self, clip: VideoClip) -> Bool[Tensor, "T H W"]:
        """Return where the object is seen in a clip of this recording."""
        frames, _, height, width = clip.shape
        return torch.from_numpy(self._rendered(frames, height, width).region.copy())

    def _rendered(self, frames: int, height: int, width: int) -> Rendered:
        side = max(height, width)
        whole = _drawn(self, frames, side)
        top, left = (side - height) // 2, (side - width) // 2
        part = (slice(None), slice(top, top + height), slice(left, left + width))
        return Rendered(whole.frames[part], whole.region[part])


def _key(family: str) -> int:
    return list(FAMILIES).index(family)


@lru_cache(maxsize=1024)
def _source(family: str, seed: int, group: int) -> Source:
    rng = np.random.default_rng((seed, _key(family), 1, group))
    letter = "P" if family == "still" else "F"
    held_out = group % HELD_OUT_SOURCES == HELD_OUT_SOURCES - 1
    return draw_source(rng, name=f"{letter}{group + 1:03}", held_out=held_out)


@lru_cache(maxsize=2)
def _drawn(recording: SyntheticRecording, frames: int, side: int) -> Rendered:
    """Return a rendered recording; its clip and its truth are asked for one after the other."""
    return render(recording.scene, frames=frames, size=side)


def synthetic(
    place: str,
    *,
    clips: int = 6000,
    seed: int = 0,
    sources: int = SOURCES,
    distractors: int = DISTRACTORS,
) -> Dataset:
    """Return a set of clips that are drawn when they are read.

    Four of five groups are the split ``train``, the others ``test``: clips come group by group, so
    fewer than 57 leave ``test`` empty.

    Args:
        place: The family: ``still`` or ``restless``.
        clips: How many; the first ones of a larger set with the same seed are the same.
        seed: What they are drawn from.
        sources: Into how many groups they fall.
        distractors: The most that are seen beside the object at once, of one to that many; 0 =
            none, which is easier and of use for a first look at a network.

    Raises:
        ValueError: On another family, or numbers that are none.
    """
    check_choice("family", place, tuple(FAMILIES))
    check_whole("clips", clips)
    check_whole("seed", seed, least=0)
    check_whole("sources", sources, least=HELD_OUT_SOURCES)
    check_whole("distractors", distractors, least=0)
    usual = distractors == DISTRACTORS
    beside = "" if usual else f", at most {distractors} distractors"
    return Dataset(
        name=f"synthetic, {place}, {clips} clips of seed {seed}{beside}",
        class_names=tuple(action.name for action in ACTIONS),
        recordings=[
            SyntheticRecording(
                family=place, seed=seed, number=number, sources=sources, distractors=distractors
            )
            for number in range(clips)
        ],
    )
