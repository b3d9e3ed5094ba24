"""The networks and the clip that ship with the package."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from vexplain.api import suitable_clip
from vexplain.core import ClipSpec
from vexplain.datasets import ACTIONS, Recording, open_dataset
from vexplain.models import load_model
from vexplain.models.adapters import Model
from vexplain.models.loading import DEMO
from vexplain.models.zoo import specimens
from vexplain.video import read_clip

ASSETS = Path(str(files("vexplain") / "assets"))
NAMES = tuple(action.name for action in ACTIONS)
ALL = sorted(specimens())


def opened(name: str) -> tuple[Model, ClipSpec]:
    model = load_model(f"zoo:{name}")
    assert isinstance(model, Model)
    assert model.spec.clip is not None
    return model, model.spec.clip


def held_out(name: str, n: int) -> Sequence[Recording]:
    return open_dataset(specimens()[name].data).part("test").recordings[:n]


def answers(model: Model, clips: Tensor) -> Tensor:
    with torch.inference_mode():
        parts = [model(part).softmax(-1) for part in torch.split(clips, 16)]
        return torch.cat(parts)


def test_the_paper_s_three_networks_are_there_on_both_families() -> None:
    wanted = [f"{n}-{f}" for n in ("tanet", "timesformer", "tpn") for f in ("restless", "still")]
    assert wanted == ALL


@pytest.mark.parametrize("name", ALL)
def test_a_name_says_network_and_family(name: str) -> None:
    network, family = name.split("-")
    assert specimens()[name].network == network
    assert specimens()[name].data.startswith(f"synthetic:{family}?")


@pytest.mark.parametrize("name", ALL)
def test_a_network_is_small_and_says_what_it_is(name: str) -> None:
    assert (ASSETS / "zoo" / f"{name}.safetensors").stat().st_size <= 2_000_000
    model, _ = opened(name)
    assert model.spec.class_names == NAMES
    assert specimens()[name].accuracy >= 0.9
    card = (ASSETS / "zoo" / f"{name}.md").read_text(encoding="utf-8")
    assert f"vexplain train zoo/{name}.yaml" in card
    assert f"{specimens()[name].accuracy:.2%}" in card


@pytest.mark.parametrize("name", ALL)
def test_it_names_most_held_out_clips(name: str) -> None:
    """Of 70 clips, fewer than 55 would be five deviations below 90 %."""
    model, spec = opened(name)
    recordings = held_out(name, 70)
    clips = torch.stack([one.read(spec).frames for one in recordings])
    right = answers(model, clips).argmax(1) == torch.tensor([one.label for one in recordings])
    assert int(right.sum()) >= 55


@pytest.mark.parametrize("name", ALL)
def test_its_answer_rests_on_the_object(name: str) -> None:
    model, spec = opened(name)
    recordings = held_out(name, 42)
    clips = torch.stack([one.read(spec).frames for one in recordings])
    labels = torch.tensor([one.label for one in recordings])[:, None]
    truths = [one.truth(clip) for one in recordings for clip in [one.read(spec)]]
    inside = torch.stack([truth.float() for truth in truths if truth is not None])
    wide = functional.max_pool2d(inside, 5, 1, 2)[:, :, None]
    elsewhere = wide.roll((32, 32), (-2, -1)) * (1 - wide)

    def score(keep: Tensor) -> float:
        return float(answers(model, clips * keep).gather(1, labels).mean())

    whole = score(torch.ones(1))
    assert whole > 0.7
    assert score(1 - wide) < 0.35
    assert score(1 - elsewhere) > 0.75 * whole


def test_an_unknown_one_is_named() -> None:
    with pytest.raises(ValueError, match=r"the zoo has no 'tpn-restles'.*Did you mean"):
        load_model("zoo:tpn-restles")


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_its_accuracy_is_that_of_its_card(name: str) -> None:
    model, spec = opened(name)
    recordings = held_out(name, 100_000)
    right = 0
    for start in range(0, len(recordings), 64):
        part = recordings[start : start + 64]
        clips = torch.stack([one.read(spec).frames for one in part])
        found = answers(model, clips).argmax(1)
        right += int((found == torch.tensor([one.label for one in part])).sum())
    assert right / len(recordings) == pytest.approx(specimens()[name].accuracy, abs=0.002)


# ---- the bundled clip ------------------------------------------------------------------------


def test_the_bundled_clip_is_small_and_named_rightly_with_confidence() -> None:
    assert (ASSETS / "demo.mp4").stat().st_size <= 300_000
    card = (ASSETS / "demo.md").read_text(encoding="utf-8")
    model = load_model("demo")
    assert DEMO in card
    scores = answers(model, suitable_clip(ASSETS / "demo.mp4", model).frames[None])[0]  # type: ignore[arg-type]
    assert scores.max() > 0.9
    assert f'Class "{NAMES[int(scores.argmax())]}"' in card


def test_the_bundled_truth_lies_on_the_clips_object() -> None:
    truth = np.load(ASSETS / "demo_truth.npz")
    source = read_clip(
        ASSETS / "demo.mp4", ClipSpec(frames=len(truth["region"]), size=None, sampling="uniform")
    )
    assert truth["region"].shape == (len(source.frames), *source.frames.shape[-2:])
    for inside, (left, top, right, bottom) in zip(truth["region"], truth["boxes"], strict=True):
        assert inside[top:bottom, left:right].sum() == inside.sum()
        if inside.any():
            assert inside[top:bottom, left].any()
            assert inside[top, left:right].any()
    model, _ = opened(DEMO)
    clip = suitable_clip(ASSETS / "demo.mp4", model)
    assert clip.source is not None
    region = torch.from_numpy(truth["region"][list(clip.source.frame_index)]).float()
    small = functional.adaptive_max_pool2d(region, clip.frames.shape[-2:])
    hidden = clip.frames * (1 - functional.max_pool2d(small[:, None], 3, 1, 1))
    seen, unseen = answers(model, torch.stack([clip.frames, hidden]))
    assert unseen[seen.argmax()] < 0.5
