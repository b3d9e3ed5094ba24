"""The parts of a training: its configuration, its folds, what is done to clips, its numbers."""

import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from errno import EDQUOT, ENOSPC
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from scipy import ndimage
from torch import Generator, nn

from test_training import Colour, _one_thread, colours, config, no_file_larger_than  # noqa: F401  (a fixture)
from vexplain.core import ClipSpec, Source, VexplainWarning, VideoClip
from vexplain.datasets import Dataset, VideoRecording
from vexplain.training import (
    Augmentation,
    Config,
    Epoch,
    FoldResult,
    Results,
    configured,
    folds_of,
    read_config,
)
from vexplain.training.augmentation import (
    augmented,
    coloured,
    draw_fill,
    draw_keep,
    filled,
    grown,
    keep_cells,
    ramp,
    sureness,
    zoomed,
)
from vexplain.training.cache import read, stamp
from vexplain.training.card import started_from, write_results
from vexplain.training.clips import Clips, Draw, InOrder, Shuffled, together
from vexplain.training.config import digest_of
from vexplain.training.learning import average, optimizer_for, rate_at
from vexplain.training.origins import origin_of
from vexplain.training.processes import deterministic, told_plainly
from vexplain.training.results import read_fold, table, write_fold
from vexplain.training.trainable import reference_of
from vexplain.training.writing import kept


