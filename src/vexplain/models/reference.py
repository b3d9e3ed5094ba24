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
        file = self.folder / self.name
        if not file.is_file():
            raise FileNotFoundError(f"model: there is no file {file}.")
        return file

    def completed(self, found: ModelSpec | None = None) -> ModelSpec:
        """Return what the model wants: as ``found``, but where the user states otherwise."""
        found = found or ModelSpec()
        clip = replace(found.clip or ClipSpec(), **self._clip()) if self.clip else found.clip
        return replace(found, **{"clip": clip, **self.wants})

    def _clip(self) -> Mapping[str, Any]:
        """Return the stated fields of the clip; what belongs to another way is taken back."""
        undone = [detail for way in self.clip for detail in UNDONE.get(way, ())]
        return {**dict.fromkeys(undone), **self.clip}
