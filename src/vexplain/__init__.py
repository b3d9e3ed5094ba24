"""Explains what a video classifier saw, by removing parts of the clip.

import vexplain as vx
clip = vx.read_clip("biking.avi", vx.ClipSpec(frames=16, size=224))
explanation = vx.explain(clip, model, method="rise", target=3, seed=0)
explanation.save("biking.vx")
vx.render(explanation, "biking.mp4")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from vexplain import (
        behavior,
        evaluation,
        methods,
        plots,
        removal,
        sampling,
        segmentation,
        summary,
        visualization,
    )
    from vexplain.api import evaluate, explain, load
    from vexplain.core import (
        ClipSpec,
        Explanation,
        Method,
        ModelSpec,
        VexplainWarning,
        VideoClip,
    )
    from vexplain.engine import Interrupted, ServerLostError, summarise
    from vexplain.evaluation import compare
    from vexplain.models import MultiView, load_model
    from vexplain.page import write_page
    from vexplain.previews import perturbation_sheet, segmentation_sheet
    from vexplain.rendering import contact_sheet, render, render_grid
    from vexplain.video import clip_from_array, read_clip

__all__ = [
    "ClipSpec",
    "Explanation",
    "Interrupted",
    "Method",
    "ModelSpec",
    "MultiView",
    "ServerLostError",
    "VexplainWarning",
    "VideoClip",
    "behavior",
    "clip_from_array",
    "compare",
    "contact_sheet",
    "evaluate",
    "evaluation",
    "explain",
    "load",
    "load_model",
    "methods",
    "perturbation_sheet",
    "plots",
    "read_clip",
    "removal",
    "render",
    "render_grid",
    "sampling",
    "segmentation",
    "segmentation_sheet",
    "summarise",
    "summary",
    "visualization",
    "write_page",
]

_HOME = {
    "ClipSpec": "core",
    "Explanation": "core",
    "Interrupted": "engine",
    "Method": "core",
    "ModelSpec": "core",
    "MultiView": "models",
    "ServerLostError": "engine",
    "VexplainWarning": "core",
    "VideoClip": "core",
    "clip_from_array": "video",
    "compare": "evaluation",
    "contact_sheet": "rendering",
    "evaluate": "api",
    "explain": "api",
    "load": "api",
    "load_model": "models",
    "perturbation_sheet": "previews",
    "read_clip": "video",
    "render": "rendering",
    "render_grid": "rendering",
    "segmentation_sheet": "previews",
    "summarise": "engine",
    "write_page": "page",
}


def __getattr__(name: str) -> Any:
    """Import a public name, or a step's module, when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module 'vexplain' has no attribute {name!r}")
    if name not in _HOME:
        return import_module(f"vexplain.{name}")
    value = getattr(import_module(f"vexplain.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