def generator(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


# ---- the configuration -----------------------------------------------------------------------


def test_a_configuration_is_read(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "model: tanet:small\ndata: ucf101:/data?fold=1\nlearning_rate: 1e-3\nonly: 1\n"
        "clip: {size: [64, 96]}\naugmentation: {zoom: [1, 15e-1], removal: 5e-1}\n"
        "channels_last: auto\nweight_decay: 5e-2\nwarm_up: 2e-1\nlabel_smoothing: 1e-1\n"
        "clip_norm: 1e+1\nema: 9e-1\n"
    )
    found = read_config(file)
    assert found.learning_rate == 1e-3
    assert (found.weight_decay, found.warm_up, found.label_smoothing) == (0.05, 0.2, 0.1)
    assert (found.clip_norm, found.ema) == (10, 0.9)
    assert found.only == (1,)
    assert found.augmentation == Augmentation(zoom=(1, 1.5), removal=0.5)
    assert found.out == str(Path("runs") / "mine")
    assert found.folder == tmp_path
    assert found.channels_last is None
    assert (found.epochs, found.folds) == (10, 5)  # the paper's
    assert configured({**found.said, "split": None}).said == found.said


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"epoch": 3}, r"epoch: not a known key; .*Did you mean epochs\?"),
        ({"epochs": 0}, "epochs: expected a whole number from 1, got 0"),
        ({"folds": 1}, "folds: expected a whole number from 2"),
        ({"folds": True}, "folds: expected a whole number from 2"),
        ({"only": [5]}, "there is no fold 5; they are counted from 0 to 4"),
        ({"split": ["train"]}, "split: expected two names"),
        ({"split": ["train", "train"]}, "split: expected two names"),
        ({"schedule": "cosin"}, r"schedule: expected one of cosine, constant.*Did you mean cosine"),
        ({"learning_rate": "fast"}, "learning_rate: expected a finite number"),
        ({"learning_rate": 0}, "learning_rate: expected a number above 0"),
        ({"weight_decay": -1}, "weight_decay: expected 0 or more"),
        ({"warm_up": 2}, "warm_up: expected a share"),
        ({"ema": 1}, "ema: a decay of 1 would never learn"),
        ({"model": 3}, "model: expected a text"),
        ({"clip": {"frame": 3}}, r"frame: not a known key.*Did you mean frames"),
        ({"clip": 3}, "clip: expected keys and values"),
        ({"augmentation": {"remove": 1}}, r"remove: not a known key.*removal"),
        ({"augmentation": {"zoom": [0.5, 1]}}, "zoom: expected 1 ≤ least ≤ most"),
        ({"augmentation": {"mirror": 2}}, "mirror: expected a share"),
        ({"channels_last": "yes"}, "channels_last: expected true or false"),
        ({"cache": "yes"}, "cache: expected true or false"),
        ({"ema": "much"}, "ema: expected a finite number"),
        ({"weights": 3}, "weights: expected a text"),
        ({"weights": ""}, "weights: expected the name of a file, got ''"),
        ({"shared_weights": ["a"]}, "shared_weights: expected a text"),
        ({"shared_weights": ""}, "shared_weights: expected the name of a file, got ''"),
        ({"out": 3}, "out: expected a text"),
        ({"only": 1.5}, "only: expected a whole number or a list of such, got 1.5"),
        ({"only": {0: 1}}, "only: expected a whole number or a list of such"),
        ({"only": [0.5]}, "only: expected a whole number from 0, got 0.5"),
        ({"only": True}, "only: expected a whole number from 0, got True"),
        ({"seed": 5_000_000_000}, "seed: expected a whole number from 0 to 4294967295"),
    ],
)
def test_what_a_configuration_cannot_say(wish: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        configured({"model": "tanet:small", "data": "x", **wish})


@pytest.mark.parametrize("out", ["", "out:", "out: ''"])
def test_results_go_beside_others_unless_said(out: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(f"model: tanet:small\ndata: x\n{out}\n")
    assert read_config(tmp_path / "mine.yaml").out == "runs/mine"


def test_folds_are_drawn_with_every_seed() -> None:
    for seed in (0, 2**32 - 1):
        assert len(folds_of(colours(), config(seed=seed))) == 2


def test_a_file_that_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="config: there is no file"):
        read_config(tmp_path / "none.yaml")
    file = tmp_path / "mine.yaml"
    for text in ("model: tanet:small", "- 1", "a: [", "model: x\ndata: y\nepoch: 1"):
        file.write_text(text)
        with pytest.raises(ValueError, match=r"mine\.yaml"):
            read_config(file)


def test_the_learning_rate_rises_and_falls() -> None:
    wanted = config(warm_up=0.1, learning_rate=2.0)
    rates = [rate_at(step, 1000, wanted) for step in range(1000)]
    assert rates[0] == pytest.approx(2 / 101)
    assert rates[100] == 2.0 == max(rates)
    assert rates[550] == pytest.approx(1.0)
    assert 0 < rates[-1] < 1e-4
    flat = replace(wanted, schedule="constant", warm_up=0.0)
    assert {rate_at(step, 10, flat) for step in range(10)} == {2.0}


# ---- what is learnt --------------------------------------------------------------------------


class Normed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv3d(3, 4, 3)
        self.norm = nn.BatchNorm3d(4)
        self.place = nn.Parameter(torch.zeros(1, 4))
        self.head = nn.Linear(4, 2)

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        means = self.norm(self.conv(clips)).mean((2, 3, 4))
        scores: torch.Tensor = self.head(means + self.place)
        return scores


def test_weights_decay_and_biases_and_norms_do_not() -> None:
    network = Normed()
    names = {weight: name for name, weight in network.named_parameters()}
    decaying, other = optimizer_for(network, config(weight_decay=0.3)).param_groups
    assert {names[one] for one in decaying["params"]} == {"conv.weight", "place", "head.weight"}
    assert decaying["weight_decay"] == 0.3
    assert {names[one] for one in other["params"]} == {
        "conv.bias", "norm.weight", "norm.bias", "head.bias",
    }  # fmt: skip
    assert other["weight_decay"] == 0


def test_the_moving_average_is_the_written_out_one() -> None:
    torch.manual_seed(0)
    network = Normed()
    averaged = average(network, 0.3)
    assert averaged is not None
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    expected = {name: value.clone() for name, value in network.state_dict().items()}
    for step in range(5):
        network(torch.rand(2, 3, 4, 6, 6)).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        averaged.update_parameters(network)
        decay = min(0.3, (1 + step) / (10 + step))  # 0.18, 0.25, 0.3, 0.3 after the first
        for name, value in network.state_dict().items():
            mixed = decay * expected[name] + (1 - decay) * value
            whole = step == 0 or not value.is_floating_point()
            expected[name] = value.clone() if whole else mixed
    found = averaged.module.state_dict()
    assert found["norm.num_batches_tracked"] == 5
    assert not torch.equal(found["norm.running_mean"], network.get_buffer("norm.running_mean"))
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value)
    assert average(network, None) is None


