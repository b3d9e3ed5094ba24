"""Opening a network: with fresh weights, from a file of ours, or from a published checkpoint."""

import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from vexplain.core import ClipSpec, ModelSpec, VexplainWarning, near_names
from vexplain.core.files import atomic_path
from vexplain.models.adapters import Model, module_model
from vexplain.models.networks.files import located
from vexplain.models.networks.layers import fold_norms
from vexplain.models.networks.published import PRESETS, Naming, clip_of, recognised
from vexplain.models.networks.tanet import TANet, TANetConfig
from vexplain.models.networks.timesformer import HEAD_WIDTH, TimeSformer, TimeSformerConfig
from vexplain.models.networks.tpn import TPN, TPNConfig
from vexplain.models.reference import Reference
from vexplain.models.weights import fit_weights, state_in, unwrapped

Network = TimeSformer | TANet | TPN
Config = TimeSformerConfig | TANetConfig | TPNConfig

NETWORKS: Mapping[str, tuple[Callable[[Any], Network], type[Config]]] = {
    "timesformer": (TimeSformer, TimeSformerConfig),
    "tanet": (TANet, TANetConfig),
    "tpn": (TPN, TPNConfig),
}
"""The networks and their configurations, by the scheme of a model's name."""

METADATA = "vexplain"
"""Under this key of a safetensors file's metadata ``save`` says what the network is."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A file of weights, understood.

    Attributes:
        file: Where it is.
        state: The weights, by our keys.
        naming: How the file's own keys are named.
        config: The sizes of the network.
        spec: What the network wants, where the file says it.
    """

    file: Path
    state: Mapping[str, Tensor]
    naming: Naming
    config: Config
    spec: ModelSpec | None


def load(reference: Reference) -> Model:
    """Open a network as a classifier.

    Its batch norms are folded into the convolutions before them, and convolutions keep their
    channels last unless the user says otherwise. On two cores of a CPU a clip then takes TANet
    0.61 to 0.76 of the time, and TPN 0.62 to 0.83; by channels last alone 0.73 to 0.86, and 0.72
    to 0.90.

    Raises:
        FileNotFoundError: When a file is missing.
        ConnectionError: When an address can't be fetched.
        ValueError: When a file is damaged or another network's, or doesn't fit what is stated.
    """
    network, found, name = opened(reference)
    spec = reference.completed(found)
    check_spec(spec, network)
    fold_norms(network)
    running = reference.running
    if running.channels_last is None:
        running = replace(running, channels_last=not isinstance(network, TimeSformer))
    return module_model(network, spec, running, name)


def opened(reference: Reference) -> tuple[Network, ModelSpec, str]:
    """Return a network, what it wants unless the user says otherwise, and its name.

    ``tanet:FILE`` reads the sizes from the file; so do ``tanet:small`` and ``tanet:full`` where
    weights are stated beside them, and else they have fresh weights. The arguments are fields of
    the network's configuration.

    Raises:
        FileNotFoundError: When a file is missing.
        ConnectionError: When an address can't be fetched.
        ValueError: When a file is damaged or another network's, or doesn't fit the arguments.
    """
    make, kind = NETWORKS[reference.scheme]
    if reference.name in ("small", "full") and reference.weights is None:
        sizes = kind.small() if reference.name == "small" else kind()
        config = configured(sizes, reference.arguments)
        warnings.warn(
            f"model: {reference.scheme}:{reference.name} has fresh random weights, so its answers "
            "mean nothing. Name a checkpoint.",
            VexplainWarning,
            stacklevel=2,
        )
        name = f"{reference.scheme}:{reference.name} with fresh weights"
        return make(config), spec_of(reference, config, None), name
    checkpoint = read(reference)
    config = configured(checkpoint.config, reference.arguments)
    with torch.device("meta"):  # what the file replaces isn't made
        network = make(config)
    fit_weights(network, checkpoint.state, checkpoint.file, assign=True)
    spec = checkpoint.spec or spec_of(reference, config, checkpoint)
    return network, spec, f"{reference.scheme} {checkpoint.file.name}"


def save(network: Network, spec: ModelSpec, path: str | PathLike[str]) -> None:
    """Write a network to a safetensors file that says by itself what it is and wants.

    Args:
        network: The network.
        spec: What it wants: its clips, mean and deviation, class names.
        path: The file; ``load_model("tanet:PATH")`` opens it.
    """
    scheme = next(name for name, (make, _) in NETWORKS.items() if make is type(network))
    said = {"network": scheme, "config": asdict(network.config), "spec": asdict(spec)}
    state = {name: value.contiguous() for name, value in network.state_dict().items()}
    with atomic_path(path) as part:
        save_file(state, part, {METADATA: json.dumps(said)})


def read(reference: Reference) -> Checkpoint:
    """Read the checkpoint of a reference: our own, MMAction2's or transformers'.

    Raises:
        FileNotFoundError: When the file is missing.
        ConnectionError: When an address can't be fetched.
        ValueError: When the file is damaged or another network's.
    """
    scheme = reference.scheme
    if reference.weights and reference.name not in ("small", "full"):
        raise ValueError(
            f"weights: {scheme}:{reference.name} names its weights itself; expected {scheme}:small "
            f"or {scheme}:full beside other weights."
        )
    file = located(reference.weights or reference.name, reference.folder)
    state = unwrapped(state_in(file, allow_pickle=reference.allow_pickle))
    naming = recognised(state)
    if naming is None or naming.network != scheme:
        raise ValueError(_of_another_network(naming, state, file, scheme))
    ours = {k: v.float() if v.is_floating_point() else v for k, v in naming.ours(state).items()}
    said = described(file)
    if scheme == "timesformer" and not said and "heads" not in reference.arguments:
        check_heads(ours, file)
    config = said[0] if said else told(ours, scheme, file)
    spec = said[1] if said else None
    return Checkpoint(file=file, state=ours, naming=naming, config=config, spec=spec)


