"""Models: any callable, torch modules, ONNX files, and the YAML file that describes one."""

from vexplain.models.adapters import Model, as_classifier, prepared
from vexplain.models.description import describe, load_model
from vexplain.models.onnx_file import OnnxGraph

__all__ = [
    "Model",
    "OnnxGraph",
    "as_classifier",
    "describe",
    "load_model",
    "prepared",
]