# ---- what goes wrong -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried"),
            "batch_size: memory ran out .*than 4",
        ),
        (
            RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed."),
            "workers: .*fewer",
        ),
        (RuntimeError("DataLoader worker (pid(s) 7) exited unexpectedly"), "workers: .*fewer"),
    ],
)
def test_want_of_memory_is_told_plainly(error: Exception, message: str) -> None:
    with pytest.raises(MemoryError, match=message), told_plainly(config()):
        raise error
    with pytest.raises(RuntimeError, match="something else"), told_plainly(config()):
        raise RuntimeError("something else")


def test_room_is_asked_for_only_where_there_is_none(tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    for error in (
        OSError(ENOSPC, "no space"),
        OSError(EDQUOT, "quota"),
        SafetensorError("I/O error: File too large (os error 27)"),
    ):
        with pytest.raises(OSError, match="make room on the disk"), kept(file):
            raise error
    for other in (PermissionError(13, "no"), RuntimeError("stream failed"), SafetensorError("x")):
        with pytest.raises(OSError, match="still there: see to that and give"), kept(file):
            raise other
    below = RuntimeError("unexpected pos")  # as torch raises while it closes its file
    below.__context__ = OSError(ENOSPC, "no space")
    with pytest.raises(OSError, match="make room"), kept(file):
        raise below


def test_cudnn_is_deterministic_as_long_as_it_is_trained() -> None:
    cudnn = torch.backends.cudnn
    before = cudnn.deterministic, cudnn.benchmark
    with deterministic():
        assert (cudnn.deterministic, cudnn.benchmark) == (True, False)
    assert (cudnn.deterministic, cudnn.benchmark) == before


def test_a_table_holds_names_with_bars() -> None:
    assert table([["a|b", 1]], ["name", "n"]).splitlines()[-1] == r"| a\|b | 1 |"


def test_a_training_from_scratch_has_no_origin(tmp_path: Path) -> None:
    assert origin_of(reference_of(config()), in_yaml=False) == {}
    assert started_from({}) == ""
    (tmp_path / "w.pth").write_bytes(b"weights")
    wanted = Config(model="tanet:w.pth", data="x", folder=tmp_path)
    (found,) = origin_of(reference_of(wanted), in_yaml=False)["sha256"].items()
    assert found == ("w.pth", sha256(b"weights").hexdigest())


# ---- folds -----------------------------------------------------------------------------------


def plain(labels: Sequence[int | None], groups: Sequence[str | None] | None = None) -> Dataset:
    recordings = [
        Colour(name=str(i), label=label, group=groups[i] if groups else None)
        for i, label in enumerate(labels)
    ]
    return Dataset(name="plain", class_names=("a", "b"), recordings=recordings)


@pytest.mark.parametrize("grouped", [True, False])
def test_everybody_is_held_out_once_and_never_learnt_from_then(grouped: bool) -> None:
    groups: list[str | None] = [f"g{i // 3}" for i in range(60)]
    data = plain([i // 3 % 2 for i in range(60)], groups if grouped else None)
    found = folds_of(data, config(folds=5))
    held_out = [place for fold in found for place in fold.held_out]
    assert sorted(held_out) == list(range(60))
    for fold in found:
        assert sorted([*fold.training, *fold.held_out]) == list(range(60))
        labels = Counter(data.recordings[i].label for i in fold.held_out)
        assert labels == {0: 6, 1: 6}
        if grouped:
            sides = [{groups[i] for i in part} for part in (fold.training, fold.held_out)]
            assert not sides[0] & sides[1]
    assert found == folds_of(data, config(folds=5))
    assert found != folds_of(data, config(folds=5, seed=1))


def test_what_is_not_labelled_is_left_out() -> None:
    data = plain([0, 1, None, 0, 1, 0, 1])
    with pytest.warns(VexplainWarning, match="1 of 7 recordings have none"):
        found = folds_of(data, config())
    assert 2 not in {*found[0].training, *found[0].held_out}
    with (
        pytest.warns(VexplainWarning, match="2 of 2 recordings"),
        pytest.raises(ValueError, match="no recording of plain has a label"),
    ):
        folds_of(plain([None, None]), config())


def test_folds_that_cannot_be() -> None:
    few = plain([0, 1] * 6, ["a", "b"] * 6)
    with pytest.raises(ValueError, match="has 2 groups, too few for 3 folds"):
        folds_of(few, config(folds=3))
    with pytest.raises(ValueError, match="has 4 recordings, too few for 5 folds"):
        folds_of(plain([0, 1, 0, 1]), config(folds=5))
    with pytest.raises(ValueError, match="no class of plain has 3 recordings"):
        folds_of(plain([0, 1, 0, 1]), config(folds=3))
    alone = plain([0] * 6 + [1, 1], [f"g{i}" for i in range(6)] + ["one", "one"])
    with pytest.raises(ValueError, match=r"fold \d would learn class 'b' from none of its 2"):
        folds_of(alone, config(folds=2))
    with pytest.raises(ValueError, match="would learn class 'b' from none of its 0"):
        folds_of(plain([0] * 6), config(folds=2))


def test_a_class_that_cannot_be_measured_is_named() -> None:
    rare = plain([0] * 9 + [1] * 2)
    with pytest.warns(VexplainWarning, match=r"fold \d holds out no recording of b; not measured"):
        folds_of(rare, config(folds=3))


def test_the_datasets_own_split() -> None:
    data = colours()
    (fold,) = folds_of(data, config(split=("train", "test")))
    assert {data.recordings[i].split for i in fold.held_out} == {"test"}
    assert len(fold.training) + len(fold.held_out) == len(data)
    with pytest.raises(ValueError, match=r"no split 'tests'.*Did you mean test\?"):
        folds_of(data, config(split=("train", "tests")))
    everybody = [replace(one, group="me") for one in data.recordings if isinstance(one, Colour)]
    leaking = replace(data, recordings=everybody)
    with pytest.warns(VexplainWarning, match="1 groups are learnt from and held out too"):
        folds_of(leaking, config(split=("train", "test")))


# ---- batches ---------------------------------------------------------------------------------


def test_processes_share_the_batches() -> None:
    places = tuple(range(100, 126))
    usual: dict[str, Any] = {"index": places, "size": 8, "seed": 3, "epochs": 5, "removal": 1.0}
    alone = list(Shuffled(**usual, epoch=4))
    assert len(alone) == len(Shuffled(**usual)) == 3
    halves = [list(Shuffled(**usual, epoch=4, rank=rank, processes=2)) for rank in (0, 1)]
    for batch, first, second in zip(alone, *halves, strict=True):
        assert set(batch) == {*first, *second}
        assert len(first) == len(second) == 4
    assert len({draw.place for batch in alone for draw in batch}) == 24
    assert {draw.removal for batch in alone for draw in batch} == {1.0}
    first_epoch = {draw.removal for batch in Shuffled(**usual) for draw in batch}
    assert first_epoch == {ramp(k / 15) for k in range(3)}
    (small,) = Shuffled(index=(1, 2, 3), size=8, seed=0, epochs=1)
    assert {draw.place for draw in small} == {1, 2, 3}


@pytest.mark.parametrize("n", [1, 2, 7, 8])
def test_every_process_measures_as_much(n: int) -> None:
    parts = [list(InOrder(index=range(n), size=2, rank=r, processes=3)) for r in range(3)]
    assert len({tuple(map(len, part)) for part in parts}) == 1
    assert {draw.place for part in parts for batch in part for draw in batch} == set(range(n))


def test_a_recording_that_cannot_be_read_weighs_nothing() -> None:
    clips = Clips(
        dataset=colours(broken=2), spec=ClipSpec(frames=2, size=32), augmentation=Augmentation(),
        seed=0,
    )  # fmt: skip
    batch = together([clips[Draw(22)], clips[Draw(0)]])
    assert batch.weights.tolist() == [0, 1]
    assert batch.problems == [(22, "ValueError: clip 22 is cut off")]
    assert torch.equal(batch.clips[0], batch.clips[1])
    for draw, dtype in ((Draw(22), torch.float32), (Draw(22, 0), torch.uint8)):
        alone = together([clips[draw], clips[draw]])
        assert alone.weights.tolist() == [0, 0]
        assert alone.clips.shape == (2, 2, 3, 32, 32)
        assert alone.clips.dtype == dtype


def test_a_truth_that_cannot_be_read_spoils_no_clip(tmp_path: Path) -> None:
    class Doubtful(Colour):
        def truth(self, clip: VideoClip) -> torch.Tensor:
            raise ValueError("the boxes are cut off")

    data = replace(colours(2), recordings=[Doubtful(name="one", label=1)])
    for cache in (None, tmp_path, tmp_path):
        clips = Clips(
            dataset=data, spec=ClipSpec(frames=2, size=32), augmentation=Augmentation(removal=1),
            seed=0, cache=cache,
        )  # fmt: skip
        batch = together([clips[Draw(0, 0, 1.0)]])
        assert batch.weights.tolist() == [1]
        assert batch.doubts == [(0, "ValueError: the boxes are cut off")]
        assert together([clips[Draw(0)]]).doubts == []


@pytest.mark.parametrize("draw", [Draw(0), Draw(0, 0, 1.0)])
def test_a_cache_changes_no_number(draw: Draw, tmp_path: Path) -> None:
    found = [
        Clips(
            dataset=colours(2), spec=ClipSpec(frames=2, size=32),
            augmentation=Augmentation(removal=1, noise=0.1, zoom=(1.0, 1.3), colour=0.2),
            seed=0, cache=cache,
        )[draw].clip
        for cache in (None, tmp_path, tmp_path)
    ]  # fmt: skip
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_a_cache_decodes_a_clip_once(tmp_path: Path) -> None:
    reads: list[str] = []

    class Counted(Colour):
        def read(self, spec: ClipSpec) -> VideoClip:
            reads.append(self.name)
            source = Source("a.mp4", "digest", 9, 32, 32, (0, 4), (0.0, 0.0, 32.0, 32.0))
            return replace(super().read(spec), source=source)

    spec, one = ClipSpec(frames=2, size=32), Counted(name="one", label=1)
    found = [read(one, 0, spec, folder=tmp_path / "cache") for _ in range(2)]
    first, again = (each.clip for each in found)
    truth, known = (each.truth for each in found)
    assert truth is not None
    assert known is not None
    assert truth.equal(known)
    assert reads == ["one"]
    assert torch.equal(first.frames, again.frames)
    assert again.source == first.source is not None
    assert torch.equal(again.pts_seconds, first.pts_seconds)
    assert float((first.frames - one.read(spec).frames).abs().max()) <= 0.5001 / 255
    read(one, 0, replace(spec, size=16), folder=tmp_path / "cache")
    assert len(reads) == 3
    with no_file_larger_than(100):
        full = read(one, 0, spec, folder=tmp_path / "full").clip
        assert torch.equal(full.frames, first.frames)
    assert not list((tmp_path / "full").iterdir())
    assert len(reads) == 4
    for file in (tmp_path / "cache").iterdir():
        file.write_bytes(file.read_bytes()[:100])  # cut off
    for _ in range(2):
        assert torch.equal(read(one, 0, spec, folder=tmp_path / "cache").clip.frames, first.frames)
    assert len(reads) == 5


def test_a_cache_knows_when_a_file_is_another(tmp_path: Path) -> None:
    @dataclass(frozen=True, kw_only=True, eq=False)
    class Filed(Colour):
        path: Path

        def read(self, spec: ClipSpec) -> VideoClip:
            return Colour(name=self.name, label=int(self.path.read_text())).read(spec)

    one = Filed(name="one", label=0, path=tmp_path / "clip.txt")
    spec, frames = ClipSpec(frames=2, size=32), []
    for said in ("0", "0", "1", "01"):
        if not one.path.is_file() or one.path.read_text() != said:
            one.path.write_text(said)
            os.utime(one.path, ns=(0, int(said) * 10**9))
        frames.append(read(one, 0, spec, folder=tmp_path / "cache").clip.frames)
    assert torch.equal(frames[0], frames[1])
    assert not torch.equal(frames[1], frames[2])
    assert len(list((tmp_path / "cache").iterdir())) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"path": Path("other/a.mp4")},
        {"start_seconds": 1.0},
        {"end_seconds": 2.0},
        {"truth_file": Path("b.npz")},
        {"boxes_file": Path("b.pkl")},
    ],
)
def test_what_a_recording_is_read_from_belongs_to_cache_and_training(
    change: dict[str, Any],
) -> None:
    one = VideoRecording(name="a.mp4", path=Path("a.mp4"), label=0, truth_file=Path("a.npz"))
    before, same, other = (
        (stamp(each), digest_of({}, Dataset(name="d", class_names=("x",), recordings=[each])))
        for each in (one, replace(one), replace(one, **change))
    )
    assert before == same
    assert before[0] != other[0]
    assert before[1] != other[1]


