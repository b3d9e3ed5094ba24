"""Training from end to end, on clips whose class is their colour: it learns, stops and goes on."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
import pytest
import torch
import typer
import yaml
from safetensors.torch import load_file
from torch import Tensor
from typer.testing import CliRunner

from vexplain.cli.train import train as train_command
from vexplain.core import ClipSpec, VexplainWarning, VideoClip
from vexplain.datasets import Dataset
from vexplain.models import load_model
from vexplain.training import (
    Augmentation,
    Config,
    Epoch,
    Fold,
    FoldResult,
    Results,
    card,
    measures,
    running,
    train,
    trainable,
)
from vexplain.training.fitting import Fit, fit_of
from vexplain.training.results import read_fold

NAMES = ("red", "green", "blue")
BROKEN = -1
"""The seed of a recording that can't be read."""


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Let these tiny networks compute in one thread: two would wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@dataclass(frozen=True, kw_only=True, eq=False)
class Colour:
    """Noise with a patch of its class's colour, made anew whenever it is read."""

    name: str
    label: int | None
    group: str | None = None
    split: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0

    def read(self, spec: ClipSpec) -> VideoClip:
        if self.seed == BROKEN:
            raise ValueError(f"{self.name} is cut off")
        height, width = spec.height_width or (32, 32)
        generator = torch.Generator().manual_seed(self.seed)
        frames = 0.5 * torch.rand(spec.frames, 3, height, width, generator=generator)
        frames[:, self.label or 0, 4:20, 4:20] += 0.4
        return VideoClip(frames, torch.arange(spec.frames) / 25)

    def truth(self, clip: VideoClip) -> Tensor:
        inside = torch.zeros(clip.shape[0], *clip.shape[2:], dtype=torch.bool)
        inside[:, 4:20, 4:20] = True
        return inside


def colours(n: int = 24, *, broken: int = 0) -> Dataset:
    """Return ``n`` recordings, two to a group; the last ``broken`` can't be read."""
    recordings = [
        Colour(
            name=f"clip {i}",
            label=i % len(NAMES),
            group=f"person {i // 2}",
            split="test" if i // 2 % 4 == 0 else "train",
            seed=BROKEN if i >= n - broken else i,
        )
        for i in range(n)
    ]
    return Dataset(name="colours", class_names=NAMES, recordings=recordings)


def config(model: str = "timesformer", **wishes: Any) -> Config:
    """Return a training of a tiny network that takes a second or two."""
    sizes: dict[str, Any] = {"frames": 3}
    if model == "timesformer":
        sizes |= {"size": 32, "depth": 1, "width": 32, "hidden": 32, "drop_path": 0.0}
    elif model == "tanet":
        sizes |= {"width": 4, "blocks": (1,)}
    usual: dict[str, Any] = {
        "model": f"{model}:small",
        "data": "colours",
        "arguments": sizes,
        "clip": {"size": 32},
        "folds": 2,
        "epochs": 4,
        "batch_size": 4,
        "learning_rate": 3e-3,
        "workers": 0,
    }
    return Config(**{**usual, **wishes})


def trained(
    wanted: Config,
    out: Path,
    data: Dataset | None = None,
    *,
    pictures: bool = False,
    **options: Any,
) -> Results:
    """Train on the processor; pictures take a second, so they are empty unless asked for."""
    with nullcontext() if pictures else patch.object(card, "png", lambda _: b""):
        return train(
            wanted, dataset=data or colours(), out=out, device="cpu", progress=False, **options
        )


def course(results: Results) -> list[Epoch]:
    """Return what every epoch came to, without its wall time."""
    return [replace(epoch, seconds=0) for fold in results.folds for epoch in fold.history]


def stop_at(epoch: int) -> Callable[[int, Epoch], None]:
    """Return what presses Ctrl-C after an epoch."""

    def told(_fold: int, done: Epoch) -> None:
        if done.epoch == epoch:
            raise KeyboardInterrupt

    return told