def _of_another_network(
    naming: Naming | None, state: Mapping[str, Tensor], file: Path, scheme: str
) -> str:
    inside = repr(next(iter(state))) if state else "nothing"
    what = naming.what if naming else f"another network, with {inside} in it"
    advice = f" Load it as {naming.network}:FILE." if naming and naming.network else ""
    return f"model: expected a checkpoint of {scheme}, but {file} is one of {what}.{advice}"


def told(state: Mapping[str, Tensor], scheme: str, file: Path) -> Config:
    """Return the sizes that the shapes of weights tell.

    Raises:
        ValueError: When weights are missing.
    """
    try:
        return NETWORKS[scheme][1].of(state)
    except KeyError as error:
        raise ValueError(
            f"model: {file} has no {error.args[0]!r}; expected the weights of a whole {scheme}."
        ) from error
    except (IndexError, TypeError, ValueError) as error:
        raise ValueError(
            f"model: the shapes in {file} are not those of a whole {scheme} ({error})."
        ) from error


def check_heads(state: Mapping[str, Tensor], file: Path) -> None:
    """Raise ``ValueError`` where the number of attention heads can't be told from the weights."""
    width = state["head.weight"].shape[-1] if "head.weight" in state else HEAD_WIDTH
    if width % HEAD_WIDTH:
        raise ValueError(
            f"arguments: {file} doesn't tell its number of attention heads, and a width of {width} "
            "is none of a published network. State arguments: {heads: …} in a YAML file."
        )


def described(file: Path) -> tuple[Config, ModelSpec] | None:
    """Return what ``save`` wrote into a file beside the weights, or None where nothing is.

    Raises:
        ValueError: When it can't be understood.
    """
    if file.suffix != ".safetensors":
        return None
    with safe_open(file, "pt") as content:
        text = (content.metadata() or {}).get(METADATA)
    if text is None:
        return None
    try:
        said = json.loads(text, object_hook=_with_tuples)
        config = NETWORKS[said["network"]][1](**said["config"])
        clip = said["spec"].pop("clip")
        return config, ModelSpec(clip=clip and ClipSpec(**clip), **said["spec"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"model: what {file} says of itself can't be understood ({error}). Was it saved by a "
            "newer vexplain?"
        ) from error


def _with_tuples(said: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(v) if isinstance(v, list) else v for key, v in said.items()}


def configured(config: Config, arguments: Mapping[str, Any]) -> Config:
    """Return the configuration with the fields that the user states.

    Raises:
        ValueError: When there is no such field, or a value that no network can have.
    """
    known = [field.name for field in fields(config)]
    for name in arguments:
        if name not in known:
            raise ValueError(
                f"arguments: {name} is no size of a {type(config).__name__}; expected "
                f"{', '.join(known)}.{near_names(name, known)}"
            )
    return replace(config, **_with_tuples(dict(arguments)))


def spec_of(reference: Reference, config: Config, checkpoint: Checkpoint | None) -> ModelSpec:
    """Return what a network wants, as its authors trained it."""
    preset, naming = PRESETS[reference.scheme], checkpoint.naming if checkpoint else None
    clip = clip_of(
        reference.scheme,
        config.frames,
        config.size if isinstance(config, TimeSformerConfig) else reference.clip.get("size"),
        checkpoint.file.name if checkpoint else "",
    )
    return ModelSpec(
        clip=clip,
        scale=255.0,
        mean=(naming and naming.mean) or preset.mean,
        std=(naming and naming.std) or preset.std,
        outputs="logits",
        class_names=kinetics400() if checkpoint and config.n_classes == 400 else (),
    )


def kinetics400() -> tuple[str, ...]:
    """Return the class names of Kinetics-400, in the alphabetical order of all its projects."""
    text = files("vexplain").joinpath("assets", "kinetics400.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())


def check_spec(spec: ModelSpec, network: Network) -> None:
    """Check what is stated of a network against its weights.

    Raises:
        ValueError: When frames, size or the number of class names are others.
    """
    wanted = {"layout": "TCHW", "pathways": (), "batched": True, "array": "torch"}
    for name, value in {**wanted, "dtype": "float32"}.items():
        if getattr(spec, name) != value:
            raise ValueError(
                f"{name}: this network takes {value}, got {getattr(spec, name)}; leave it out."
            )
    if spec.channels == "grey":
        raise ValueError("channels: this network takes rgb or bgr, got grey.")
    names, n_classes = len(spec.class_names), network.config.n_classes
    if names not in (0, n_classes):
        raise ValueError(
            f"class_names: expected {n_classes}, as many as the weights have classes, got {names}."
        )
    if spec.clip and spec.clip.height_width:
        network.check_clip(spec.clip.frames, *spec.clip.height_width)