def test_the_label_fades_with_the_evidence() -> None:
    clips = Clips(
        dataset=colours(90),
        spec=ClipSpec(frames=2, size=32),
        augmentation=Augmentation(removal=1),
        seed=0,
    )
    targets = torch.stack([clips[Draw(i, 0, 1.0)].target for i in range(90)])
    torch.testing.assert_close(targets.sum(1), torch.ones(90))
    own = targets[torch.arange(90), torch.arange(90) % 3]
    assert bool((own == own.new_tensor(1 / 3)).any())  # all of it went
    assert 0.3 < float((own == 1).float().mean()) < 0.9
    again = clips[Draw(7, 0, 1.0)]
    assert again.clip is not None
    other, same = clips[Draw(7, 1, 1.0)].clip, clips[Draw(7, 0, 1.0)].clip
    assert other is not None
    assert same is not None
    assert torch.equal(again.clip, same)
    assert not torch.equal(again.clip, other)


# ---- what is done to clips -------------------------------------------------------------------


def clip(frames: int = 5, size: int = 24) -> torch.Tensor:
    return torch.rand(frames, 3, size, size, generator=generator(1))


def block(frames: int = 5, size: int = 24) -> torch.Tensor:
    inside = torch.zeros(frames, size, size, dtype=torch.bool)
    inside[:, 6:14, 3:9] = True
    return inside


