"""Hugging Face transformers: real networks with small random weights, against its own answers."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import vexplain as vx
from vexplain.core import ClipSpec, ModelSpec
from vexplain.methods import loco
from vexplain.models import Model, as_classifier, load_model, prepared
from vexplain.models.hub_settings import spec_of

NAMES = {"0": "walking", "1": "running", "2": "waving"}
SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
CROPPED = {"do_resize": True, "size": {"shortest_edge": 18}, "do_center_crop": True}
NORMAL = {"do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True}
FACEBOOK = {"image_mean": [0.45, 0.45, 0.45], "image_std": [0.225, 0.225, 0.225]}
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
HALF = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}


@dataclass(frozen=True)
class Family:
    """A network as small as it gets, and the preprocessor's file beside it."""

    config: dict[str, Any]
    settings: dict[str, Any]
    processor: str
    file: str = "preprocessor_config.json"


FAMILIES = {
    "Timesformer": Family(
        {**SMALL, "image_size": 16, "patch_size": 8, "num_frames": 4, "intermediate_size": 32},
        {**CROPPED, "crop_size": {"height": 16, "width": 16}, "resample": 2, **NORMAL, **FACEBOOK},
        "VideoMAEImageProcessorPil",
    ),
    "VideoMAE": Family(
        {**SMALL, "image_size": 16, "patch_size": 8, "num_frames": 4, "intermediate_size": 32},
        {**CROPPED, "crop_size": {"height": 16, "width": 16}, "resample": 2, **NORMAL, **IMAGENET},
        "VideoMAEImageProcessorPil",
    ),
    "Vivit": Family(
        {**SMALL, "image_size": 16, "tubelet_size": [2, 8, 8], "num_frames": 4}
        | {"intermediate_size": 32},
        {**CROPPED, "crop_size": {"height": 16, "width": 16}, "resample": 2, **NORMAL, **HALF}
        | {"rescale_factor": 1 / 127.5, "offset": True, "image_processor_type": "Vivit"},
        "VivitImageProcessor",
    ),
    "VJEPA2": Family(
        {**SMALL, "hidden_size": 24, "crop_size": 16, "patch_size": 8, "frames_per_clip": 4}
        | {"num_pooler_layers": 1, "pred_hidden_size": 24, "pred_num_attention_heads": 2}
        | {"pred_num_hidden_layers": 1, "pred_num_mask_tokens": 1},
        {**CROPPED, "crop_size": 16, "resample": 2, **NORMAL, **IMAGENET},
        "VJEPA2VideoProcessor",
        "video_preprocessor_config.json",
    ),
    "VideoPrism": Family(
        {"hidden_size": 32, "num_attention_heads": 2, "image_size": 16, "tubelet_size": [1, 8, 8]}
        | {"num_frames": 4, "intermediate_size": 32, "num_spatial_layers": 1}
        | {"num_temporal_layers": 1, "num_auxiliary_layers": 1},
        {"do_resize": True, "size": {"height": 16, "width": 16}, "resample": 2}
        | {**NORMAL, "image_mean": [0.0, 0.1, 0.0], "image_std": [1.0, 1.0, 2.0]},
        "LlavaOnevisionVideoProcessor",
        "video_preprocessor_config.json",
    ),
}


@pytest.fixture(scope="session")
def transformers(torchvision_repaired: None) -> Any:
    return pytest.importorskip("transformers")


Make = Callable[..., Path]


@pytest.fixture
def saved(transformers: Any, tmp_path: Path) -> Make:
    """Return a function that saves a random network of a family into a folder."""

    def save(name: str, *, weights: str = "safetensors", **config: Any) -> Path:
        family, folder = FAMILIES[name], tmp_path / name
        network = random_network(transformers, name, id2label=NAMES, **{**family.config, **config})
        network.save_pretrained(folder)
        if weights == "bin":
            torch.save(network.state_dict(), folder / "pytorch_model.bin")
            (folder / "model.safetensors").unlink()
        (folder / family.file).write_text(json.dumps(family.settings))
        return folder

    return save


