"""Models of Hugging Face transformers: video classifiers, and image classifiers frame by frame."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vexplain.core import ModelSpec, OutputKind
from vexplain.core.specs import Dtype
from vexplain.models.adapters import Model, module_model
from vexplain.models.hub_files import (
    Kind,
    Settings,
    imported,
    in_one_line,
    model_folder,
    preprocessing,
    quiet,
    read_json,
    read_weights,
    weight_files,
)
from vexplain.models.hub_settings import frames_of, size_of, spec_of
from vexplain.models.reference import Reference
from vexplain.models.running import Running
from vexplain.models.scores import class_scores

INPUTS = ("pixel_values", "pixel_values_videos")
"""What transformers calls the frames."""


@dataclass(frozen=True)
class Taken:
    """The clips that a video network was built for.

    Most networks have a position embedding per frame and patch. V-JEPA 2 rotates by position
    instead and takes any whole number of tubelets; its frames still have to be of one size.
    TimeSformer takes any clip, but groups the patches of another one wrongly, without a word.

    Attributes:
        frames: T, or where ``step`` is given any multiple of that.
        size: (H, W) in pixels, or None where any will do.
        step: Frames in a tubelet, for V-JEPA 2.
    """

    frames: int
    size: tuple[int, int] | None
    step: int | None = None

    def check(self, frames: int, size: tuple[int, int] | None) -> None:
        """Raise ``ValueError`` when clips of so many frames, and of that (H, W), don't fit."""
        fits = frames % self.step == 0 if self.step else frames == self.frames
        if not fits:
            wanted = f"a multiple of {self.step}" if self.step else str(self.frames)
            raise ValueError(f"frames: the network takes {wanted} frames, got {frames}.")
        if self.size and size != self.size:
            got = "frames of any size" if size is None else f"{size[0]}x{size[1]}"
            raise ValueError(
                f"size: the network takes frames of {self.size[0]}x{self.size[1]} pixels, got "
                f"{got}. Ask for that size, or for a checkpoint of another one."
            )


class HubNetwork(nn.Module):
    """A network of transformers as a function of prepared clips (N, T, C, H, W) or frames."""

    def __init__(self, model: Any, taken: Taken | None, outputs: OutputKind) -> None:
        super().__init__()
        self.model = model
        self.taken = taken
        self.outputs = outputs

    def forward(self, clips: Tensor) -> Tensor:
        """Return the logits (N, K), or their sigmoid where that is the output declared.

        Raises:
            ValueError: When the network was built for other clips.
        """
        if self.taken:
            self.taken.check(clips.shape[1], (clips.shape[3], clips.shape[4]))
        scores = class_scores(self.model(**{self.model.main_input_name: clips}))
        scores = scores.squeeze(1) if scores.ndim == 3 else scores  # VideoPrism: (N, 1, K)
        return scores.sigmoid() if self.outputs == "sigmoid" else scores


@dataclass(frozen=True)
class Head:
    """A class of transformers that classifies.

    Attributes:
        name: Its name.
        model_type: What its configuration calls the network.
        kind: Whether it takes clips or single frames.
    """

    name: str
    model_type: str
    kind: Kind


def load(reference: Reference) -> Model:
    """Load a model from a folder or from the hub.

    No code of the repository is run, and no pickle is executed where that isn't allowed by name.

    Raises:
        FileNotFoundError: When a folder or file is missing, or the hub can't be reached.
        ImportError: When transformers itself can't be imported.
        ValueError: When the files are broken, of something else than a classifier, or don't fit.
    """
    for name in ("weights", "arguments"):
        if getattr(reference, name):
            raise ValueError(f"{name}: a model of transformers brings its own; leave them out.")
    folder, repository = model_folder(reference.name, reference.folder)
    settings = read_json(folder / "config.json")
    if settings is None:
        raise FileNotFoundError(f"model: there is no file {folder / 'config.json'}.")
    head = head_in(settings, folder)
    network = imported("transformers", head.name)
    config = configuration(network, settings, folder)
    stated = {**reference.wants, **reference.clip}
    spec = reference.completed(spec_of(config, preprocessing(folder, head.kind), head.kind, stated))
    taken = clips_for(config, head)
    if taken and spec.clip:
        taken.check(spec.clip.frames, spec.clip.height_width)
    files = weight_files(folder, repository)
    model = with_weights(network, config, files, allow_pickle=reference.allow_pickle)
    return module_model(
        HubNetwork(model, taken, spec.outputs), spec, reference.running, reference.name
    )


def adapted(model: Any, spec: ModelSpec | None, running: Running) -> Model:
    """Return a model object of transformers as a classifier.

    What the spec doesn't state is looked for in the files that the model was loaded from. A model
    that is no classifier of transformers by its class needs a spec, which is then taken as it is.

    Raises:
        ValueError: When the model takes no frames, or nothing tells how pixels become numbers.
    """
    name = type(model).__name__
    if model.main_input_name not in INPUTS:
        raise ValueError(
            f"model: expected a model of transformers that takes {' or '.join(INPUTS)}; {name} "
            f"takes {model.main_input_name}."
        )
    bases = {base.__name__ for base in type(model).__mro__}
    head = next((head for head in heads() if head.name in bases), None)
    if head is not None or spec is None:
        stated = Reference(scheme="hf", name=name).saying(spec or ModelSpec())
        spec = stated.completed(spec_of_object(model, head, {**stated.wants, **stated.clip}))
    network = HubNetwork(model, clips_for(model.config, head), spec.outputs)
    return module_model(network, spec, running, name)


