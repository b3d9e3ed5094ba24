"""One string names a model: which adapter opens it, and what has to be installed for that."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from os import PathLike
from pathlib import Path
from typing import cast

import torch

from vexplain.core import Classifier, ModelSpec, near_names
from vexplain.models.description import describe
from vexplain.models.reference import Reference
from vexplain.models.running import Precision, Running


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where models come from.

    Attributes:
        module: The module of ``vexplain.models`` whose ``load`` opens a reference.
        form: How such a model is named.
        what: What can be loaded that way.
        packages: What must be installed.
        extra: The extra of this package that installs them.
        suffixes: Endings of files that are such a model without saying so.
    """

    module: str
    form: str
    what: str
    packages: tuple[str, ...] = ()
    extra: str = ""
    suffixes: tuple[str, ...] = ()

    @property
    def missing(self) -> list[str]:
        """What must be installed and isn't."""
        return [package for package in self.packages if not installed(package)]


DEMO = "tpn-restless"
"""Which of the zoo's networks ``vexplain demo`` asks."""

KSERVE = Source(
    module="remote",
    form="http://HOST/v2/models/NAME",
    what="a server that speaks the KServe v2 protocol (Triton, MLServer, KServe)",
    packages=("urllib3",),
    extra="remote",
)

SOURCES: Mapping[str, Source] = {
    "zoo": Source(
        module="zoo",
        form="zoo:NAME",
        what="the miniature zoo in this package: small networks trained on clips made from a seed",
    ),
    "timesformer": Source(
        module="networks",
        form="timesformer:CHECKPOINT",
        what="TimeSformer (divided space-time) with MMAction2's weights",
    ),
    "tanet": Source(
        module="networks", form="tanet:CHECKPOINT", what="TANet with MMAction2's weights"
    ),
    "tpn": Source(
        module="networks", form="tpn:CHECKPOINT", what="TPN (slow-only) with MMAction2's weights"
    ),
    "hf": Source(
        module="transformers_hub",
        form="hf:ORGANISATION/NAME, hf:FOLDER",
        what="Hugging Face: TimeSformer, VideoMAE, ViViT, V-JEPA 2, VideoPrism; image classifiers",
        packages=("transformers",),
        extra="hf",
    ),
    "torchvision": Source(
        module="torchvision_models",
        form="torchvision:NAME, torchvision:NAME@WEIGHTS",
        what="torchvision: r3d_18, mc3_18, r2plus1d_18, s3d, mvit, swin3d; image classifiers",
        packages=("torchvision",),
        extra="torchvision",
    ),
    "pytorchvideo": Source(
        module="pytorchvideo_models",
        form="pytorchvideo:NAME@WEIGHTS",
        what="PyTorchVideo: SlowFast with both pathways, Slow, I3D, X3D, MViT",
        packages=("pytorchvideo", "torchvision"),
        extra="pytorchvideo",
    ),
    "onnx": Source(module="onnx_file", form="onnx:FILE", what="ONNX graphs", suffixes=(".onnx",)),
    "tflite": Source(
        module="tflite_file",
        form="tflite:FILE",
        what="TensorFlow Lite graphs, quantised ones too",
        packages=("ai-edge-litert",),
        extra="tflite",
        suffixes=(".tflite",),
    ),
    "torch": Source(
        module="torch_file",
        form="torch:FILE",
        what="TorchScript, exported programs, pickled modules, where --allow-pickle is given",
        suffixes=(".pt2",),
    ),
    "http": KSERVE,
    "https": KSERVE,
    "python": Source(
        module="python_source",
        form="python:MODULE:FACTORY, python:FILE.py:FACTORY",
        what="a module or callable that your own Python makes",
    ),
}
"""Every scheme, and who opens it."""


def installed(package: str) -> bool:
    """Return whether a distribution of that name is installed."""
    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False