def random_network(transformers: Any, name: str, task: str = "Video", **config: Any) -> Any:
    """Return a network whose weights are large enough that its answers differ between clips."""
    torch.manual_seed(0)
    made = getattr(transformers, f"{name}{'Vision' * (name == 'VideoPrism')}Config")(**config)
    network = getattr(transformers, f"{name}For{task}Classification")(made).eval()
    with torch.no_grad():
        for weight in network.parameters():
            weight.normal_(0, 0.3)
    return network


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Four frames of 20 × 28 pixels, in a folder."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    rows, columns = np.mgrid[:20, :28]
    for i in range(4):
        waves = [np.sin(columns / 3 + i), np.cos(rows / 4 - i), np.sin((rows + columns) / 5)]
        frame = (127 + 120 * np.stack(waves, axis=-1)).astype(np.uint8)
        Image.fromarray(frame).save(folder / f"{i}.png")
    return folder


def frames_in(folder: Path) -> list[np.ndarray]:
    return [np.asarray(Image.open(file)) for file in sorted(folder.glob("*.png"))]


def loaded(name: str | Path, **options: Any) -> Model:
    model = load_model(f"hf:{name}", **options)
    assert isinstance(model, Model)
    return model


@pytest.mark.parametrize("weights", ["safetensors", "bin"])
@pytest.mark.parametrize("name", FAMILIES)
def test_every_video_network_answers_as_in_transformers(
    transformers: Any, saved: Make, pictures: Path, name: str, weights: str
) -> None:
    family, folder = FAMILIES[name], saved(name, weights=weights)
    model = loaded(folder)
    assert model.class_names == ("walking", "running", "waving")
    assert model.outputs == "logits"
    assert model.spec.clip is not None
    assert (model.spec.clip.frames, model.spec.clip.sampling) == (4, "uniform")

    own = getattr(transformers, f"{name}ForVideoClassification").from_pretrained(folder).eval()
    if "Video" in family.processor.removeprefix("VideoMAE"):
        processor = getattr(transformers, family.processor)(**family.settings)
        stacked = torch.from_numpy(np.stack(frames_in(pictures))).permute(0, 3, 1, 2)
        batch = processor([stacked], return_tensors="pt")
    else:
        processor = getattr(transformers, family.processor).from_pretrained(folder)
        batch = processor(frames_in(pictures), return_tensors="pt")
    theirs = batch[own.main_input_name].float()

    clip = vx.read_clip(pictures, model.spec.clip).frames[None]
    ours = prepared(clip, model.spec)
    level = model.spec.scale / 255 / min(model.spec.std)  # Pillow rounds in fixed point
    assert float((ours - theirs).abs().max()) < 1.01 * level
    assert float((ours - theirs).abs().mean()) < 0.2 * level
    with torch.no_grad():
        same = own(**{own.main_input_name: ours}).logits.reshape(1, 3)
        expected = own(**{own.main_input_name: theirs}).logits.reshape(1, 3)
        answer = model(clip)
    torch.testing.assert_close(answer, same, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(answer, expected, atol=0.1, rtol=0.05)
    assert float(answer.std()) > 0.1


@pytest.mark.parametrize("name", FAMILIES)
def test_every_video_network_is_explained_end_to_end(
    saved: Make, pictures: Path, name: str
) -> None:
    method = replace(loco(), segmentation=vx.segmentation.Grid(t=2, h=2, w=2))
    explanation = vx.explain(pictures, loaded(saved(name)), method=method, progress=False)
    assert explanation.attribution.scores.shape == (8,)
    assert float(explanation.attribution.scores.abs().max()) > 0


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_it_runs_as_precisely_as_asked(saved: Make, precision: Any) -> None:
    folder = saved("VideoMAE")
    clips = torch.rand(2, 4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        exact, rough = loaded(folder)(clips), loaded(folder, precision=precision)(clips).float()
    assert 0 < float((exact - rough).abs().max()) < 0.5


def test_a_classifier_of_several_labels_answers_with_a_sigmoid(saved: Make) -> None:
    plain, several = (
        loaded(saved("VideoMAE", problem_type=kind))
        for kind in (None, "multi_label_classification")
    )
    clips = torch.rand(2, 4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert (plain.outputs, several.outputs) == ("logits", "sigmoid")
    torch.testing.assert_close(several(clips), plain(clips).sigmoid())


def test_weights_in_several_files_and_in_half_precision(
    transformers: Any, saved: Make, tmp_path: Path
) -> None:
    clips = torch.rand(1, 4, 3, 16, 16)
    folder = saved("Timesformer")
    own = transformers.TimesformerForVideoClassification.from_pretrained(folder)
    with torch.no_grad():
        expected = loaded(folder)(clips)
        (folder / "model.safetensors").unlink()
        own.half().save_pretrained(folder, max_shard_size="30KB")
        parts = sorted(folder.glob("model-*.safetensors"))
        assert len(parts) > 2
        torch.testing.assert_close(loaded(folder)(clips), expected, atol=0.02, rtol=0.01)
    parts[1].unlink()
    with pytest.raises(FileNotFoundError, match=r"weights: there is no whole model\.safetensors"):
        loaded(folder)


def test_other_clips_than_the_network_was_built_for(saved: Make) -> None:
    model = loaded(saved("Timesformer"))
    for frames in (3, 8):  # of which transformers refuses none but the first
        with pytest.raises(ValueError, match=f"frames: the network takes 4 frames, got {frames}."):
            model(torch.rand(1, frames, 3, 16, 16))
    with pytest.raises(ValueError, match="size: the network takes frames of 16x16 pixels, got 32x"):
        model(torch.rand(1, 4, 3, 32, 16))


def test_vjepa2_takes_any_whole_number_of_tubelets(saved: Make) -> None:
    model = loaded(saved("VJEPA2"))
    assert model(torch.rand(1, 6, 3, 16, 16)).shape == (1, 3)
    with pytest.raises(ValueError, match="frames: the network takes a multiple of 2 frames, got 5"):
        model(torch.rand(1, 5, 3, 16, 16))


def test_what_the_user_states_wins_but_must_fit_the_network(saved: Make, tmp_path: Path) -> None:
    saved("Timesformer")
    yaml = tmp_path / "model.yaml"
    text = "model: hf:Timesformer\nmean: 0.4\nclip: {sampling: interval, interval: 8}\n"
    yaml.write_text(text)
    model = load_model(yaml)
    assert isinstance(model, Model)
    assert model.spec.mean == (0.4,)
    assert model.spec.std == (0.225,) * 3
    wanted = ClipSpec(frames=4, size=(16, 16), short_side=18, sampling="interval", interval=8)
    assert model.spec.clip == wanted
    for clip, message in (
        ("{frames: 8}", "frames: the network takes 4 frames, got 8"),
        ("{size: 8}", "size: the network takes frames of 16x16 pixels, got 8x8"),
        ("{size: null}", "size: the network takes frames of 16x16 pixels, got frames of any size"),
    ):
        yaml.write_text(f"model: hf:Timesformer\nclip: {clip}")
        with pytest.raises(ValueError, match=message):
            load_model(yaml)
    for line in ("weights: w.safetensors", "arguments: {num_frames: 8}"):
        yaml.write_text(f"model: hf:Timesformer\n{line}")
        with pytest.raises(ValueError, match="a model of transformers brings its own"):
            load_model(yaml)


RESNET = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"}


def test_an_image_classifier_is_averaged_over_the_frames(
    transformers: Any, tmp_path: Path, pictures: Path
) -> None:
    network = random_network(
        transformers, "ViT", "Image", **SMALL, image_size=16, patch_size=8, id2label=NAMES
    )
    network.save_pretrained(tmp_path / "vit")
    settings = {"do_resize": True, "size": 16, **NORMAL, **HALF}
    (tmp_path / "vit" / "preprocessor_config.json").write_text(json.dumps(settings))
    model = loaded(tmp_path / "vit")
    assert model.spec.layout == "CHW"
    assert model.spec.clip == ClipSpec(
        frames=16, size=(16, 16), sampling="centres", resize="stretch"
    )
    clips = torch.rand(2, 5, 3, 16, 16)
    with torch.no_grad():
        expected = network(2 * clips.flatten(0, 1) - 1).logits.reshape(2, 5, 3).mean(1)
        torch.testing.assert_close(model(clips), expected, atol=1e-5, rtol=1e-5)
    method = replace(loco(), segmentation=vx.segmentation.Grid(t=2, h=2, w=2))
    clip = vx.read_clip(pictures, replace(model.spec.clip, frames=16, short="loop"))
    explanation = vx.explain(clip, model, method=method, progress=False)
    assert float(explanation.attribution.scores.abs().max()) > 0


def test_resnet_is_cut_out_of_a_larger_frame(transformers: Any, tmp_path: Path) -> None:
    network = random_network(transformers, "ResNet", "Image", **RESNET, num_labels=3)
    network.save_pretrained(tmp_path / "resnet")
    settings = {"do_resize": True, "size": 224, "crop_pct": 0.875, **NORMAL, **IMAGENET}
    settings["feature_extractor_type"] = "ConvNextFeatureExtractor"
    (tmp_path / "resnet" / "preprocessor_config.json").write_text(json.dumps(settings))
    model = loaded(tmp_path / "resnet")
    assert model.class_names is None
    assert model.spec.clip == ClipSpec(frames=16, size=224, short_side=256, sampling="centres")
    assert model.spec.mean == (0.485, 0.456, 0.406)
    assert model(torch.rand(1, 2, 3, 32, 32)).shape == (1, 3)


def test_a_model_object_finds_the_files_that_it_was_loaded_from(
    transformers: Any, saved: Make, pictures: Path
) -> None:
    folder = saved("VideoMAE")
    own = transformers.AutoModelForVideoClassification.from_pretrained(folder).train()
    by_object, by_name = as_classifier(own), loaded(folder)
    assert isinstance(by_object, Model)
    assert by_object.spec == by_name.spec
    assert by_object.name == "VideoMAEForVideoClassification"
    clips = torch.rand(2, 4, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(by_object(clips), by_name(clips))
    with pytest.raises(ValueError, match="the network takes 4 frames"):
        by_object(torch.rand(1, 8, 3, 16, 16))
    method = replace(loco(), segmentation=vx.segmentation.Grid(t=1, h=2, w=2))
    explanation = vx.explain(pictures, own, method=method, progress=False)
    assert explanation.attribution.scores.shape == (4,)
    half = as_classifier(own.bfloat16())
    assert isinstance(half, Model)
    assert half.spec.dtype == "bfloat16"
    assert half(clips).shape == (2, 3)


def test_a_model_object_without_files_needs_a_spec(transformers: Any) -> None:
    own = random_network(transformers, "Timesformer", **FAMILIES["Timesformer"].config)
    with pytest.raises(ValueError, match=r"spec: no preprocessor_config.json .* Pass spec="):
        as_classifier(own)
    spec = ModelSpec(mean=(0.5,), std=(0.5,), clip=ClipSpec(frames=4, size=16))
    model = as_classifier(own, spec)
    assert isinstance(model, Model)
    assert model.spec == replace(spec, outputs="logits")
    clips = torch.rand(1, 4, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(model(clips), own(2 * clips - 1).logits)


def test_a_model_object_that_is_no_classifier(transformers: Any) -> None:
    text = transformers.BertModel(
        transformers.BertConfig(**SMALL, vocab_size=8, intermediate_size=32)
    )
    with pytest.raises(ValueError, match="BertModel takes input_ids"):
        as_classifier(text)
    config = transformers.VideoMAEConfig(**FAMILIES["VideoMAE"].config)
    with pytest.raises(ValueError, match="VideoMAEModel is no video or image classifier"):
        as_classifier(transformers.VideoMAEModel(config))


def configured(**fields: Any) -> Any:
    return SimpleNamespace(**{"id2label": {}, "num_frames": 8, "image_size": 224} | fields)


VIVIT = {"image_processor_type": "VivitImageProcessor"}
BY_TOP = {"image_mean": 0.25, "image_std": 0.5, "include_top": True}
TO_TWO = {"rescale_factor": 1 / 127.5}


@pytest.mark.parametrize(
    ("settings", "scale", "mean", "std"),
    [
        (HALF, 1, 0.5, 0.5),
        ({**HALF, **TO_TWO}, 2, 0.5, 0.5),
        ({**HALF, **TO_TWO, "offset": True}, 2, 1.5, 0.5),
        ({**HALF, **VIVIT}, 2, 1.5, 0.5),
        ({**HALF, **VIVIT, "offset": False}, 2, 0.5, 0.5),
        ({**HALF, "do_rescale": False, "offset": True}, 255, 0.5, 0.5),
        ({"do_normalize": False}, 1, 0, 1),
        ({"do_normalize": False, "do_rescale": False}, 255, 0, 1),
        ({"do_normalize": False, **TO_TWO, "rescale_offset": True}, 2, 1, 1),
        (BY_TOP, 1, 0.25, 0.25),
    ],
)
def test_how_pixels_become_numbers(
    settings: dict[str, Any], scale: float, mean: float, std: float
) -> None:
    spec = spec_of(configured(), settings, "video", {})
    assert spec.scale == pytest.approx(scale)
    assert spec.mean == pytest.approx((mean,) * len(spec.mean))
    assert spec.std == pytest.approx((std,) * len(spec.std))


SHORT = {"size": {"shortest_edge": 256}}
CONVNEXT = {"image_processor_type": "ConvNextImageProcessor"}


@pytest.mark.parametrize(
    ("settings", "clip"),
    [
        ({}, {"size": (224, 224)}),
        ({"size": 256, "crop_size": 224}, {"size": (224, 224), "short_side": 256}),
        ({**SHORT, "crop_size": [192, 224]}, {"size": (192, 224), "short_side": 256}),
        ({**SHORT, "crop_size": 224, "do_center_crop": False}, {"size": None, "short_side": 256}),
        ({"size": {"height": 64, "width": 96}}, {"size": (64, 96), "resize": "stretch"}),
        (
            {"size": {"height": 64, "width": 96}, "crop_size": 56},
            {"size": (56, 56), "scaled": (64, 96)},
        ),
        ({**CONVNEXT, "size": {"shortest_edge": 384}}, {"size": 384, "resize": "stretch"}),
    ],
)
def test_how_frames_are_resized(settings: dict[str, Any], clip: dict[str, Any]) -> None:
    spec = spec_of(configured(), {"do_normalize": False, **settings}, "video", {})
    assert spec.clip == ClipSpec(frames=8, **clip)


@pytest.mark.parametrize(
    "settings",
    [
        {"size": {"height": 256, "width": 192}, "crop_size": 224},
        {"size": {"longest_edge": 256}},
        {"size": {"shortest_edge": 224}, "crop_size": 256},
        {"size": 256, "do_resize": False},
        {"size": {"shortest_edge": 224}, "crop_pct": 0.9},
        {"size": 224, "image_processor_type": "LevitImageProcessor"},
        {"max_num_patches": 256},
    ],
)
def test_a_resizing_without_words_for_it_is_refused_until_stated(settings: dict[str, Any]) -> None:
    settings = {"do_normalize": False, **settings}
    with pytest.raises(ValueError, match=r"clip: .* State it in a YAML file"):
        spec_of(configured(), settings, "video", {})
    stated = {"size": 224, "resize": "stretch"}
    assert spec_of(configured(), settings, "video", stated).clip is not None


def test_nothing_is_assumed_of_mean_and_deviation() -> None:
    with pytest.raises(ValueError, match=r"mean, std: the model has no preprocessor_config.json"):
        spec_of(configured(), None, "video", {})
    with pytest.raises(ValueError, match=r"image_mean: expected a number .* got None. State mean"):
        spec_of(configured(), {"size": 224}, "video", {})
    spec = spec_of(configured(), None, "video", {"mean": (0.5,), "std": (0.5,)})
    assert spec.clip == ClipSpec(frames=8, size=(224, 224))
    unsized = configured(image_size=None)
    with pytest.raises(ValueError, match="frames: expected a whole number as num_frames"):
        spec_of(configured(num_frames="many"), {"do_normalize": False}, "video", {})
    with pytest.raises(ValueError, match="clip: the model's files tell no size"):
        spec_of(unsized, {"do_normalize": False}, "image", {})


def test_classes_and_channels_are_read_as_they_are() -> None:
    numbered = {i: f"class {i}" for i in range(12)}
    labels = {str(i): numbered[i] for i in reversed(range(12))}
    plain = {"do_normalize": False}
    assert spec_of(configured(id2label=labels), plain, "video", {}).class_names == tuple(
        numbered.values()
    )
    same = configured(id2label={0: "crane", 1: "dog", 2: "crane"})
    assert spec_of(same, plain, "video", {}).class_names == ("crane (0)", "dog", "crane (2)")
    unnamed = configured(id2label={0: "LABEL_0", 1: "LABEL_1"})
    assert spec_of(unnamed, plain, "video", {}).class_names == ()
    assert spec_of(configured(num_channels=1), plain, "image", {}).channels == "grey"
    flipped = {**plain, "do_flip_channel_order": True}
    assert spec_of(configured(), flipped, "image", {}).channels == "bgr"


def test_the_settings_of_all_processors_in_one_file(saved: Make) -> None:
    folder = saved("VJEPA2")
    joint = {"image_processor": {"size": 8}, "video_processor": FAMILIES["VJEPA2"].settings}
    expected = loaded(folder).spec
    (folder / "video_preprocessor_config.json").unlink()
    (folder / "processor_config.json").write_text(json.dumps(joint))
    assert loaded(folder).spec == expected


def test_a_folder_that_is_not_one_of_a_classifier(saved: Make, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"model: there is no folder .*nowhere"):
        loaded(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"model: there is no file .*config.json"):
        loaded(tmp_path / "empty")
    folder = saved("Timesformer")
    config = folder / "config.json"
    whole = json.loads(config.read_text())
    for text, message in (
        ("{", "config.json is not a JSON file"),
        ("[1]", r"expected an object with keys in .*config.json, got \[1\]"),
        (
            {"model_type": "xclip", "architectures": ["XCLIPModel"]},
            "expected a video .* XCLIPModel",
        ),
        ({"model_type": "bert"}, "expected a video or image classifier .* got bert"),
        ({**whole, "architectures": ["VideoMAEForPreTraining"]}, "got VideoMAEForPreTraining"),
        ({**whole, "num_frames": "many"}, "transformers can't use .*config.json"),
        ({**whole, "attention_type": "none"}, "can't build .*Unknown attention type"),
    ):
        config.write_text(text if isinstance(text, str) else json.dumps(text))
        with pytest.raises(ValueError, match=message):
            loaded(folder)
    del whole["architectures"]
    config.write_text(json.dumps(whole))
    assert loaded(folder).class_names == ("walking", "running", "waving")
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(ValueError, match="mean, std: the model has no preprocessor_config"):
        loaded(folder)
    model = loaded(folder, spec=ModelSpec(mean=(0.5,), std=(0.5,), outputs="logits"))
    assert model.spec.clip == ClipSpec(frames=4, size=(16, 16))


def test_weights_of_another_network_are_never_drawn_anew(saved: Make) -> None:
    folder = saved("Timesformer")
    shutil.copy(saved("VideoMAE") / "model.safetensors", folder / "model.safetensors")
    with pytest.raises(ValueError, match=r"are not of this TimesformerFor.*: \d+ missing, such as"):
        loaded(folder)
    folder = saved("Timesformer", num_hidden_layers=3)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 2}))
    with pytest.raises(ValueError, match=r"left over, such as timesformer.encoder.layer.2"):
        loaded(folder)
    folder = saved("VideoMAE")
    config = json.loads((folder / "config.json").read_text())
    config["id2label"] = {**NAMES, "3": "sitting"}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"classifier.\w+ has the shape \(3.*\), expected \(4"):
        loaded(folder)


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("code from a stranger ran",))