@pytest.mark.parametrize(
    "wishes",
    [
        {"model": "timesformer", "epochs": 10},
        {"model": "tanet", "ema": 0.9, "epochs": 10, "learning_rate": 0.02},
        {"model": "timesformer", "precision": "bfloat16", "ema": 0.5, "epochs": 10},
        {"model": "timesformer", "precision": "bfloat16", "epochs": 10},
    ],
    ids=["timesformer", "averaged tanet", "averaged bfloat16", "bfloat16"],
)
def test_it_learns_and_what_is_saved_answers_as_it_was_measured(
    wishes: dict[str, Any], tmp_path: Path
) -> None:
    found = trained(config(**wishes), tmp_path, colours(36))
    assert found.accuracy > 0.9
    data = colours(36)
    for fold in found.folds:
        scheme, _, file = fold.model.partition(":")
        model = load_model(f"{scheme}:{tmp_path / f'fold{fold.fold}' / file}")
        assert model.class_names == NAMES
        by_name = {one.name: one for one in data.recordings}
        clips = [by_name[name].read(ClipSpec(frames=3, size=32)) for name in fold.recordings]
        rounded = (torch.stack([clip.frames for clip in clips]) * 255).round() / 255
        sure, predicted = model(rounded).softmax(1).max(1)
        assert predicted.tolist() == list(fold.predicted)
        torch.testing.assert_close(sure, torch.tensor(fold.probability), rtol=1e-4, atol=1e-5)
        right = (predicted == torch.tensor(fold.labels)).double().mean()
        assert fold.accuracy == pytest.approx(float(right))
    groups = {one.name: one.group for one in data.recordings}
    held_out = [{groups[name] for name in fold.recordings} for fold in found.folds]
    assert not held_out[0] & held_out[1]


def test_everything_about_it_is_written(tmp_path: Path) -> None:
    found = trained(config(epochs=2), tmp_path, pictures=True)
    written = {file.name for file in tmp_path.iterdir()}
    tables = {"results.json", "history.csv", "predictions.csv", "confusion.csv"}
    assert written >= tables | {"confusion.png", "curves.png", "README.md", "fold0", "fold1"}
    said = json.loads((tmp_path / "results.json").read_text())
    assert said["accuracy"] == pytest.approx(found.accuracy)
    assert said["deviation"] == pytest.approx(found.deviation)
    assert sum(map(sum, said["confusion"])) == 24
    rows = (tmp_path / "history.csv").read_text().splitlines()
    assert len(rows) == 1 + 2 * 2
    assert all((tmp_path / name).read_bytes()[1:4] == b"PNG" for name in written if ".png" in name)
    text = (tmp_path / "README.md").read_text()
    assert "timesformer:fold0/last.safetensors" in text
    block = text.split("```yaml\n")[1].split("```")[0]
    assert yaml.safe_load(block)["epochs"] == 2
    assert str(tmp_path) not in text
    assert not (tmp_path / "fold0" / "state.pt").exists()


class Interrupted(Colour):
    """Presses Ctrl-C while it is read for the ``after``-th time."""

    reads = 0
    after = 0

    def read(self, spec: ClipSpec) -> VideoClip:
        Interrupted.reads += 1
        if Interrupted.reads == Interrupted.after:
            raise KeyboardInterrupt
        return super().read(spec)


@pytest.mark.parametrize("model", ["tanet", "timesformer"])
def test_killed_at_any_time_it_ends_as_if_it_had_never_stopped(model: str, tmp_path: Path) -> None:
    augmentation = Augmentation(removal=0.7, noise=0.05, mirror=0.5, zoom=(1.0, 1.3), colour=0.2)
    wanted = config(model, augmentation=augmentation, ema=0.9, only=(0,))
    whole = trained(wanted, tmp_path / "whole")
    data = colours()
    Interrupted.reads, Interrupted.after = 0, 60  # in the middle of the third epoch
    fragile = replace(data, recordings=[Interrupted(**vars(one)) for one in data.recordings])
    with pytest.raises(KeyboardInterrupt):
        trained(wanted, tmp_path / "parts", fragile)
    with pytest.raises(KeyboardInterrupt):
        trained(wanted, tmp_path / "parts", told=stop_at(3))
    told: list[int] = []
    parts = trained(wanted, tmp_path / "parts", told=lambda _, epoch: told.append(epoch.epoch))
    assert told == [4]
    assert course(parts) == course(whole)
    assert parts.folds[0].best_model == whole.folds[0].best_model == f"{model}:best.safetensors"
    for name in ("best.safetensors", "last.safetensors"):
        files = [tmp_path / out / "fold0" / name for out in ("whole", "parts")]
        assert files[0].read_bytes() == files[1].read_bytes()