def spec_of_object(model: Any, head: Head | None, stated: Mapping[str, Any]) -> ModelSpec:
    """Return what a model object wants, as the files say that it was loaded from.

    Args:
        model: The model.
        head: Its class, or None where that is no classifier.
        stated: What the user states, for which no file is needed.

    Raises:
        ValueError: When it is no classifier, or there are no such files.
    """
    name = type(model).__name__
    if head is None:
        raise ValueError(
            f"spec: {name} is no video or image classifier of transformers. If it answers with "
            "class scores, pass spec=ModelSpec(…)."
        )
    origin = model.name_or_path
    commit = getattr(model.config, "_commit_hash", None)
    if commit and not Path(origin).is_dir():
        origin = f"{origin}@{commit}"
    try:
        settings = preprocessing(model_folder(origin, Path())[0], head.kind) if origin else None
    except FileNotFoundError:
        settings = None
    if settings is None and not {"mean", "std"} <= stated.keys():
        raise ValueError(
            f"spec: no preprocessor_config.json is found for this {name}, so nothing tells how its "
            "pixels become numbers. Pass spec=ModelSpec(mean=…, std=…, clip=…), or name the folder "
            "of its files: hf:FOLDER."
        )
    spec = spec_of(model.config, settings, head.kind, stated)
    halves: dict[torch.dtype, Dtype] = {torch.float16: "float16", torch.bfloat16: "bfloat16"}
    return replace(spec, dtype=halves.get(model.dtype, "float32"))


def heads() -> Iterator[Head]:
    """Go through the classifiers that the installed transformers has."""
    kinds: tuple[Kind, Kind] = ("video", "image")
    for kind in kinds:
        names_of = imported(
            "transformers.models.auto.modeling_auto",
            f"MODEL_FOR_{kind.upper()}_CLASSIFICATION_MAPPING_NAMES",
        )
        for model_type, names in names_of.items():
            for name in [names] if isinstance(names, str) else names:
                yield Head(name, model_type, kind)


def head_in(settings: Settings, folder: Path) -> Head:
    """Return the classifier that a ``config.json`` speaks of.

    Raises:
        ValueError: When it speaks of something else.
    """
    names, model_type = settings.get("architectures"), settings.get("model_type")
    for head in heads():
        if head.name in names if names else head.model_type == model_type:
            return head
    raise ValueError(
        f"model: expected a video or image classifier of transformers in {folder}, such as "
        f"TimesformerForVideoClassification, got {', '.join(names or [str(model_type)])}."
    )


def clips_for(config: Any, head: Head | None) -> Taken | None:
    """Return the clips that a network was built for; None = it takes frames, or isn't known."""
    if head is None or head.kind == "image":
        return None
    step = config.tubelet_size if head.model_type == "vjepa2" else None
    return Taken(frames_of(config), size_of(config), step)


def configuration(network: Any, settings: Settings, folder: Path) -> Any:
    """Return the configuration of a network as transformers wants it.

    Raises:
        ValueError: When it holds values that transformers doesn't understand.
    """
    with quiet():
        try:
            return network.config_class.from_dict(dict(settings))
        except Exception as error:  # transformers' checks share no base class but Exception
            raise ValueError(
                f"model: transformers can't use {folder / 'config.json'} ({in_one_line(error)})."
            ) from error


def with_weights(network: Any, config: Any, files: list[Path], *, allow_pickle: bool) -> Any:
    """Return a network that holds exactly the weights in the files.

    transformers itself only warns of weights that are missing, left over or of another shape, and
    draws new ones: an explanation of those would be one of noise.

    Raises:
        ValueError: When the weights are another network's, or can't be read.
    """
    state = read_weights(files, allow_pickle=allow_pickle)
    with quiet():
        try:
            model, report = network.from_pretrained(
                None,
                config=config,
                state_dict=state,
                dtype=torch.float32,
                ignore_mismatched_sizes=True,  # else it raises without saying which
                output_loading_info=True,
            )
        except Exception as error:  # building a network raises whatever its parts raise
            raise ValueError(
                f"model: transformers can't build {network.__name__} as {files[0].parent} says "
                f"({in_one_line(error)})."
            ) from error
    wrong = misfit(report)
    if wrong:
        raise ValueError(
            f"weights: those in {files[0].parent} are not of this {network.__name__}: {wrong}."
        )
    return model


def misfit(report: Mapping[str, Any]) -> str:
    """Return what transformers says of weights that don't fit, in words; empty where all do."""
    counts = {
        "missing": sorted(report["missing_keys"]),
        "left over": sorted(report["unexpected_keys"]),
    }
    words = [f"{len(names)} {how}, such as {names[0]}" for how, names in counts.items() if names]
    for name, found, wanted in sorted(report["mismatched_keys"])[:1]:
        words.append(f"{name} has the shape {tuple(found)}, expected {tuple(wanted)}")
    return "; ".join(words)