def test_nothing_is_done_unless_asked() -> None:
    found, sure = augmented(clip(), block(), Augmentation(), 0.0, generator())
    assert torch.equal(found, clip())
    assert sure == 1


def test_mirror_and_zoom_take_the_truth_along() -> None:
    mirrored, _ = augmented(clip(), None, Augmentation(mirror=1), 0.0, generator())
    assert torch.equal(mirrored, clip().flip(-1))
    inside = block()
    pictured = inside[:, None].float().expand(-1, 3, -1, -1)
    for seed in range(5):
        larger, truth = zoomed(pictured, inside, 1.5, generator(seed))
        assert truth is not None
        assert ((larger[:, 0] > 0.5) != truth).float().mean() < 0.03
    unchanged, _ = zoomed(clip(), None, 1.0, generator())
    torch.testing.assert_close(unchanged, clip())


def test_colour_and_noise_stay_in_range_and_in_time() -> None:
    still = clip(1).expand(5, -1, -1, -1)
    found = coloured(still, 1.0, generator())
    assert found.min() >= 0
    assert found.max() <= 1
    assert torch.equal(found[0], found[-1])
    assert torch.equal(coloured(still, 0.0, generator()), (still - 0.5) + 0.5)
    noisy, _ = augmented(still, None, Augmentation(noise=0.2), 0.0, generator())
    assert not torch.equal(noisy[0], noisy[1])
    assert 0 < float((noisy - still).std()) < 0.2


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("shape", [(5, 24, 24), (1, 8, 16), (16, 30, 20)])
def test_cells_are_a_keep(soft: bool, shape: tuple[int, int, int]) -> None:
    shares = []
    for seed in range(40):
        keep = keep_cells(shape, generator(seed), soft=soft)
        assert keep.shape == shape
        assert keep.min() >= 0
        assert keep.max() <= 1
        if not soft:
            assert bool(((keep == 0) | (keep == 1)).all())
        shares.append(float(keep.mean()))
    assert 0.35 < np.mean(shares) < 0.7
    assert min(shares) < 0.2
    assert max(shares) > 0.9


