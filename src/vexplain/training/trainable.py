"""Which network is trained: opened with its norms unfolded, with a head for the data's classes."""

import inspect
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from os.path import relpath
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vexplain.core import ClipSpec, ModelSpec, VexplainWarning
from vexplain.models.adapters import Model
from vexplain.models.loading import SOURCES, opened, referred
from vexplain.models.networks import NETWORKS, TPN, TANet, opening
from vexplain.models.python_source import factory, import_folder
from vexplain.models.reference import Reference
from vexplain.models.running import Runner, channels_last
from vexplain.models.weights import state_in, unwrapped
from vexplain.training.config import Config
from vexplain.training.heads import Head, answer_of, replaced, rows_of
from vexplain.training.writing import Writer, write_described, write_hub, write_network

OWN = tuple(NETWORKS)
LIBRARIES = ("torchvision", "pytorchvideo")
CLASS_ARGUMENTS = ("n_classes", "num_classes", "num_labels", "classes")
"""What factories call the number of classes."""


class Whole(nn.Module):
    """A network as a function of canonical clips (N, T, 3, H, W), whatever it wants itself."""

    def __init__(self, network: nn.Module, spec: ModelSpec) -> None:
        super().__init__()
        self.network = network
        self.spec = spec

    def forward(self, clips: Float[Tensor, "N T C H W"]) -> Float[Tensor, "N K"]:
        """Return logits, or the logarithm of the probabilities that the network answers with."""
        scores = Model(self.network, self.spec)(clips)
        return scores.clamp(min=1e-12).log() if self.spec.answers == "softmax" else scores


@dataclass(frozen=True, kw_only=True, eq=False)
class Trainable:
    """What is trained.

    Attributes:
        whole: The network, from canonical clips to logits.
        spec: What it wants, with the class names of the data.
        head: The name of the layer that answers; empty where nothing had to know.
        name: What the card calls it.
        write: Saves a network.
    """

    whole: Whole
    spec: ModelSpec
    head: str
    name: str
    write: Writer

    @property
    def clip(self) -> ClipSpec:
        """What a clip shall be."""
        return self.spec.clip or ClipSpec()

    def save(self, stem: Path, whole: Whole | None = None) -> str:
        """Write the network, and return the name that ``load_model`` opens it by.

        Args:
            stem: The files' name without an ending; some models are several files.
            whole: The network with other weights, such as the averaged ones.

        Raises:
            OSError: When a file can't be written; an old one stays as it was.
        """
        return self.write((whole or self.whole).network, self.spec, stem)


def trainable(config: Config, class_names: tuple[str, ...]) -> Trainable:
    """Return the network of a training, with a head for these classes.

    The head is kept where the model has as many classes and no other names for them; else it is
    made anew.

    Raises:
        FileNotFoundError: When a file is missing.
        ImportError: When a package is missing.
        ValueError: When the model can't be trained, or doesn't fit what is stated.
    """
    if len(class_names) < 2:
        raise ValueError(f"data: expected at least 2 classes, got {list(class_names)}.")
    reference = reference_of(config)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*fresh random weights", VexplainWarning)
        if reference.scheme in OWN:
            found = own_network(reference, class_names)
        else:
            found = any_module(reference, class_names, frozen=config.freeze == "backbone")
    check_precise(found.whole)
    shared = shared_file(config)
    if shared:
        take_over(found.whole.network, shared, head=found.head or answering(found))
    last = config.channels_last
    if last or (last is None and isinstance(found.whole.network, TANet | TPN)):
        channels_last(found.whole.network)
    rows_of(found.whole, found.spec, len(class_names))
    return found


def shared_file(config: Config) -> Path | None:
    """Return the file of weights that some are taken over from, where there is one."""
    named = config.shared_weights
    return None if named is None else config.folder / Path(named).expanduser()


def answering(found: Trainable) -> str:
    """Return the name of the layer that answers; nothing where none can be told."""
    whole, spec = found.whole, found.spec
    with suppress(ValueError):
        return Head.of(whole.network, lambda: rows_of(whole, spec), len(spec.class_names)).name
    return ""


