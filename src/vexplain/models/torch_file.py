"""Files that torch saves whole: TorchScript, exported programs, pickled modules."""

import warnings
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.export.passes import move_to_device_pass

from vexplain.core import ModelSpec
from vexplain.core.checks import out_of_memory
from vexplain.core.specs import Dtype
from vexplain.models.adapters import Model, module_model
from vexplain.models.reference import Reference
from vexplain.models.running import CPU, Running, as_device
from vexplain.models.shapes import spec_of_shape

Kind = Literal["TorchScript", "exported program", "pickle"]
DANGERS: Mapping[Kind, str] = {
    "TorchScript": "a TorchScript archive, which can write files when it is loaded or run",
    "exported program": "an exported program, which runs code of its own when loaded",
    "pickle": "a pickle, which runs code of its own when loaded",
}
"""What a file is, and why it is opened only where the user asks for that."""

PICKLE = b"\x80"
"""First byte of a pickle, of protocol 2 on: how torch saved before version 1.6."""

NUMBERS: Mapping[torch.dtype, Dtype] = {
    torch.float32: "float32",
    torch.float16: "float16",
    torch.bfloat16: "bfloat16",
    torch.uint8: "uint8",
}


def load(reference: Reference) -> Model:
    """Open ``torch:FILE``: TorchScript, an exported program, or a pickled module.

    What a file is, its content tells. All three are opened only with ``allow_pickle``. TorchScript
    runs no Python, but its operators write files (``aten::save``, ``aten::from_file``), and it may
    call them as soon as it is loaded. ``torch.export.load`` unpickles weights, constants and
    sample inputs where a file asks for it, and loads machine code that AOTInductor compiled. A
    pickled module runs what it likes.

    Raises:
        FileNotFoundError: When the file is missing.
        ValueError: When it is none of these, is cut off, would run code, or holds weights alone;
            or when it shall be built otherwise than it is.
    """
    file = reference.file
    kind = kind_of(file)
    if kind == "pickle" and not reference.allow_pickle:
        check_is_not_weights(file)
    if not reference.allow_pickle:
        raise ValueError(
            f"model: {file} is {DANGERS[kind]}; if it is your own, say so with allow_pickle=True "
            "(--allow-pickle), or use ONNX, or weights (safetensors) with python:."
        )
    if reference.weights is not None:
        raise ValueError(f"weights: {file} holds its own; leave it out.")
    if reference.arguments:
        raise ValueError(f"arguments: {file} holds a network that is built; leave them out.")
    return READERS[kind](file, reference)


def kind_of(file: Path) -> Kind:
    """Return what a file holds, without unpickling anything.

    Raises:
        ValueError: When torch didn't save it, or not all of it is there.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            names = ["/" + name.partition("/")[2] for name in archive.namelist()]
    except zipfile.BadZipFile as error:
        with file.open("rb") as content:
            first = content.read(2)
        if first[:1] == PICKLE:
            return "pickle"
        reason = "is cut off" if first == b"PK" else "is not a file that torch saved"
        raise ValueError(f"model: {file} {reason}.") from error
    if "/constants.pkl" in names and any(name.startswith("/code/") for name in names):
        return "TorchScript"
    if "/archive_format" in names:
        return "exported program"
    if "/data.pkl" in names:
        return "pickle"
    raise ValueError(
        f"model: {file} is a zip file, but neither TorchScript, nor an exported program, nor what "
        "torch.save writes."
    )


def check_is_not_weights(file: Path) -> None:
    """Raise ``ValueError`` where a file holds tensors alone, and so can be read without a risk."""
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception:  # torch.load raises whatever its unpickler meets
        return
    raise weights_alone(file, content)


def weights_alone(file: Path, content: Any) -> ValueError:
    """Return the error that says that a file holds no network."""
    what = "weights" if isinstance(content, Mapping) else f"a {type(content).__name__}"
    return ValueError(
        f"model: {file} holds {what} without a network. Name the network: timesformer:FILE, "
        "tanet:FILE, torchvision:NAME@FILE, or python:MODULE:FACTORY with weights: FILE in a YAML "
        "file."
    )


@dataclass(frozen=True, eq=False)
class Script:
    """A TorchScript module, whose errors are told in one line.

    Attributes:
        module: The module, placed.
    """

    module: Callable[[Any], Any]

    def __call__(self, clips: Any) -> Any:
        """Return what the module answers.

        Raises:
            ValueError: When it fails, for another reason than a lack of memory.
        """
        try:
            return self.module(clips)
        except (RuntimeError, torch.jit.Error) as error:  # the second is what a script raises
            if isinstance(error, torch.OutOfMemoryError) or out_of_memory(error):
                raise
            last = [line.strip() for line in str(error).splitlines() if line.strip()][-1:]
            raise ValueError(
                f"model: the TorchScript module failed ({''.join(last)}). Check frames, size and "
                "layout in its spec."
            ) from error


def script(file: Path, reference: Reference) -> Model:
    """Return a TorchScript module; its file says nothing of what it wants.

    Raises:
        ValueError: When the file is damaged, or the module shall be compiled once more, or changed
            as only modules in Python can be.
    """
    running = reference.running
    if running.compiled:
        raise ValueError("compiled: TorchScript is compiled already. Leave it out.")
    if running.precision == "int8":
        raise ValueError("precision: int8 can't be brought into TorchScript. Leave it out.")
    check_memory_format(running)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit.load` is deprecated", DeprecationWarning)
        module = opened(file, lambda: torch.jit.load(file, map_location="cpu"))  # type: ignore[no-untyped-call]
    model = module_model(module, reference.completed(), running, file.name)
    return replace(model, function=Script(model.function))


def check_memory_format(running: Running) -> None:
    """Raise ``ValueError`` where convolutions that can't be changed shall be."""
    if running.channels_last:
        raise ValueError("channels_last: the file fixes how convolutions run. Leave it out.")