def test_the_truth_is_taken_away_left_alone_or_spared() -> None:
    inside = block()
    kinds = Counter[str]()
    for seed in range(200):
        keep = draw_keep(clip(), inside, generator(seed))
        left, elsewhere = keep[inside], keep[~inside]
        kinds["only it"] += bool((left == 1).all() and elsewhere.mean() < 0.3)
        kinds["without it"] += bool((left == 0).all() and elsewhere.mean() > 0.7)
        kinds["elsewhere"] += bool((left == 1).all() and 0.6 < elsewhere.mean() < 1)
    assert all(10 < kinds[kind] < 50 for kind in ("only it", "without it", "elsewhere"))


def test_grown_is_a_dilation() -> None:
    wide = ndimage.binary_dilation(block().numpy(), np.ones((1, 5, 5)))
    assert np.array_equal(grown(block(), 2).numpy() > 0, wide)
    assert torch.equal(grown(block(), 0) > 0, block())


def test_how_sure_a_label_is() -> None:
    inside = block()
    for share, sure in ((0.0, 0.0), (0.1, 0.25), (0.2, 0.5), (0.4, 1.0), (1.0, 1.0)):
        assert sureness(torch.full(inside.shape, share), inside) == pytest.approx(sure)
    assert sureness(torch.zeros(inside.shape), None) == 1
    assert sureness(torch.zeros(inside.shape), torch.zeros_like(inside)) == 1


