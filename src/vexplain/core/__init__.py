"""The types that flow between the seven steps, what a step is, and what a model wants.

Axis letters everywhere: ``T`` frames, ``C`` channels, ``H`` rows, ``W`` columns, ``D`` features,
``N`` coalitions, ``K`` classes, ``M`` targets summarised together.
"""

from vexplain.core.checks import VexplainWarning, near_names
from vexplain.core.explanation import Explanation
from vexplain.core.specs import ClipSpec, ModelSpec
from vexplain.core.steps import (
    Behavior,
    Classifier,
    Method,
    Owned,
    Progress,
    Removal,
    Remover,
    Sampler,
    Segmentation,
    Segmenter,
    SizeLaw,
    Summary,
    Visualization,
)
from vexplain.core.types import (
    Attribution,
    ClassScores,
    Coalitions,
    Fit,
    Game,
    Ledger,
    OutputKind,
    Source,
    SummaryScores,
    VideoClip,
)

__all__ = [
    "Attribution",
    "Behavior",
    "ClassScores",
    "Classifier",
    "ClipSpec",
    "Coalitions",
    "Explanation",
    "Fit",
    "Game",
    "Ledger",
    "Method",
    "ModelSpec",
    "OutputKind",
    "Owned",
    "Progress",
    "Removal",
    "Remover",
    "Sampler",
    "Segmentation",
    "Segmenter",
    "SizeLaw",
    "Source",
    "Summary",
    "SummaryScores",
    "VexplainWarning",
    "VideoClip",
    "Visualization",
    "near_names",
]