def pickled(file: Path, reference: Reference) -> Model:
    """Return a module that was pickled as a whole.

    Raises:
        ValueError: When the file is damaged, or holds something else.
    """
    module = opened(file, lambda: torch.load(file, map_location="cpu", weights_only=False))
    if not isinstance(module, nn.Module):
        raise weights_alone(file, module)
    return module_model(module, reference.completed(), reference.running, file.name)


def opened(file: Path, read: Callable[[], Any]) -> Any:
    """Return what ``read`` reads.

    Raises:
        ValueError: When it can't; the message says why in one line.
    """
    try:
        return read()
    except Exception as error:  # the readers raise whatever they meet, as pickles do
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ValueError(f"model: {file} can't be opened ({reason}).") from error


@dataclass(frozen=True, eq=False)
class Program:
    """The graph of an exported program, called with clips as it was exported with.

    Attributes:
        graph: Takes one tensor, or one per pathway.
        single: Whether it takes a batch of exactly one.
    """

    graph: Callable[[Any], Any]
    single: bool

    def __call__(self, clips: Any) -> Any:
        """Return what the graph answers.

        Raises:
            ValueError: When it was exported for another shape.
        """
        try:
            return self.graph(clips[None] if self.single else clips)
        except AssertionError as error:  # torch.export's guards
            raise ValueError(
                f"clip: the program was exported for another shape ({error}). Set frames, size and "
                "layout in the model's spec accordingly."
            ) from error


def exported(file: Path, reference: Reference) -> Model:
    """Return an exported program, whose input's shape tells what it wants.

    Raises:
        ValueError: When the file is damaged, the program's input is no clip, or it shall run
            otherwise than it was exported.
    """
    running = reference.running
    if running.words:
        raise ValueError(f"precision: a program runs as it was exported, not {running.words}.")
    check_memory_format(running)
    with file.open("rb") as content:  # by its name alone, torch wants the suffix .pt2
        program = opened(file, lambda: torch.export.load(content))
    device = next((weight.device for weight in program.state_dict.values()), CPU)
    if running.device is not None:
        device = as_device(running.device)
        program = move_to_device_pass(program, device)
    if reference.wants.get("pathways"):
        found, single = ModelSpec(), False
    else:
        found, single = spec_of_input(clip_input(program, file), reference)
    graph = Program(program.module(), single=single)
    return Model(graph, reference.completed(found), device, file.name)


def clip_input(program: torch.export.ExportedProgram, file: Path) -> Tensor:
    """Return the stand-in for the one input of a program.

    Raises:
        ValueError: When it has more than one, or its numbers are no clip's.
    """
    names = program.graph_signature.user_inputs
    inputs = [node.meta["val"] for node in program.graph.nodes if node.name in names]
    kinds = [one.dtype if isinstance(one, Tensor) else type(one).__name__ for one in inputs]
    if len(inputs) != 1 or kinds[0] not in NUMBERS:
        raise ValueError(
            f"model: expected one input of {', '.join(NUMBERS.values())} in {file}, got "
            f"{', '.join(map(str, kinds))}. Export the model with a single clip as its input."
        )
    value: Tensor = inputs[0]
    return value


def spec_of_input(value: Tensor, reference: Reference) -> tuple[ModelSpec, bool]:
    """Return what the example input of a program tells, and whether it is a batch of exactly one.

    Raises:
        ValueError: When the shape leaves something open, or asks for batches of another size.
    """
    shape = [size if isinstance(size, int) else None for size in value.shape]
    found = spec_of_shape(shape, NUMBERS[value.dtype], reference)
    if len(shape) == len(found.layout):
        return replace(found, batched=False), False
    if shape[0] is not None and shape[0] != 1:
        raise ValueError(
            f"model: {reference.name} was exported for batches of exactly {shape[0]} clips. Export "
            "it with a batch of one, or with torch.export.Dim for the batch."
        )
    return replace(found, batched=shape[0] is None), shape[0] == 1


READERS: Mapping[Kind, Callable[[Path, Reference], Model]] = {
    "TorchScript": script,
    "exported program": exported,
    "pickle": pickled,
}
"""Who opens each kind of file."""