def test_the_number_of_workers_changes_nothing(tmp_path: Path) -> None:
    """Also where OpenCV has threads already, on which a forked worker would hang."""
    cv2.setNumThreads(2)
    cv2.GaussianBlur(np.zeros((2000, 2000), np.uint8), (31, 31), 5)
    augmentation = Augmentation(removal=1.0, noise=0.05, zoom=(1.0, 1.3), colour=0.2)
    wanted = config("tanet", augmentation=augmentation, epochs=2, only=(0,), cache=True)
    for workers in (0, 2):
        trained(replace(wanted, workers=workers), tmp_path / str(workers))
    assert len(list((tmp_path / "2" / "cache").iterdir())) == 24
    files = [tmp_path / out / "fold0" / "last.safetensors" for out in ("0", "2")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_another_seed_is_another_training(tmp_path: Path) -> None:
    wanted = config(split=("train", "test"), epochs=1)
    first, second = (trained(replace(wanted, seed=s), tmp_path / str(s)) for s in (0, 1))
    assert course(first) != course(second)
    assert first.deviation is None
    assert {*first.folds[0].recordings} == {
        one.name for one in colours().recordings if one.split == "test"
    }


def test_what_is_finished_is_not_trained_again(tmp_path: Path) -> None:
    first = trained(config(epochs=1), tmp_path, folds=[1])
    assert [fold.fold for fold in first.folds] == [1]
    told: list[int] = []
    both = trained(config(epochs=1), tmp_path, told=lambda fold, _: told.append(fold))
    assert told == [0]
    assert [fold.fold for fold in both.folds] == [0, 1]
    before = (tmp_path / "README.md").read_bytes()
    trained(config(epochs=1), tmp_path, told=lambda fold, _: told.append(fold))
    assert told == [0]
    assert (tmp_path / "README.md").read_bytes() == before


def test_another_training_in_the_folder_is_refused_unless_it_shall_go(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        trained(config(), tmp_path, told=stop_at(1))
    other = config(learning_rate=1e-3, epochs=1)
    with pytest.raises(
        ValueError, match=r"another training \(epochs was 4 and is 1; learning_rate"
    ):
        trained(other, tmp_path)
    with pytest.raises(ValueError, match=r"the dataset lists other recordings.* --fresh"):
        trained(config(), tmp_path, colours(30))
    found = trained(other, tmp_path, resume=False)
    assert len(found.folds[0].history) == 1


def test_what_begins_anew_leaves_nothing_of_another_training(tmp_path: Path) -> None:
    trained(config(epochs=1, folds=3, cache=True), tmp_path)
    stale = [tmp_path / "fold0" / "best.yaml", tmp_path / "cache" / "0-old.pt"]
    for file in stale:
        file.touch()
    other = config(epochs=1, learning_rate=1e-3, only=(0,))
    with pytest.raises(
        ValueError, match=r"fold1 holds another .* all folds, without --fold or only"
    ):
        trained(other, tmp_path, resume=False)
    assert all(file.is_file() for file in stale)
    (tmp_path / "mine").mkdir()
    (tmp_path / "fold_notes").mkdir()
    with pytest.raises(KeyboardInterrupt):
        trained(replace(other, only=()), tmp_path, resume=False, told=stop_at(1))
    assert {file.name for file in tmp_path.iterdir()} == {"fold0", "fold1", "mine", "fold_notes"}
    assert {file.name for file in (tmp_path / "fold0").iterdir()} == {
        "best.safetensors", "state.pt",
    }  # fmt: skip
    assert not list((tmp_path / "fold1").iterdir())


def test_folds_trained_at_once_leave_each_others_files_alone(tmp_path: Path) -> None:
    parts = {}
    for place in ("fold0", "fold1", "cache", "."):
        (tmp_path / place).mkdir(exist_ok=True)
        for age in (10, 100_000):
            file = tmp_path / place / f".part-{age}"
            file.touch()
            os.utime(file, (time.time() - age,) * 2)
            parts[place, age] = file
    (tmp_path / "fold0" / ".part-folder").mkdir()
    os.utime(tmp_path / "fold0" / ".part-folder", (0, 0))
    trained(config(epochs=1, folds=3), tmp_path, folds=[0])
    assert {key for key, file in parts.items() if not file.is_file()} == {
        ("fold0", 100_000), ("cache", 100_000), (".", 100_000),
    }  # fmt: skip
    assert not (tmp_path / "fold0" / ".part-folder").exists()
    assert not (tmp_path / "fold2").exists()


def test_as_many_processes_go_on_as_there_were(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        trained(config(), tmp_path, told=stop_at(1))
    file = tmp_path / "fold0" / "state.pt"
    torch.save({**torch.load(file, weights_only=True), "processes": 2}, file)
    with pytest.raises(ValueError, match="left by 2 processes, and now there are 1"):
        trained(config(), tmp_path)


def test_every_process_needs_a_clip() -> None:
    fold, many = Fold(number=0, training=(0, 1), held_out=(2,)), SimpleNamespace()
    many.process_index, many.num_processes = 0, 3
    found = trainable(config(), NAMES)
    with pytest.raises(ValueError, match="2 recordings to learn from, fewer than the 3 processes"):
        fit_of(config(), colours(), fold, found, many, torch.device("cpu"))


def test_a_state_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "fold0").mkdir()
    (tmp_path / "fold0" / "state.pt").write_bytes(b"PK not a state")
    with pytest.raises(ValueError, match=r"state\.pt is not the state of a training"):
        trained(config(), tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": {}},
        {"optimizer": {}},
        {"averaged": {}},
        {"history": None},
        {"history": []},
        {"said": None},
        {"best": None},
        "a flipped bit",
    ],
    ids=str,
)
def test_a_state_of_another_kind_is_named(wrong: dict[str, Any] | str, tmp_path: Path) -> None:
    wanted = config(ema=0.9)
    with pytest.raises(KeyboardInterrupt):
        trained(wanted, tmp_path, told=stop_at(1))
    file = tmp_path / "fold0" / "state.pt"
    if isinstance(wrong, str):
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1  # in a tensor
        file.write_bytes(content)
    else:
        torch.save({**torch.load(file, weights_only=True), **wrong}, file)
    with pytest.raises(ValueError, match=r"state\.pt is not the state of a training .* --fresh"):
        trained(wanted, tmp_path)


@pytest.mark.parametrize("name", ["last", "best"])
def test_a_fold_without_its_network_is_not_finished(name: str, tmp_path: Path) -> None:
    wanted = config(epochs=1, only=(0,))
    trained(wanted, tmp_path)
    (tmp_path / "fold0" / f"{name}.safetensors").unlink()
    with pytest.raises(ValueError, match=rf"fold\.json names .*{name}\.safetensors.* --fresh"):
        trained(wanted, tmp_path)
    assert trained(wanted, tmp_path, resume=False).folds


def test_a_state_without_its_best_network_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        trained(config(), tmp_path, told=stop_at(1))
    (tmp_path / "fold0" / "best.safetensors").unlink()
    with pytest.raises(ValueError, match=r"state\.pt names .*best\.safetensors.* --fresh"):
        trained(config(), tmp_path)


def test_a_result_of_other_classes_is_named(tmp_path: Path) -> None:
    wanted = config(epochs=1, only=(0,))
    trained(wanted, tmp_path)
    file = tmp_path / "fold0" / "fold.json"
    said = json.loads(file.read_text())
    file.write_text(json.dumps({**said, "predicted": [3] * len(said["predicted"])}))
    with pytest.raises(ValueError, match=r"fold\.json is not .* no class 3.* --fresh"):
        trained(wanted, tmp_path)


def test_a_fold_that_is_a_link_begins_anew_too(tmp_path: Path) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    trained(config(epochs=1, only=(0,)), out)
    (out / "fold0").rename(elsewhere)
    (out / "fold0").symlink_to(elsewhere)
    found = trained(config(epochs=2, only=(0,)), out, resume=False)
    assert len(found.folds[0].history) == 2
    assert len(read_fold(elsewhere / "fold.json").history) == 1


def test_what_cannot_be_removed_is_told(tmp_path: Path) -> None:
    (tmp_path / "fold0").touch()
    with pytest.raises(NotADirectoryError):
        trained(config(epochs=1), tmp_path, resume=False)


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """Let the system refuse to write more into any file, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_the_state_before_and_the_training_goes_on(tmp_path: Path) -> None:
    wanted = config(only=(0,))
    whole = trained(wanted, tmp_path / "whole")
    out = tmp_path / "full"
    with pytest.raises(KeyboardInterrupt):
        trained(wanted, out, told=stop_at(2))
    before = (out / "fold0" / "state.pt").read_bytes()
    weights = (out / "fold0" / "best.safetensors").stat().st_size
    room = max(weights, len(before) // 2)  # for the weights, but not for the whole state
    assert room < len(before)
    with no_file_larger_than(room), pytest.raises(OSError, match="still there: make room"):
        trained(wanted, out)
    assert (out / "fold0" / "state.pt").read_bytes() == before
    assert not list((out / "fold0").glob(".part-*"))
    assert course(trained(wanted, out)) == course(whole)


def test_a_loss_that_is_no_number_ends_it(tmp_path: Path) -> None:
    wild = config(optimizer="sgd", learning_rate=1e30, warm_up=0.0)
    with pytest.raises(ValueError, match="no finite number any more in epoch 1"):
        trained(wild, tmp_path)


def test_what_cannot_be_read_is_named_and_left_out(tmp_path: Path) -> None:
    with pytest.warns(VexplainWarning, match="clip 23 is left out .*cut off"):
        found = trained(config(epochs=1), tmp_path, colours(broken=1))
    assert [*found.folds[0].unreadable, *found.folds[1].unreadable] == ["clip 23", "clip 23"]
    assert sum(len(fold.labels) for fold in found.folds) == 23
    assert sorted(fold.training for fold in found.folds) == [11, 12]
    assert "\n1 recording couldn't be read: clip 23" in (tmp_path / "README.md").read_text()


@pytest.mark.filterwarnings("ignore::vexplain.core.VexplainWarning")
@pytest.mark.parametrize("size", [32, None])
def test_a_batch_of_nothing_readable_changes_nothing(
    size: int | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The clip is alone in its batch; fold for fold it is learnt from or measured."""
    weights, step = [], Fit.step

    def counted(fit: Fit, number: int, batch: Any, weight: float) -> Tensor:
        weights.append(weight)
        return step(fit, number, batch, weight)

    monkeypatch.setattr(Fit, "step", counted)
    wanted = config("tanet", epochs=1, batch_size=1, ema=0.5, clip={"size": size})
    found = trained(wanted, tmp_path, colours(12, broken=1))
    assert [list(fold.unreadable) for fold in found.folds] == [["clip 11"], ["clip 11"]]
    assert sum(len(fold.labels) for fold in found.folds) == 11
    for fold in found.folds:
        state = load_file(tmp_path / f"fold{fold.fold}" / "last.safetensors")
        steps = {int(n) for name, n in state.items() if name.endswith("num_batches_tracked")}
        assert steps == {fold.training}
    assert sorted(fold.training for fold in found.folds) == [5, 6]
    assert weights == [1] * 11  # what decays, and the average, would change at another step


def test_where_nothing_can_be_learnt_from_it_ends(tmp_path: Path) -> None:
    data = colours(2)
    wanted = config(epochs=1)
    broken = [replace(one, seed=BROKEN) for one in data.recordings[:1] if isinstance(one, Colour)]
    one = Fold(number=0, training=(0,), held_out=(1,))
    lost = replace(data, recordings=[*broken, data.recordings[1]])
    with (
        patch.object(running, "folds_of", lambda *_: (one,)),
        pytest.warns(VexplainWarning, match="left out"),
        pytest.raises(ValueError, match="no recording of colours to learn from can be read"),
    ):
        trained(wanted, tmp_path, lost)


class Doubtful(Colour):
    """Has a truth that can't be read."""

    def truth(self, clip: VideoClip) -> Tensor:
        raise OSError(f"the boxes of {self.name} are gone")


def test_a_truth_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    data = colours(8)
    doubtful = replace(data, recordings=[Doubtful(**vars(one)) for one in data.recordings])
    wanted = config(epochs=1, warm_up=0.0, augmentation=Augmentation(removal=1.0))
    with pytest.warns(VexplainWarning, match="clip . is learnt from without its truth .*gone"):
        found = trained(replace(wanted, epochs=3), tmp_path, doubtful)
    assert [fold.training for fold in found.folds] == [4, 4]


class Deadly(Colour):
    """Kills the process that reads it, as the system does for want of memory."""

    def read(self, spec: ClipSpec) -> VideoClip:
        os.kill(os.getpid(), signal.SIGKILL)
        raise ValueError


def test_a_reader_that_is_killed_is_told_plainly(tmp_path: Path) -> None:
    data = colours()
    deadly = replace(data, recordings=[Deadly(**vars(one)) for one in data.recordings])
    with pytest.raises(MemoryError, match="workers: a process that reads clips was ended"):
        trained(config(workers=1), tmp_path, deadly)


def test_answers_that_are_no_numbers_end_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(measures.Scores, "loss", property(lambda _: float("nan")))
    with pytest.raises(ValueError, match="no finite numbers any more after epoch 1"):
        trained(config(), tmp_path)


@pytest.mark.filterwarnings("ignore::vexplain.core.VexplainWarning")
def test_too_much_that_cannot_be_read_ends_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="can't be read, more than 10%"):
        trained(config(epochs=1), tmp_path, colours(broken=8))