def take_over(network: nn.Module, file: Path, *, head: str = "") -> None:
    """Put those of a file's weights into a network that it has too, by name and shape.

    Args:
        network: The network.
        file: A safetensors file, or a torch file of weights alone.
        head: The name of the layer that answers, which keeps its own.

    Raises:
        FileNotFoundError: When there is no such file.
        ValueError: When it can't be read, no weight is the same, or one is not finite.
    """
    theirs, ours = shared_state(file), network.state_dict()

    def common(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {
            name: weight
            for name, weight in state.items()
            if name in ours and weight.shape == ours[name].shape
            if not (head and name.startswith(f"{head}."))
        }

    same = common(theirs) or common(unwrapped(theirs))
    if not same:
        raise ValueError(
            f"shared_weights: {file} has no weight of a name and shape that this "
            f"{type(network).__name__} has, which begin with {next(iter(ours))!r}; the file's with "
            f"{next(iter(theirs), None)!r}. The head that answers keeps its own."
        )
    for name, weight in same.items():
        if not bool(weight.isfinite().all()):
            raise ValueError(
                f"shared_weights: {name} in {file} holds NaN or infinite numbers; take the "
                "weights of a training that went well."
            )
    network.load_state_dict(same, strict=False)


def shared_state(file: Path) -> dict[str, Tensor]:
    """Return the tensors of a file, whatever else is in it.

    Raises:
        FileNotFoundError: When there is no such file.
        ValueError: When it can't be read.
    """
    try:
        return state_in(file, partly=True)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"shared_{error}") from error
    except ValueError as error:
        raise ValueError(f"shared_{error}") from error


def in_yaml(model: str) -> bool:
    """Return whether the name of a model, or of data, is that of a YAML file."""
    return model.endswith((".yaml", ".yml"))


def reference_of(config: Config) -> Reference:
    """Return what a configuration says of the model.

    Raises:
        ValueError: When such models can't be trained.
    """
    described = in_yaml(config.model)
    found = referred(config.folder / config.model if described else config.model)
    if found.scheme in SOURCES and found.scheme not in (*OWN, *LIBRARIES, "hf", "python"):
        raise ValueError(
            f"model: {found.scheme}: models answer but can't be trained. Name a torch network: "
            f"{', '.join([*OWN, 'hf', *LIBRARIES, 'python'])}; vexplain models lists their forms."
        )
    weights = found.weights
    if config.weights is not None:
        file = (config.folder / Path(config.weights).expanduser()).resolve()
        weights = str(file) if file.exists() else config.weights  # an address, or published ones
    return replace(
        found,
        folder=found.folder if described else config.folder,
        arguments={**found.arguments, **config.arguments},
        weights=weights,
        clip={**found.clip, **_tuples(config.clip)},
    )


def _tuples(clip: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(v) if isinstance(v, list) else v for name, v in clip.items()}


def own_network(reference: Reference, class_names: tuple[str, ...]) -> Trainable:
    """Return one of the paper's networks.

    Raises:
        ValueError: When the file, the arguments or the clip don't fit.
    """
    n_classes = len(class_names)
    unstarted = reference.name in ("small", "full") and reference.weights is None
    if unstarted:
        arguments = {**reference.arguments, "n_classes": n_classes}
        reference = replace(reference, arguments=arguments)
    network, spec, name = opening.opened(reference)
    spec = reference.completed(spec)
    same = network.config.n_classes == n_classes and spec.class_names in ((), class_names)
    if not same:
        network = with_head(network, n_classes)
    spec = replace(spec, class_names=class_names, outputs="logits")
    opening.check_spec(spec, network)
    return Trainable(
        whole=Whole(network, spec),
        spec=spec,
        head="head",
        name=name,
        write=write_network,
    )


def with_head(network: opening.Network, n_classes: int) -> opening.Network:
    """Return the network with a fresh head for so many classes."""
    config = replace(network.config, n_classes=n_classes)
    make: Any = type(network)
    changed: opening.Network = make(config)
    state = {k: v for k, v in network.state_dict().items() if not k.startswith("head.")}
    changed.load_state_dict({**changed.state_dict(), **state})
    return changed


def check_precise(whole: Whole) -> None:
    """Raise ``ValueError`` where weights are kept in another precision than float32."""
    for name, weight in whole.network.named_parameters():
        if weight.dtype != torch.float32:
            raise ValueError(
                f"model: expected weights in float32, got {name} in "
                f"{str(weight.dtype).removeprefix('torch.')}. Have the model made in float32, and "
                "say precision: bfloat16 (or float16) in the configuration to compute in half."
            )


