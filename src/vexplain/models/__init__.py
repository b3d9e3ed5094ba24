"""Models: adapters, one file per upstream library, and the paper's three networks."""

from vexplain.models.adapters import Model, as_classifier, prepared
from vexplain.models.description import describe
from vexplain.models.loading import SOURCES, load_model
from vexplain.models.onnx_file import OnnxGraph
from vexplain.models.reference import Reference, restated
from vexplain.models.running import Running
from vexplain.models.shuffling import parameters_of, randomised
from vexplain.models.views import MultiView

__all__ = [
    "SOURCES",
    "Model",
    "MultiView",
    "OnnxGraph",
    "Reference",
    "Running",
    "as_classifier",
    "describe",
    "load_model",
    "parameters_of",
    "prepared",
    "randomised",
    "restated",
]