def test_the_head_alone_learns_where_the_backbone_is_frozen(tmp_path: Path) -> None:
    wanted = config("tanet", freeze="backbone", epochs=1, only=(0,), learning_rate=0.1)
    states = []
    for epochs in (1, 2):
        found = trained(replace(wanted, epochs=epochs), tmp_path / str(epochs))
        file = tmp_path / str(epochs) / "fold0" / found.folds[0].model.partition(":")[2]
        states.append(load_file(file))
    changed = {name for name in states[0] if not torch.equal(states[0][name], states[1][name])}
    assert changed == {"head.weight", "head.bias"}


@pytest.mark.parametrize(
    "wishes",
    [
        {"precision": "bfloat16", "ema": 0.5},
        {"optimizer": "sgd", "schedule": "constant", "clip_norm": 1.0, "label_smoothing": 0.1},
    ],
    ids=["bfloat16", "sgd"],
)
def test_other_ways_to_train(wishes: dict[str, Any], tmp_path: Path) -> None:
    found = trained(config(epochs=2, **wishes), tmp_path, folds=[0])
    losses = [epoch.loss for epoch in course(found)]
    assert losses[1] < losses[0]


def test_float16_needs_cuda(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="float16 is trained on CUDA devices only"):
        trained(config(precision="float16"), tmp_path)


