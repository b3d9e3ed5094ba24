"""A model named by one string, with what the user said beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vexplain.core import ClipSpec, ModelSpec
from vexplain.models.running import Running

UNDONE: Mapping[str, tuple[str, ...]] = {
    "sampling": ("interval", "start"),
    "resize": ("scaled",),
    "short_side": ("scaled",),
    "scaled": ("short_side",),
}
"""Fields of ``ClipSpec`` that, where the user states one, take others back that a file told."""


def restated(clip: ClipSpec, wishes: Mapping[str, Any]) -> ClipSpec:
    """Return a clip's spec with the fields that the user states.

    What belongs to another way than the stated one is taken back, and another size alone keeps the
    share of the frame that is seen.
    """
    undone = [detail for way in wishes for detail in UNDONE.get(way, ())]
    before, after = clip.height_width, replace(ClipSpec(), size=wishes.get("size")).height_width
    larger: dict[str, Any] = {}
    if before and after:
        growth = max(after) / max(before)
        short, scaled = clip.short_side, clip.scaled
        larger["short_side"] = short and round(short * growth)
        larger["scaled"] = scaled and (round(scaled[0] * growth), round(scaled[1] * growth))
    return replace(clip, **{**larger, **dict.fromkeys(undone), **wishes})


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What a string such as ``hf:facebook/timesformer-base-finetuned-k400``, or a YAML file, says.

    Attributes:
        scheme: What stands before the first colon: a key of ``SOURCES``.
        name: What stands after it: a file, an address, the name of an architecture.
        folder: Where relative paths start.
        arguments: What the model is built with, where it is built here.
        weights: A file of weights, where the name doesn't say it already.
        wants: Fields of ``ModelSpec`` that the user states; they win over what a file says.
        clip: Fields of ``ClipSpec``, likewise.
        running: Where and how a torch module shall run.
        allow_pickle: Whether the user asked, by name, to load a pickle, which runs its code.
    """

    scheme: str
    name: str
    folder: Path = Path()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    weights: str | None = None
    wants: Mapping[str, Any] = field(default_factory=dict)
    clip: Mapping[str, Any] = field(default_factory=dict)
    running: Running = field(default_factory=Running)
    allow_pickle: bool = False

    @property
    def file(self) -> Path:
        """The file that the name speaks of.

        Raises:
            FileNotFoundError: When it is not there.
        """
        file = self.folder / Path(self.name).expanduser()
        if not file.is_file():
            raise FileNotFoundError(f"model: there is no file {file}.")
        return file

    def saying(self, spec: ModelSpec) -> "Reference":
        """Return the reference with what a spec states, in place of what was stated before."""
        wants = dict(spec.stated)
        clip = wants.pop("clip", None)
        return replace(self, wants=wants, clip=clip.stated if clip else {})

    def completed(self, found: ModelSpec | None = None) -> ModelSpec:
        """Return what the model wants: as ``found``, but where the user states otherwise."""
        found = found or ModelSpec()
        clip = restated(found.clip or ClipSpec(), self.clip) if self.clip else found.clip
        return replace(found, **{"clip": clip, **self.wants})