def test_what_is_removed_has_the_fill() -> None:
    keep = keep_cells((5, 24, 24), generator(), soft=True)
    colour = torch.tensor([0.2, 0.4, 0.9])
    expected = clip() * keep[:, None] + colour[:, None, None] * (1 - keep[:, None])
    torch.testing.assert_close(filled(clip(), keep, colour), expected)
    fills = {tuple(draw_fill(clip(), generator(s)).tolist()) for s in range(40)}
    assert (0.0, 0.0, 0.0) in fills
    assert (0.5, 0.5, 0.5) in fills
    assert tuple(clip().numpy().mean((0, 2, 3)).tolist()) in fills


def test_removal_ramps_up() -> None:
    assert [ramp(p) for p in (0, 0.1, 0.3, 1)] == [0, 0, 1, 1]
    assert ramp(0.2) == pytest.approx(0.5)
    changed = [
        not torch.equal(augmented(clip(), None, Augmentation(), 0.3, generator(s))[0], clip())
        for s in range(300)
    ]
    assert 0.2 < np.mean(changed) < 0.4


# ---- results ---------------------------------------------------------------------------------


@pytest.fixture
def result() -> Callable[..., FoldResult]:
    def made(labels: list[int], predicted: list[int], top1: float) -> FoldResult:
        epoch = Epoch(
            epoch=1, loss=1, held_out_loss=1, top1=top1, top5=1, learning_rate=1, seconds=2
        )
        return FoldResult(
            fold=0,
            digest="",
            said={},
            history=(epoch, replace(epoch, epoch=2), replace(epoch, epoch=3, top1=top1 - 0.1)),
            recordings=tuple(map(str, labels)),
            labels=tuple(labels),
            predicted=tuple(predicted),
            probability=tuple(1.0 for _ in labels),
            training=5,
            unreadable={},
            trained="a network",
            model="tanet:last.safetensors",
            best_model="tanet:best.safetensors",
            device="the processor",
        )

    return made