def test_without_accelerate_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(ImportError, match=r"pip install 'vexplain\[train\]'"):
        trained(config(), tmp_path)


TWO = """
import sys
from pathlib import Path
import torch
from test_training import colours, of_two
from vexplain.training import train
torch.set_num_threads(1)
train(of_two(sys.argv[2]), dataset=colours(broken=1), out=Path(sys.argv[1]), progress=False)
assert torch.distributed.get_world_size() == 2
"""


def of_two(model: str) -> Config:
    """Return a training of two processes."""
    if model == "tanet":  # a batch norm, a moving average, and one clip in every process's batch
        return config(model, epochs=2, workers=1, batch_size=2, ema=0.9)
    return config(epochs=2, workers=1)


def by_two(model: str, folder: Path) -> list[FoldResult]:
    """Train in two processes, and return what the folds came to."""
    script = folder / "two.py"
    script.write_text(TWO)
    # On CPUs accelerate's own launcher starts several processes with mpirun only.
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command = [*launch, str(script), str(folder / "two"), model]
    path = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [read_fold(folder / "two" / f"fold{fold}" / "fold.json") for fold in range(2)]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::vexplain.core.VexplainWarning")
def test_two_processes_learn_what_one_learns(tmp_path: Path) -> None:
    """Each has half of every batch; the network has neither batch norms nor dropout."""
    alone = trained(of_two("timesformer"), tmp_path / "alone", colours(broken=1))
    for one, two in zip(alone.folds, by_two("timesformer", tmp_path), strict=True):
        assert two.recordings == one.recordings
        assert two.unreadable == one.unreadable
        assert two.training == one.training
        for mine, theirs in zip(one.history, two.history, strict=True):
            assert theirs.loss == pytest.approx(mine.loss, abs=1e-4)
            assert theirs.held_out_loss == pytest.approx(mine.held_out_loss, abs=1e-4)
            assert theirs.top1 == pytest.approx(mine.top1, abs=1e-6)


