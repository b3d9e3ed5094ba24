"""Checking datasets, on real clips whole, cut, and broken."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from jaxtyping import Bool
from torch import Tensor

from laid_out import Put, linker, touch, write
from vexplain.core import ClipSpec, VideoClip
from vexplain.datasets import Dataset, Problem, VideoRecording, open_dataset
from vexplain.datasets.checking import check_dataset
from vexplain.video.clips import open_source
from vexplain.video.sources import FrameSource


@pytest.fixture
def put(assets: Path, tmp_path: Path) -> Put:
    return linker(assets, tmp_path)


@dataclass
class Steps:
    """A progress that only counts."""

    seen: list[tuple[str, int]] = field(default_factory=list)

    def start(self, total: int) -> None:
        self.seen.append(("start", total))

    def advance(self, rows: int) -> None:
        self.seen.append(("advance", rows))

    def stop(self) -> None:
        self.seen.append(("stop", 0))


@dataclass(frozen=True, kw_only=True)
class Made:
    """A recording that is no file."""

    name: str
    label: int | None = 0
    group: str | None = None
    split: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)

    def read(self, spec: ClipSpec) -> VideoClip:
        raise AssertionError("nothing is read")

    def truth(self, clip: VideoClip) -> Bool[Tensor, "T H W"] | None:
        raise AssertionError("nothing is read")


def cut(assets: Path, clip: str, share: float, place: Path) -> Path:
    whole = (assets / "clips" / clip).read_bytes()
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(whole[: int(len(whole) * share)])
    return place


def spoilt(assets: Path, clip: str, place: Path) -> Path:
    """Write a clip with zeros in the middle: its packets look sound."""
    whole = bytearray((assets / "clips" / clip).read_bytes())
    start = len(whole) // 2
    whole[start : start + 20_000] = bytes(20_000)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(whole)
    return place


def test_a_report_counts_everything(put: Put, tmp_path: Path) -> None:
    put("handstand.mp4", "stand/a.mp4")
    put("archery.avi", "shoot/b.avi")
    put("apply_eye_makeup.avi", "shoot/c.avi")
    (tmp_path / "nothing").mkdir()
    report = check_dataset(open_dataset(f"folder:{tmp_path}"))
    assert report.recordings == report.usable == 3
    assert report.classes == {"nothing": 0, "shoot": 2, "stand": 1}
    assert report.empty_classes == ("nothing",)
    assert report.sizes == {"320x240": 2, "340x256": 1}
    assert report.rates == {"25": 2, "30": 1}
    assert report.problems == ()
    assert (report.groups, report.ungrouped, report.splits, report.leaks) == (0, 3, {}, {})
    assert report.durations is not None
    assert report.durations.shortest == pytest.approx(76 / 30)
    assert report.durations.median == pytest.approx(131 / 25)
    assert report.durations.longest == pytest.approx(164 / 25)
    assert report.durations.total == pytest.approx(76 / 30 + 131 / 25 + 164 / 25)
    plain = json.loads(json.dumps(report.as_dict()))
    assert plain["usable"] == 3
    assert plain["durations"]["shortest"] == report.durations.shortest


@pytest.mark.parametrize(
    ("clip", "share"),
    [
        ("carving_ice.mp4", 0.6),
        ("flipping_a_pancake.mkv", 0.6),
        ("biking.avi", 0.6),
        ("archery.avi", 0.99),
    ],
)
def test_files_cut_short_are_found_and_can_be_used(
    clip: str, share: float, assets: Path, tmp_path: Path
) -> None:
    cut(assets, clip, share, tmp_path / "class" / clip)
    report = check_dataset(open_dataset(f"folder:{tmp_path}"))
    assert [one.name for one in report.problems] == [f"class/{clip}"]
    assert "cut short" in report.problems[0].reason
    assert (report.usable, report.unusable) == (1, 0)


def test_files_that_give_no_clip_are_found(assets: Path, put: Put, tmp_path: Path) -> None:
    put("handstand.mp4", "c/whole.mp4")
    cut(assets, "handstand.mp4", 0.6, tmp_path / "c/no_index.mp4")
    touch(tmp_path, "c/empty.avi")
    write(tmp_path / "c/text.mkv", "no video")
    (tmp_path / "c/gone.mp4").symlink_to("nowhere")
    report = check_dataset(open_dataset(f"folder:{tmp_path}"))
    reasons = {one.name: one.reason for one in report.problems}
    assert sorted(reasons) == ["c/empty.avi", "c/gone.mp4", "c/no_index.mp4", "c/text.mkv"]
    assert "cut short before its index" in reasons["c/no_index.mp4"]
    assert "empty file" in reasons["c/empty.avi"]
    assert "there is no file" in reasons["c/gone.mp4"]
    assert (report.recordings, report.usable) == (5, 1)
    assert report.durations is not None
    assert report.durations.total == pytest.approx(76 / 30)


def test_damage_inside_is_found_by_decoding(assets: Path, put: Put, tmp_path: Path) -> None:
    spoilt(assets, "arm_wrestling.mp4", tmp_path / "c/spoilt.mp4")
    put("arm_wrestling.mp4", "c/whole.mp4")
    dataset = open_dataset(f"folder:{tmp_path}")
    assert check_dataset(dataset).problems == ()
    report = check_dataset(dataset, decode=True)
    assert report.decoded
    assert [one.name for one in report.problems] == ["c/spoilt.mp4"]
    assert "damaged" in report.problems[0].reason


def test_what_a_list_misses_stays_a_problem(put: Put, tmp_path: Path) -> None:
    put("handstand.mp4", "a.mp4")
    place = write(tmp_path / "list.csv", "path,label\na.mp4,x\ngone.mp4,y\n")
    report = check_dataset(open_dataset(f"table:{place}"))
    assert [one.name for one in report.problems] == ["gone.mp4"]
    assert report.classes == {"x": 1, "y": 0}
    assert report.unusable == 0


def test_parts_of_a_file_are_looked_at_once(put: Put, tmp_path: Path) -> None:
    put("handstand.mp4", "a.mp4")
    rows = "a.mp4,x,,1\na.mp4,x,0.5,1.25\na.mp4,x,2,9\na.mp4,x,3,4\n"
    place = write(tmp_path / "list.csv", "path,label,start,end\n" + rows)
    steps = Steps()
    report = check_dataset(open_dataset(f"table:{place}"), progress=steps)
    assert steps.seen == [("start", 1), ("advance", 1), ("stop", 0)]
    assert (report.recordings, report.usable) == (4, 3)
    assert [one.reason for one in report.problems] == [
        "it ends at 9 s, and the file at 2.5 s",
        "it starts at 3 s, and the file ends at 2.5 s",
    ]
    assert report.durations is not None
    assert report.durations.shortest == pytest.approx(76 / 30 - 2)
    assert report.durations.median == pytest.approx(0.75)
    assert report.durations.longest == pytest.approx(1)


def test_parts_without_a_frame_and_beyond_the_end_are_found(put: Put, tmp_path: Path) -> None:
    put("handstand.mp4", "a.mp4")  # 76 frames, 30 a second
    rows = "a.mp4,x,1.01,1.02\na.mp4,x,2,2.55\na.mp4,x,2,2.6\n"
    place = write(tmp_path / "list.csv", "path,label,start,end\n" + rows)
    report = check_dataset(open_dataset(f"table:{place}"))
    assert {one.name: one.reason for one in report.problems} == {
        "a.mp4 from 1.01 s to 1.02 s": "no frame of the file is shown from 1.01 s to 1.02 s",
        "a.mp4 from 2 s to 2.6 s": "it ends at 2.6 s, and the file at 2.5 s",
    }
    assert (report.usable, report.unusable) == (2, 1)


def test_truths_are_read_where_everything_is(put: Put, tmp_path: Path) -> None:
    put("car-shadow.mp4", "car.mp4")
    put("car-shadow_mask.npz", "car.npz")
    put("handstand.mp4", "stand.mp4")
    write(tmp_path / "no.json", "{}")
    rows = "car.mp4,x,car.npz\nstand.mp4,x,car.npz\n./car.mp4,y,no.json\n"
    place = write(tmp_path / "list.csv", "path,label,truth\n" + rows.replace("./car", "car2"))
    put("car-shadow.mp4", "car2.mp4")
    dataset = open_dataset(f"table:{place}")
    assert check_dataset(dataset).problems == ()
    report = check_dataset(dataset, decode=True)
    assert [one.name for one in report.problems] == ["stand.mp4", "car2.mp4"]
    assert "car.npz can't be used" in report.problems[0].reason
    assert report.usable == 3


def test_one_file_never_ends_a_report(
    put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vexplain.datasets import checking

    def strange(path: Path) -> FrameSource:
        if path.name == "b.mp4":
            raise RuntimeError
        return open_source(path)

    put("handstand.mp4", "c/a.mp4")
    put("handstand.mp4", "c/b.mp4")
    monkeypatch.setattr(checking, "open_source", strange)
    report = check_dataset(open_dataset(f"folder:{tmp_path}"))
    assert [(one.name, one.reason) for one in report.problems] == [("c/b.mp4", "RuntimeError()")]
    assert report.usable == 1


def test_files_and_recordings_without_a_split(put: Put, tmp_path: Path) -> None:
    put("handstand.mp4", "a.mp4")
    put("archery.avi", "b.avi")
    (tmp_path / "again.mp4").symlink_to("a.mp4")
    rows = "a.mp4,x,train\nagain.mp4,x,test\nb.avi,x,\n"
    place = write(tmp_path / "list.csv", "path,label,split\n" + rows)
    report = check_dataset(open_dataset(f"table:{place}"))
    assert list(report.shared_files.values()) == [("test", "train")]
    assert (report.unsplit, report.leaks) == (1, {"a.mp4": ("test", "train")})
    place.write_text("path,label\na.mp4,x\nagain.mp4,x\n")
    report = check_dataset(open_dataset(f"table:{place}"))
    assert (report.unsplit, report.shared_files) == (0, {})


def test_groups_in_several_splits_are_leaks() -> None:
    homes = [("g", "train"), ("g", "test"), ("h", "train"), ("h", "train"), (None, "test")]
    recordings = [Made(name=str(n), group=g, split=s) for n, (g, s) in enumerate(homes)]
    recordings += [Made(name="i", group="h"), Made(name="j", label=None)]
    dataset = Dataset(name="made", class_names=("x", "y"), recordings=recordings)
    report = check_dataset(dataset)
    assert report.leaks == {"g": ("test", "train")}
    assert report.splits == {"test": 2, "train": 3}
    assert (report.groups, report.ungrouped) == (2, 2)
    assert (report.unlabelled, report.classes) == (1, {"x": 6, "y": 0})
    # What is no file is counted only.
    assert (report.usable, report.durations, report.sizes) == (7, None, {})


def test_the_report_does_not_depend_on_workers(put: Put, tmp_path: Path) -> None:
    for n in range(6):
        put(("handstand.mp4", "archery.avi")[n % 2], f"c/{n}.mp4")
    touch(tmp_path, "c/7.mp4", "c/8.mp4")
    dataset = open_dataset(f"folder:{tmp_path}")
    steps = Steps()
    reports = [check_dataset(dataset, workers=n, progress=steps) for n in (1, 5)]
    assert reports[0] == reports[1]
    assert [one.name for one in reports[0].problems] == ["c/7.mp4", "c/8.mp4"]
    assert steps.seen.count(("advance", 1)) == 16
    with pytest.raises(ValueError, match="workers: expected at least 1, got 0"):
        check_dataset(dataset, workers=0)


def test_an_interrupt_ends_the_progress(put: Put, tmp_path: Path) -> None:
    class Interrupted(Steps):
        def advance(self, rows: int) -> None:
            raise KeyboardInterrupt

    for n in range(4):
        put("handstand.mp4", f"c/{n}.mp4")
    steps = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        check_dataset(open_dataset(f"folder:{tmp_path}"), progress=steps)
    assert steps.seen[-1] == ("stop", 0)


def test_folders_of_pictures_are_checked(tmp_path: Path) -> None:
    import numpy as np
    from PIL import Image

    (tmp_path / "c" / "f").mkdir(parents=True)
    for n in range(5):
        Image.fromarray(np.zeros((6, 8, 3), np.uint8)).save(tmp_path / "c" / "f" / f"{n}.png")
    dataset = open_dataset(f"folder:{tmp_path}")
    report = check_dataset(dataset)
    assert (report.sizes, report.rates, report.problems) == ({"8x6": 1}, {"25": 1}, ())
    (tmp_path / "c" / "f" / "3.png").write_bytes(b"no")
    assert check_dataset(dataset).problems == ()
    found = check_dataset(dataset, decode=True)
    assert "3.png can't be read" in found.problems[0].reason


def test_problems_of_the_dataset_come_first() -> None:
    video = VideoRecording(name="v", path=Path("nowhere.mp4"), label=0)
    listed = (Problem("w", "it is missing"),)
    dataset = Dataset(name="d", class_names=("x",), recordings=[video], problems=listed)
    report = check_dataset(dataset)
    assert [one.name for one in report.problems] == ["w", "v"]
    assert report.usable == 0