def any_module(
    reference: Reference, class_names: tuple[str, ...], *, frozen: bool = False
) -> Trainable:
    """Return a network of a library, or of the user's own Python.

    Args:
        reference: The model.
        class_names: What it shall tell apart.
        frozen: Whether the head alone shall learn, so that it has to be known.

    Raises:
        ValueError: When it is no torch module, or has no head that could be exchanged.
    """
    classes = class_argument(reference)
    if classes and reference.weights is None:
        reference = replace(reference, arguments={classes: len(class_names), **reference.arguments})
    model = opened(reference)
    runner = model.function if isinstance(model, Model) else None
    if not isinstance(model, Model) or not isinstance(runner, Runner):
        raise ValueError(
            f"model: {reference.scheme}:{reference.name} is no torch module, so it "
            "can't be trained."
        )
    network, spec = runner.module, judged(model.spec, runner.module)
    whole = Whole(network, spec)
    before = rows_of(whole, spec)
    same = before == len(class_names) and spec.class_names in ((), class_names)
    head = None
    if frozen or not same:
        head = Head.of(network, lambda: rows_of(whole, spec), before)
    if head and not same:
        network = replaced(network, head, len(class_names))
    spec = replace(spec, class_names=class_names)
    return Trainable(
        whole=Whole(network, spec),
        spec=spec,
        head=head.name if head else "",
        name=model.name,
        write=writer(reference, classes, before, class_names),
    )


def judged(spec: ModelSpec, network: nn.Module) -> ModelSpec:
    """Return the spec with the kind of output told by the answer, where it isn't stated.

    Raises:
        ValueError: When the answers are neither logits nor one probability per class.
    """
    if spec.clip is None:
        spec = replace(spec, clip=ClipSpec())
    if spec.outputs == "sigmoid" or not spec.batched or spec.array != "torch":
        raise ValueError(
            "outputs: expected a network that takes batches of tensors and answers with logits or "
            f"softmax to be trained, got outputs={spec.outputs}, batched={spec.batched}, "
            f"array={spec.array}."
        )
    if spec.outputs != "auto":
        return spec
    scores = answer_of(Whole(network, replace(spec, outputs="logits")), spec)
    sums_to_one = bool((scores >= 0).all()) and bool(torch.isclose(scores.sum(), torch.tensor(1.0)))
    return replace(spec, outputs="softmax" if sums_to_one else "logits")


def class_argument(reference: Reference) -> str | None:
    """Return what a user's factory calls its number of classes, or None where it doesn't say."""
    if reference.scheme != "python":
        return None
    try:
        parameters = inspect.signature(factory(reference.name, reference.folder)).parameters
    except (TypeError, ValueError):
        return None  # opening it says why
    return next((name for name in CLASS_ARGUMENTS if name in parameters), None)


def writer(
    reference: Reference, classes: str | None, before: int, class_names: tuple[str, ...]
) -> Writer:
    """Return what saves such a network so that ``load_model`` opens it again.

    Raises:
        ValueError: When a factory can't be told its number of classes.
    """
    n_classes = len(class_names)
    if reference.scheme == "hf":
        from vexplain.models.hub_files import model_folder

        return write_hub(model_folder(reference.name, reference.folder)[0])
    arguments = dict(reference.arguments)
    if reference.scheme == "python":
        if n_classes != before and classes is None:
            raise ValueError(
                f"arguments: what {reference.name} returns has {before} classes, the data "
                f"{n_classes}. Give the factory an argument n_classes, so that what is learnt can "
                "be opened again."
            )
        if classes:
            arguments[classes] = n_classes
        return write_described(
            lambda folder, _: f"python:{moved(reference, folder)}", arguments, beside=True
        )
    name = reference.name.partition("@")[0]
    for known in CLASS_ARGUMENTS:
        arguments.pop(known, None)  # the file tells it
    return write_described(lambda _, file: f"{reference.scheme}:{name}@{file}", arguments)


def moved(reference: Reference, folder: Path) -> str:
    """Return the name of a factory as it is from another folder.

    A file is named from there; before a module stands the folder that it is imported from, unless
    it is installed.
    """
    module, _, function = reference.name.rpartition(":")
    if module.endswith(".py"):
        file = (reference.folder / module).resolve()
        return f"{relpath(file, folder.resolve())}:{function}"
    place = import_folder(module.rpartition(":")[2])
    if place is None:
        return reference.name
    return f"{relpath(place, folder.resolve())}:{module.rpartition(':')[2]}:{function}"
