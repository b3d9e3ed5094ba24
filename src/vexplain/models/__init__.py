"""Models: any callable, torch modules, ONNX files, and the YAML file that describes one."""

from vexplain.models.adapters import CallableModel, TorchModel, as_classifier, prepared
from vexplain.models.description import describe, load_model
from vexplain.models.onnx_file import OnnxModel

__all__ = [
    "CallableModel",
    "OnnxModel",
    "TorchModel",
    "as_classifier",
    "describe",
    "load_model",
    "prepared",
]