def test_broken_and_malicious_weights(saved: Make, capsys: pytest.CaptureFixture[str]) -> None:
    folder = saved("VideoMAE")
    safe, pickled = folder / "model.safetensors", folder / "pytorch_model.bin"
    safe.write_bytes(safe.read_bytes()[:500])
    with pytest.raises(ValueError, match="is not a whole safetensors file"):
        loaded(folder)
    safe.unlink()
    with pytest.raises(FileNotFoundError, match="weights: there is no whole model"):
        loaded(folder)
    saved("VideoMAE", weights="bin")
    whole = pickled.read_bytes()
    pickled.write_bytes(whole[: len(whole) // 2])
    for allow_pickle in (False, True):
        with pytest.raises(ValueError, match=r"pytorch_model\.bin (is cut off|can't be)"):
            loaded(folder, allow_pickle=allow_pickle)
    torch.save({"videomae.weight": Evil()}, pickled)
    capsys.readouterr()
    with pytest.raises(ValueError, match=r"pytorch_model\.bin can't be read as weights only"):
        loaded(folder)
    assert "stranger" not in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"pytorch_model\.bin .* is no tensor"):
        loaded(folder, allow_pickle=True)
    assert "stranger" in capsys.readouterr().out


def test_a_pickle_that_the_user_allows(saved: Make) -> None:
    folder = saved("VideoMAE", weights="bin")
    expected = loaded(folder)
    state = torch.load(folder / "pytorch_model.bin", weights_only=True)
    torch.save(Weights(state), folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match="can't be read as weights only"):
        loaded(folder)
    clips = torch.rand(1, 4, 3, 16, 16)
    allowed = loaded(folder, allow_pickle=True)
    torch.testing.assert_close(allowed(clips), expected(clips))


class Weights(dict[str, torch.Tensor]):
    """A class that a pickle of weights only must not make."""


def test_loading_is_silent_and_leaves_the_settings_alone(
    transformers: Any, saved: Make, capfd: pytest.CaptureFixture[str]
) -> None:
    logging = transformers.utils.logging
    folder = saved("VideoMAE")
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    capfd.readouterr()
    loaded(folder)
    assert capfd.readouterr() == ("", "")
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


class Hub:
    """Stands for the hub: hands out the files of a folder that a pattern asks for."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder, self.cache, self.asked = folder, cache, list[tuple[str, str | None]]()

    def __call__(self, name: str, *, revision: str | None, allow_patterns: list[str]) -> str:
        self.asked.append((name, revision))
        snapshot = self.cache / "0123abc"
        snapshot.mkdir(exist_ok=True)
        for pattern in allow_patterns:
            for file in self.folder.glob(pattern):
                shutil.copy(file, snapshot)
        return str(snapshot)


@pytest.mark.parametrize(("weights", "calls"), [("safetensors", 2), ("bin", 3)])
def test_a_model_of_the_hub_is_downloaded_file_by_file(
    saved: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: str, calls: int
) -> None:
    folder = saved("VideoMAE", weights=weights)
    hub = Hub(folder, tmp_path)
    monkeypatch.setattr("huggingface_hub.snapshot_download", hub)
    model = loaded("org/tiny-videomae@v1")
    assert hub.asked == [("org/tiny-videomae", "v1")] + [("org/tiny-videomae", "0123abc")] * (
        calls - 1
    )
    assert model.name == "org/tiny-videomae@v1"
    assert model.spec == loaded(folder).spec
    assert len(hub.asked) == calls
    loaded("org/tiny-videomae")  # the weights are there already
    assert hub.asked[calls:] == [("org/tiny-videomae", None)]


def test_a_model_object_from_the_hub_asks_there_for_its_preprocessor(
    transformers: Any, saved: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = saved("VideoMAE")
    own = transformers.VideoMAEForVideoClassification.from_pretrained(folder)
    own.name_or_path, own.config._commit_hash = "org/tiny-videomae", "0123abc"
    hub = Hub(folder, tmp_path)
    monkeypatch.setattr("huggingface_hub.snapshot_download", hub)
    model = as_classifier(own)
    assert isinstance(model, Model)
    assert model.spec == loaded(folder).spec
    assert hub.asked == [("org/tiny-videomae", "0123abc")]


def test_a_hub_out_of_reach(
    transformers: Any, saved: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    with pytest.raises(
        FileNotFoundError, match=r"org/name can't be fetched .* hf:FOLDER"
    ) as caught:
        loaded("org/name")
    assert "\n" not in str(caught.value)
    own = transformers.VideoMAEForVideoClassification.from_pretrained(saved("VideoMAE"))
    own.name_or_path = "org/name"
    with pytest.raises(ValueError, match=r"spec: no preprocessor_config.json .* Pass spec="):
        as_classifier(own)


def test_transformers_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vexplain.models.loading.installed", lambda package: False)
    with pytest.raises(ImportError, match=r"hf: needs transformers; .* 'vexplain\[hf\]'"):
        load_model("hf:org/name")


BROKEN = "operator torchvision::nms does not exist"
ADVICE = (
    f"model: transformers can't be imported ({BROKEN}). The installed torchvision doesn't fit this "
    "torch: install the one that does, or uninstall it."
)


def test_a_torchvision_that_does_not_fit_is_named(
    saved: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(module: str) -> None:
        try:
            raise RuntimeError(BROKEN)
        except RuntimeError as error:
            raise ModuleNotFoundError("Could not import module 'x'.") from error

    folder = saved("Timesformer")
    monkeypatch.setattr("vexplain.models.hub_files.import_module", broken)
    with pytest.raises(ImportError, match=re.escape(ADVICE)):
        loaded(folder)


@pytest.mark.slow
def test_a_torchvision_that_really_does_not_fit_is_named(saved: Make, tmp_path: Path) -> None:
    broken = tmp_path / "path" / "torchvision"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text(f"raise RuntimeError({BROKEN!r})")
    program = (
        f"import sys; sys.path.insert(0, {str(broken.parent)!r})\n"
        "import vexplain as vx\n"
        f"try: vx.load_model('hf:' + {str(saved('Timesformer'))!r})\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == ADVICE