def test_the_numbers_of_the_folds(result: Callable[..., FoldResult], tmp_path: Path) -> None:
    folds = result([0, 0, 1], [0, 1, 1], 0.7), result([0, 1], [0, 0], 0.9)
    found = Results(
        folds=folds, n_folds=2, class_names=("a", "b", "c"), dataset="d", folder=tmp_path
    )
    assert found.accuracies == pytest.approx([0.6, 0.8])
    assert found.accuracy == pytest.approx(0.7)
    assert found.deviation == pytest.approx(np.std([0.6, 0.8], ddof=1))
    assert found.confusion.tolist() == [[2, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert found.recalls == [pytest.approx(2 / 3), 0.5, None]
    assert found.seconds == 12
    assert folds[0].best.epoch == 1
    assert str(found) == "70.00% ± 14.14% (2 of 2 folds)"


@pytest.mark.parametrize(
    "wrong",
    [
        {"history": []},
        {"history": None},
        {"labels": [0, -1, 1]},
        {"labels": [0, 0.5, 1]},
        {"predicted": [0]},
        {"probability": [1, 1, float("nan")]},
        {"recordings": [0, 1, 2]},
        {"said": None},
        {"model": None},
    ],
    ids=str,
)
def test_a_result_of_another_kind_is_refused(
    wrong: dict[str, Any], result: Callable[..., FoldResult], tmp_path: Path
) -> None:
    whole, file = result([0, 0, 1], [0, 1, 1], 0.7), tmp_path / "fold.json"
    write_fold(whole, file)
    assert read_fold(file) == whole
    file.write_text(json.dumps({**json.loads(file.read_text()), **wrong}))
    with pytest.raises(ValueError, match=r"(?s)fold\.json is not the result of a fold .*--fresh"):
        read_fold(file)


def test_a_loss_that_is_no_number_is_no_result(
    result: Callable[..., FoldResult], tmp_path: Path
) -> None:
    whole = result([0], [0], 0.7)
    write_fold(
        replace(whole, history=(replace(whole.history[0], loss=float("nan")),)), tmp_path / "f"
    )
    with pytest.raises(ValueError, match=r"not the result of a fold \(loss: .*nan"):
        read_fold(tmp_path / "f")


def test_names_of_any_kind_are_written(result: Callable[..., FoldResult], tmp_path: Path) -> None:
    """Bytes that are no UTF-8, and what would be mathematics between dollars."""
    odd = "clip \udcff"
    fold = replace(result([0], [1], 0.7), recordings=(odd,), unreadable={odd: odd}, trained=odd)
    names = (odd, r"$\pay$ x")
    found = Results(folds=(fold,), n_folds=2, class_names=names, dataset=odd, folder=tmp_path)
    write_results(found, config(weights=odd))
    said = json.loads((tmp_path / "results.json").read_text())
    assert list(said["recall"]) == [r"clip \udcff", r"$\pay$ x"]
    assert r"clip \udcff" in (tmp_path / "predictions.csv").read_text()
    assert r"`clip \udcff`, fine-tuned" in (tmp_path / "README.md").read_text()


def test_a_configuration_made_in_python_is_checked_too() -> None:
    with pytest.raises(ValueError, match="batch_size: expected a whole number from 1"):
        Config(model="tanet:small", data="x", batch_size=0)
