"""Training from end to end, on clips whose class is their colour: it learns, stops and goes on."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

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
from vexplain.training import Augmentation, Config, Epoch, Results, card, running, train
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


def test_it_learns_and_what_is_saved_answers_as_it_was_measured(tmp_path: Path) -> None:
    found = trained(config(), tmp_path, colours(36))
    assert found.accuracy > 0.9
    data = colours(36)
    for fold in found.folds:
        scheme, _, file = fold.model.partition(":")
        model = load_model(f"{scheme}:{tmp_path / f'fold{fold.fold}' / file}")
        assert model.class_names == NAMES
        by_name = {one.name: one for one in data.recordings}
        clips = [by_name[name].read(ClipSpec(frames=3, size=32)) for name in fold.recordings]
        scores = model(torch.stack([clip.frames for clip in clips]))
        assert scores.argmax(1).tolist() == list(fold.predicted)
        right = (scores.argmax(1) == torch.tensor(fold.labels)).double().mean()
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
    for name in ("best.safetensors", "last.safetensors"):
        files = [tmp_path / out / "fold0" / name for out in ("whole", "parts")]
        assert files[0].read_bytes() == files[1].read_bytes()


def test_the_number_of_workers_changes_nothing(tmp_path: Path) -> None:
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


def test_a_state_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "fold0").mkdir()
    (tmp_path / "fold0" / "state.pt").write_bytes(b"PK not a state")
    with pytest.raises(ValueError, match=r"state\.pt is not the state of a training"):
        trained(config(), tmp_path)


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
    assert "1 recordings couldn't be read: clip 23" in (tmp_path / "README.md").read_text()


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
from test_training import colours, config
from vexplain.training import train
torch.set_num_threads(1)
train(config(epochs=2, workers=1), dataset=colours(), out=Path(sys.argv[1]), progress=False)
assert torch.distributed.get_world_size() == 2
"""


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(tmp_path: Path) -> None:
    """Each has half of every batch; the network has neither batch norms nor dropout."""
    alone = trained(config(epochs=2), tmp_path / "alone")
    script = tmp_path / "two.py"
    script.write_text(TWO)
    # On CPUs accelerate's own launcher starts several processes with mpirun only.
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command = [*launch, str(script), str(tmp_path / "two")]
    path = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for fold, one in enumerate(alone.folds):
        two = read_fold(tmp_path / "two" / f"fold{fold}" / "fold.json")
        assert two.recordings == one.recordings
        for mine, theirs in zip(one.history, two.history, strict=True):
            assert theirs.loss == pytest.approx(mine.loss, abs=1e-4)
            assert theirs.held_out_loss == pytest.approx(mine.held_out_loss, abs=1e-4)
            assert theirs.top1 == pytest.approx(mine.top1, abs=1e-6)


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
