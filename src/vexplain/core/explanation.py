"""What comes out at the end: an attribution with everything that made it."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from os import PathLike
from typing import Any

from vexplain.core.archive import write
from vexplain.core.checks import check_kind, one_or_several
from vexplain.core.steps import Method, Segmentation
from vexplain.core.types import Attribution, Ledger, VideoClip

ADVICE = "Give what vexplain.explain or vexplain.load returns."


@dataclass(frozen=True, eq=False)
class Explanation:
    """What a model saw in a clip, with everything that made it.

    Attributes:
        clip: The clip explained.
        attribution: Scores and map.
        segmentation: The regions.
        ledger: Every answer of the model, all classes.
        target: The number of the class explained.
        method: The seven choices.
        seed: The seed of step 3.
        seconds: Seconds per step: segmentation, sampling, removal, inference, summary.
        manifest: Versions, digests and configuration, as plain JSON values.
    """

    clip: VideoClip
    attribution: Attribution
    segmentation: Segmentation
    ledger: Ledger
    target: int
    method: Method
    seed: int
    seconds: Mapping[str, float]
    manifest: Mapping[str, Any]

    @property
    def target_name(self) -> str:
        """The target's name, or its number where the model has no names."""
        names = self.ledger.class_names
        return names[self.target] if names else str(self.target)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the explanation as one file; read it back with ``vexplain.load``.

        The file is written beside its place and moved there, so an old one survives a failure.

        Raises:
            OSError: When the file can't be written.
        """
        write(self, path)

    def _repr_html_(self) -> str:
        # Drawing lies above this layer, so it is looked up when a notebook asks for it.
        card: str = import_module("vexplain.rendering.cards").explanation_card(self)
        return card


def check_explanation(name: str, value: object) -> None:
    """Raise ``TypeError`` unless ``value`` is an explanation."""
    check_kind(name, value, Explanation, "an explanation", f"{ADVICE} Of several, one at a time.")


def explanations_in(name: str, value: object) -> list[Explanation]:
    """Return one explanation or several as a list.

    Raises:
        TypeError: When it is something else.
    """
    return one_or_several(name, value, Explanation, "an explanation or several", ADVICE)