def load_model(
    source: str | PathLike[str],
    *,
    spec: ModelSpec | None = None,
    device: torch.device | str | None = None,
    precision: Precision = "auto",
    compiled: bool = False,
    channels_last: bool | None = None,
    allow_pickle: bool = False,
) -> Classifier:
    """Load a model by its name.

    Args:
        source: A YAML file, or one of the forms that ``vexplain models`` lists, such as
            ``hf:facebook/timesformer-base-finetuned-k400``, ``torchvision:r3d_18``,
            ``onnx:FILE``, ``python:MODULE:FACTORY``; ``zoo:NAME``; or ``demo``.
        spec: What the model wants, in place of a YAML file's statements: the fields that it was
            made with win over what the model's files say.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``; by default where the model lies.
        precision: ``float32``, ``bfloat16``, ``float16``, ``int8``; ``auto`` is float32.
        compiled: Whether to compile a torch module, which costs a minute before it saves any.
        channels_last: Whether convolutions keep their channels last; None = what is faster, where
            that was measured.
        allow_pickle: Whether a file may be loaded that runs code of its own. Only for files of
            your own.

    Raises:
        FileNotFoundError: When a file is missing.
        ImportError: When a package is missing; the message says how to install it.
        ValueError: When the name or a file can't be understood.
    """
    running = Running(
        device=device, precision=precision, compiled=compiled, channels_last=channels_last
    )
    found = referred(f"zoo:{DEMO}" if str(source) == "demo" else source)
    found = replace(found, running=running, allow_pickle=allow_pickle)
    if spec is not None:
        found = found.saying(spec)
    return opened(found)


def referred(source: str | PathLike[str]) -> Reference:
    """Return what a model's name refers to.

    A YAML file of the same name beside a model's file speaks for it.

    Raises:
        FileNotFoundError: When a YAML file is missing.
        ValueError: When the name has no known form.
    """
    text = str(source)
    if text.endswith((".yaml", ".yml")):
        return named(describe(text))
    scheme, colon, name = text.partition(":")
    bare = named(Reference(scheme=text, name=""))
    if scheme not in SOURCES and bare.name:
        scheme, name = bare.scheme, bare.name
    elif scheme not in SOURCES or not colon or not name:
        forms = "; ".join(dict.fromkeys(source.form for source in SOURCES.values()))
        raise ValueError(
            f"model: expected a YAML file, demo, or one of {forms}; got {scheme + colon!r}."
            f"{near_names(scheme, list(SOURCES))}"
        )
    beside = Path(name).expanduser().with_suffix(".yaml") if SOURCES[scheme].suffixes else None
    if beside is None or not beside.is_file():
        return Reference(scheme=scheme, name=name)
    return describing(beside, scheme, name)


def describing(beside: Path, scheme: str, name: str) -> Reference:
    """Return what the YAML file beside a model's file says of it.

    Raises:
        ValueError: When it can't be understood, or speaks of another model: a file from elsewhere
            must not bring another one in, whose code would run.
    """
    try:
        said = named(describe(beside))
    except ValueError as error:
        raise ValueError(f"{error} (It was read because it lies beside {name}.)") from error
    file = Path(name).expanduser().resolve()
    if (said.scheme, (said.folder / Path(said.name).expanduser()).resolve()) != (scheme, file):
        raise ValueError(
            f"model: {beside} lies beside {name} but speaks of {said.scheme}:{said.name}. Name "
            "that YAML file itself if you mean it, or move it away."
        )
    return said


def named(reference: Reference) -> Reference:
    """Return the reference with the scheme that a bare file's ending tells."""
    ending = Path(reference.scheme).suffix
    endings = {suffix: key for key, source in SOURCES.items() for suffix in source.suffixes}
    if reference.scheme in SOURCES or reference.name or ending not in endings:
        return reference
    return replace(reference, scheme=endings[ending], name=reference.scheme)


def opened(reference: Reference) -> Classifier:
    """Return the model that a reference speaks of.

    Raises:
        ImportError: When a package is missing.
        ValueError: When no adapter knows the scheme.
    """
    source = SOURCES.get(reference.scheme)
    if source is None:
        raise ValueError(
            f"model: expected one of {', '.join(SOURCES)} before the colon, got "
            f"{reference.scheme!r}.{near_names(reference.scheme, list(SOURCES))}"
        )
    if source.missing:
        raise ImportError(
            f"model: {reference.scheme}: needs {' and '.join(source.missing)}; install it with: "
            f"pip install 'vexplain[{source.extra}]'"
        )
    adapter = import_module(f"vexplain.models.{source.module}")
    return cast(Classifier, adapter.load(reference))