@pytest.mark.slow
def test_two_processes_have_one_network(tmp_path: Path) -> None:
    """What both measured is what the network of the first, which is saved, answers."""
    by_name = {one.name: one for one in colours().recordings}
    for number, fold in enumerate(by_two("tanet", tmp_path)):
        assert list(fold.unreadable) == ["clip 23"]
        file = tmp_path / "two" / f"fold{number}" / "last.safetensors"
        model = load_model(f"tanet:{file}")
        clips = [by_name[name].read(ClipSpec(frames=3, size=32)) for name in fold.recordings]
        rounded = (torch.stack([clip.frames for clip in clips]) * 255).round() / 255
        sure, predicted = model(rounded).softmax(1).max(1)
        assert predicted.tolist() == list(fold.predicted)
        torch.testing.assert_close(sure, torch.tensor(fold.probability), rtol=1e-4, atol=1e-5)


# ---- the shell -------------------------------------------------------------------------------


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    app = typer.Typer()
    app.command()(train_command)
    app.command("other")(lambda: None)
    monkeypatch.setattr(running, "open_dataset", lambda _: colours())
    monkeypatch.setattr(card, "png", lambda _: b"")
    said = config(epochs=1).said
    del said["split"]
    file = tmp_path / "colours.yaml"
    file.write_text(yaml.safe_dump(said))
    out = tmp_path / "out"
    return lambda *words: CliRunner().invoke(
        app, ["train", str(file), "--device", "cpu", "--out", str(out), *words]
    )


def test_the_shell_prints_the_folds(shell: Callable[..., Any], tmp_path: Path) -> None:
    result = shell()
    assert result.exit_code == 0, result.output
    assert "fold 1, epoch 1: loss" in result.output
    assert "(2 of 2 folds)" in result.output
    quiet = shell("--quiet", "--fold", "0", "--fresh")
    assert "epoch" not in quiet.stderr
    assert (tmp_path / "out" / "README.md").is_file()


def test_ctrl_c_says_how_it_goes_on(
    shell: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = import_module("vexplain.cli.train")  # the package has the command by that name
    monkeypatch.setattr(module, "told", stop_at(1))
    result = shell()
    assert result.exit_code == 130
    assert "same command goes on after the last whole epoch" in result.output
