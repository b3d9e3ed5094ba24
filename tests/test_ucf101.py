"""UCF101 and the boxes of UCF101-24, against the real clip and its truth."""

import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.io import savemat

from laid_out import Put, linker, names, touch, videos, write
from vexplain.core import ClipSpec, VideoClip
from vexplain.datasets import VideoRecording, open_dataset
from vexplain.datasets.plain_pickle import read_plain
from vexplain.datasets.ucf101_boxes import TubeFile
from vexplain.training.cache import read
from vexplain.video import read_clip, source_frames, write_video

BIKING = "v_Biking_g08_c04"


@pytest.fixture
def put(assets: Path, tmp_path: Path) -> Put:
    return linker(assets, tmp_path)


TOP, RIGHT = 8, 64
"""Rows cut off above and below, and black columns added: 256x256 becomes 320x240."""


@pytest.fixture(scope="module")
def ride(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real clip in the size of UCF101's files."""
    place = tmp_path_factory.mktemp("ride") / "biking.mp4"
    frames = (
        np.pad(frame.pixels[TOP:-TOP], ((0, 0), (0, RIGHT), (0, 0)))
        for frame in source_frames(assets / "clips" / "biking.avi")
    )
    write_video(place, frames, fps=25, crf=40)
    return place


@pytest.fixture(scope="module")
def whole(ride: Path) -> VideoClip:
    """Every frame of the clip, as large as it is."""
    return read_clip(ride, ClipSpec(frames=201, size=None))


@pytest.fixture
def boxes(assets: Path) -> NDArray[np.uint16]:
    """(201, 4) x, y, width and height, as the annotations have them."""
    said = json.loads((assets / "clips" / "biking_boxes.json").read_text())["boxes"]
    corners = np.array(said, np.uint16)
    corners[:, 1::2] = corners[:, 1::2].clip(TOP, 256 - TOP) - TOP
    return np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], 1)


def as_pickle(file: Path, boxes: NDArray[Any], protocol: int = 3) -> Path:
    tube = {"label": 2, "sf": 0, "ef": len(boxes), "boxes": boxes}
    about = {"annotations": [tube], "numf": np.uint8(201), "label": 2}
    file.write_bytes(pickle.dumps({np.str_(f"Biking/{BIKING}"): about}, protocol))
    return file


def as_mat(file: Path, boxes: NDArray[Any], more: bool = False) -> Path:
    tube = {"ef": float(len(boxes)), "sf": 1.0, "class": 3.0, "boxes": boxes}
    one = {"num_imgs": 201.0, "name": f"Biking/{BIKING}", "tubes": tube}
    other = {**one, "name": "Diving/v_Diving_g01_c01", "tubes": np.array([tube, tube])}
    savemat(file, {"annot": np.array([one, other]) if more else one})
    return file


def as_viper(file: Path, boxes: NDArray[Any], bystander: bool = True) -> Path:
    def person(value: str, rows: list[list[int]]) -> str:
        each = "".join(
            f'<data:bbox framespan="{n}:{n}" height="{h}" width="{w}" x="{x}" y="{y}"/>'
            for n, (x, y, w, h) in enumerate(rows, 1)
        )
        acts = f'<data:bvalue framespan="1:{len(rows)}" value="{value}"/>'
        return (
            f'<object framespan="1:{len(rows)}" id="0" name="PERSON"><attribute name="Location">'
            f'{each}</attribute><attribute name="Biking">{acts}</attribute></object>'
        )

    extra = person("false", [[0, 0, 200, 200]] * len(boxes)) if bystander else ""
    return write(
        file,
        '<?xml version="1.0" encoding="UTF-8"?><viper xmlns="http://lamp.cfar.umd.edu/viper#" '
        'xmlns:data="http://lamp.cfar.umd.edu/viperdata#"><data>'
        f'<sourcefile filename="a"/><sourcefile filename="b">{extra}'
        f"{person('true', boxes.tolist())}</sourcefile></data></viper>",
    )


def biking(ride: Path, tmp_path: Path, annotations: Path) -> VideoRecording:
    place = tmp_path / "UCF" / "Biking" / f"{BIKING}.mp4"
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.exists():
        place.symlink_to(ride)
    (one,) = videos(open_dataset(f"ucf101:{tmp_path / 'UCF'}", boxes=annotations))
    return one


# The boxes


@pytest.mark.parametrize("kind", ["pickle", "old pickle", "mat", "longer mat", "xgtf"])
def test_annotations_give_the_known_truth(
    kind: str,
    ride: Path,
    boxes: NDArray[np.uint16],
    whole: VideoClip,
    assets: Path,
    tmp_path: Path,
) -> None:
    annotations = {
        "pickle": lambda: as_pickle(tmp_path / "pyannot.pkl", boxes.astype(np.uint8)),
        "old pickle": lambda: as_pickle(tmp_path / "pyannot.pkl", boxes, protocol=2),
        "mat": lambda: as_mat(tmp_path / "finalAnnots.mat", boxes.astype(np.uint8)),
        "longer mat": lambda: as_mat(tmp_path / "finalAnnots.mat", boxes, more=True),
        "xgtf": lambda: as_viper(tmp_path / "xgtf/Biking" / f"{BIKING}.xgtf", boxes).parents[1],
    }[kind]()
    truth = biking(ride, tmp_path, annotations).truth(whole)
    assert truth is not None
    with np.load(assets / "clips" / "biking.npz") as known:
        inside = np.pad(known["box"][:, TOP:-TOP] == 1, ((0, 0), (0, 0), (0, RIGHT)))
    assert torch.equal(truth, torch.from_numpy(inside))


def test_boxes_of_files_of_another_size_are_refused(
    put: Put, boxes: NDArray[np.uint16], tmp_path: Path
) -> None:
    put("biking.avi", f"UCF/Biking/{BIKING}.avi")
    place = as_pickle(tmp_path / "a.pkl", boxes)
    (one,) = videos(open_dataset(f"ucf101:{tmp_path / 'UCF'}", boxes=place))
    for size in (None, (240, 320)):
        with pytest.raises(
            ValueError, match=rf"boxes: .*a\.pkl are those of 320x240 videos, {BIKING} is 256x256"
        ):
            one.truth(one.read(ClipSpec(frames=2, size=size)))


def test_tubes_longer_than_the_file_are_cut(
    ride: Path, boxes: NDArray[np.uint16], whole: VideoClip, tmp_path: Path
) -> None:
    longer = np.concatenate([boxes, boxes[-3:]])
    truth = biking(ride, tmp_path, as_pickle(tmp_path / "a.pkl", longer)).truth(whole)
    exact = biking(ride, tmp_path, as_pickle(tmp_path / "b.pkl", boxes)).truth(whole)
    assert truth is not None
    assert exact is not None
    assert torch.equal(truth, exact)


def test_boxes_without_area_are_left_out(
    ride: Path, boxes: NDArray[np.uint16], whole: VideoClip, tmp_path: Path
) -> None:
    boxes[3, 2], boxes[5, 3] = 0, 0
    truth = biking(ride, tmp_path, as_pickle(tmp_path / "a.pkl", boxes)).truth(whole)
    assert truth is not None
    assert (~truth.any(2).any(1)).nonzero().flatten().tolist() == [3, 5]


@pytest.mark.parametrize("kind", ["pkl", "mat"])
def test_one_wrong_video_does_not_spoil_the_others(
    kind: str, boxes: NDArray[np.uint16], whole: VideoClip, tmp_path: Path
) -> None:
    if kind == "pkl":
        place = as_pickle(tmp_path / "a.pkl", boxes)
        content = pickle.loads(place.read_bytes())
        tube = {"label": 1, "sf": 0, "ef": 2, "boxes": boxes[:2, :3]}
        content["Diving/v_Diving_g01_c01"] = {"annotations": [tube]}
        place.write_bytes(pickle.dumps(content, 3))
    else:
        place = as_mat(tmp_path / "a.mat", boxes)
        tube = {"ef": 2.0, "sf": 1.0, "boxes": boxes[:2, :3]}
        other = {"num_imgs": 201.0, "name": "v_Diving_g01_c01", "tubes": tube}
        tube = {"ef": 201.0, "sf": 1.0, "boxes": boxes}
        one = {"num_imgs": 201.0, "name": BIKING, "tubes": tube}
        savemat(place, {"annot": np.array([one, other])})
    file = TubeFile(place)
    assert len(file.boxes(BIKING, whole) or {}) == 201
    with pytest.raises(ValueError, match=rf"a\.{kind} has of v_Diving_g01_c01 can't.*\(2, 3\)"):
        file.boxes("v_Diving_g01_c01", whole)


def test_a_truth_lies_on_the_frames_of_the_tube_only(
    ride: Path, boxes: NDArray[np.uint16], whole: VideoClip, tmp_path: Path
) -> None:
    tube = {"ef": 12.0, "sf": 11.0, "class": 3.0, "boxes": boxes[10:12]}
    savemat(tmp_path / "a.mat", {"annot": {"name": BIKING, "num_imgs": 201.0, "tubes": tube}})
    truth = biking(ride, tmp_path, tmp_path / "a.mat").truth(whole)
    assert truth is not None
    assert truth.any(2).any(1).nonzero().flatten().tolist() == [10, 11]
    assert truth[10].sum() == boxes[10, 2] * boxes[10, 3]


def test_annotations_are_read_when_first_asked_for_and_once(
    ride: Path, boxes: NDArray[np.uint16], whole: VideoClip, tmp_path: Path
) -> None:
    place = as_pickle(tmp_path / "a.pkl", boxes)
    content = place.read_bytes()
    place.write_bytes(b"not yet")
    one = biking(ride, tmp_path, place)
    assert one.find_boxes is not None
    place.write_bytes(content)
    first = one.find_boxes(whole)
    place.unlink()
    assert first is not None
    assert one.find_boxes(whole) == first


@pytest.mark.parametrize("kind", ["a.pkl", "xgtf"])
def test_a_cache_knows_when_the_boxes_are_others(
    kind: str, ride: Path, boxes: NDArray[np.uint16], tmp_path: Path
) -> None:
    def written(tube: NDArray[np.uint16]) -> Path:
        if kind == "a.pkl":
            return as_pickle(tmp_path / kind, tube)
        return as_viper(tmp_path / kind / "Biking" / f"{BIKING}.xgtf", tube)

    spec, found = ClipSpec(frames=2, size=32), []
    for tube in (boxes, boxes, boxes[:-1]):
        file = written(tube)
        os.utime(file, ns=(0, 0))
        one = biking(ride, tmp_path, tmp_path / kind)
        read(one, 0, spec, folder=tmp_path / "cache")
        found.append(len(list((tmp_path / "cache").iterdir())))
    assert found == [1, 1, 2]


def test_videos_without_annotation_have_no_truth(
    put: Put, boxes: NDArray[np.uint16], tmp_path: Path
) -> None:
    put("handstand.mp4", "UCF/v_HandStandPushups_g01_c01.mp4")
    place = as_pickle(tmp_path / "a.pkl", boxes)
    (one,) = videos(open_dataset(f"ucf101:{tmp_path / 'UCF'}", boxes=place))
    assert one.name == "v_HandStandPushups_g01_c01"
    assert one.truth(one.read(ClipSpec(frames=2, size=32))) is None


def test_where_nobody_acts_everybody_counts(
    boxes: NDArray[np.uint16], whole: VideoClip, tmp_path: Path
) -> None:
    file = as_viper(tmp_path / "a.xgtf", boxes, bystander=False)
    file.write_text(file.read_text().replace('value="true"', 'value="false"'))
    found = TubeFile(tmp_path).boxes("a", whole)
    assert found is not None
    assert len(found) == 201


def test_annotations_that_are_none(
    boxes: NDArray[np.uint16], whole: VideoClip, tmp_path: Path
) -> None:
    def said(file: Path) -> str:
        with pytest.raises(ValueError, match=file.name) as raised:
            TubeFile(file if file.suffix != ".xgtf" else tmp_path).boxes(file.stem, whole)
        return str(raised.value)

    (tmp_path / "a.mat").write_bytes(b"no")
    assert "can't read" in said(tmp_path / "a.mat")
    savemat(tmp_path / "b.mat", {"other": 1})
    assert "other data ('annot')" in said(tmp_path / "b.mat")
    (tmp_path / "a.pkl").write_bytes(pickle.dumps([1, 2]))
    assert "other data" in said(tmp_path / "a.pkl")
    write(tmp_path / "c.xgtf", "<viper>")
    assert "ViPER annotation" in said(tmp_path / "c.xgtf")
    bomb = '<!DOCTYPE v [<!ENTITY a "aaaa">]><v>&a;</v>'
    assert "entities" in said(write(tmp_path / "d.xgtf", bomb))
    as_pickle(tmp_path / "e.pkl", boxes)
    wrong = pickle.loads((tmp_path / "e.pkl").read_bytes())
    wrong[f"Biking/{BIKING}"]["annotations"][0]["ef"] = 200
    (tmp_path / "e.pkl").write_bytes(pickle.dumps(wrong))
    with pytest.raises(ValueError, match=r"e\.pkl has .*each of the frames 0 to 199, got 201"):
        TubeFile(tmp_path / "e.pkl").boxes(BIKING, whole)


# Pickles


class Touch:
    """Runs a command when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.file}",)


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_runs_code_is_refused_and_runs_nothing(protocol: int, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    raw = pickle.dumps({"v": [Touch(ran)]}, protocol)
    (tmp_path / "a.pkl").write_bytes(raw)
    with pytest.raises(ValueError, match=r"it wants to run (posix|nt)\.system.*Nothing"):
        read_plain(tmp_path / "a.pkl")
    assert not ran.exists()
    pickle.loads(raw)
    assert ran.exists()  # the pickle would have


@pytest.mark.parametrize(
    "raw",
    [
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"cnumpy\nload\n(S'x'\ntR.",
        b"cnumpy.core.multiarray\n_reconstruct.__globals__\n.",
        b"cnumpy\ndtype\n(S'O8'\nI0\nI1\ntR.",
        b"cnumpy\ndtype\n(S'V8'\nI0\nI1\ntR.",
        b"c_codecs\nencode\n(S'x'\nS'zip'\ntR.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
        b"\x82\x01.",
        b"Pname\n.",
        b"",
        b"(",
        b"c_codecs\nencode\n}S'kind'\nI1\nsb.",
        b"cbuiltins\nbytes\nN}S'kind'\nI1\ns\x86b.",
        pickle.dumps(np.zeros(4))[:-20],
        pickle.dumps(np.array([object()])),
    ],
)
def test_other_pickles_are_refused(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(raw)
    with pytest.raises(ValueError, match=r"a\.pkl; it was not read"):
        read_plain(tmp_path / "a.pkl")


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("shape", "content"),
    [
        (b"(I-1\nI-1\nt", b"C\x01\x00"),
        (b"(I1\nI01\nt", b"C\x01\x00"),
        (b"(F1.0\nt", b"C\x01\x00"),
        (b"I1\n", b"C\x01\x00"),
        (b"(" + b"I9223372036854775807\n" * 40 + b"t", b"C\x01\x00"),
        (b"(I1000000\nt", b"I1000000\n"),
    ],
)
def test_arrays_of_impossible_shapes_are_refused(
    shape: bytes, content: bytes, tmp_path: Path
) -> None:
    number = b"cnumpy\ndtype\n(S'u1'\nI0\nI1\ntR"
    start = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
    (tmp_path / "a.pkl").write_bytes(
        start + b"(I1\n" + shape + number + b"I00\n" + content + b"tb."
    )
    with pytest.raises(ValueError, match=r"fill the shape|not of bytes"):
        read_plain(tmp_path / "a.pkl")


def test_what_is_held_twice_is_read_once(tmp_path: Path) -> None:
    held: list[Any] = [1]
    for _ in range(60):
        held = [held, held]
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(held))
    read = read_plain(tmp_path / "a.pkl")
    for _ in range(60):
        assert read[0] is read[1]
        read = read[0]
    assert read == [1]


@pytest.mark.parametrize("protocol", range(6))
def test_plain_pickles_are_read(protocol: int, tmp_path: Path) -> None:
    square = np.arange(6.0).reshape(2, 3)
    arrays = [square, square.T, square.astype(">i2"), square[:0], square > 2, np.array(["ab", "c"])]
    held = {"text": "é", "numbers": (1, 2.5, None, True), "bytes": b"\xff"}
    scalars = {np.str_("name"): np.uint8(201)}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps([held, arrays, scalars], protocol))
    plain, read, numbers = read_plain(tmp_path / "a.pkl")
    assert plain == held
    assert numbers == {"name": 201}
    for one, other in zip(read, arrays, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def test_pickles_of_python_2_are_read(tmp_path: Path) -> None:
    """As cPickle writes {'v': numpy.array([[1, 200]], 'u1')} with protocol 2."""
    raw = (
        b"\x80\x02}U\x01vcnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x01K\x02\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xff"
        b"J\xff\xff\xff\xffK\x00tb\x89U\x02\x01\xc8tbs."
    )
    (tmp_path / "a.pkl").write_bytes(raw)
    assert read_plain(tmp_path / "a.pkl")["v"].tolist() == [[1, 200]]


# The dataset


def test_ucf101_has_groups_of_a_class(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "HammerThrow/v_HammerThrow_g01_c02.avi",
        "HammerThrow/v_HammerThrow_g01_c01.avi",
        "Hammering/v_Hammering_g01_c01.avi",
        "HandstandPushups/v_HandStandPushups_g10_c01.avi",
        "v_Hammering_g02_c01.mp4",
        "Hammering/v_Hammering_g02_c01.avi",
        "Hammering/holiday.avi",
    )
    dataset = open_dataset(f"ucf101:{tmp_path}")
    # The official order has no regard to capitals.
    assert dataset.class_names == ("Hammering", "HammerThrow", "HandstandPushups")
    assert [(one.name, one.label, one.group) for one in dataset.recordings] == [
        ("v_Hammering_g01_c01", 0, "Hammering g01"),
        ("v_Hammering_g02_c01", 0, "Hammering g02"),
        ("v_HammerThrow_g01_c01", 1, "HammerThrow g01"),
        ("v_HammerThrow_g01_c02", 1, "HammerThrow g01"),
        ("v_HandStandPushups_g10_c01", 2, "HandstandPushups g10"),
    ]
    assert sorted(one.name for one in dataset.problems) == [
        "Hammering/holiday.avi",
        "v_Hammering_g02_c01.mp4",
    ]
    assert dataset.splits == ()


def test_ucf101_takes_classes_and_folds_from_the_lists(put: Put, tmp_path: Path) -> None:
    put("apply_eye_makeup.avi", "UCF/v_ApplyEyeMakeup_g01_c01.avi")
    put("archery.avi", "UCF/v_Archery_g08_c01.avi")
    put("archery.avi", "UCF/v_HandStandPushups_g09_c01.avi")
    lists = tmp_path / "lists"
    write(lists / "classInd.txt", "1 ApplyEyeMakeup\r\n2 Archery\r\n3 HandstandPushups\r\n")
    write(
        lists / "trainlist02.txt",
        "Archery/v_Archery_g08_c01.avi 2\nHandstandPushups/v_HandStandPushups_g09_c01.avi 3\n",
    )
    write(
        lists / "testlist02.txt",
        "ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi\nArchery/v_Archery_g07_c02.avi\n",
    )
    dataset = open_dataset(f"ucf101:{tmp_path / 'UCF'}?lists={lists}&fold=2")
    assert [(one.label, one.split) for one in dataset.recordings] == [
        (0, "test"),
        (1, "train"),
        (2, "train"),
    ]
    assert dataset.recordings[2].group == "HandstandPushups g09"
    assert [one.name for one in dataset.problems] == ["v_Archery_g07_c02"]
    assert dataset.name == "UCF101, fold 2"
    assert dataset.recordings[0].read(ClipSpec(frames=2, size=32)).shape == (2, 3, 32, 32)
    assert names(open_dataset(f"ucf101:{tmp_path / 'UCF'}?lists={lists}")) == names(dataset)
    with pytest.raises(FileNotFoundError, match=r"lists: expected a file at .*trainlist01\.txt"):
        open_dataset(f"ucf101:{tmp_path / 'UCF'}?lists={lists}&fold=1")
    with pytest.raises(ValueError, match="fold: expected lists=FOLDER"):
        open_dataset(f"ucf101:{tmp_path / 'UCF'}?fold=1")
    touch(lists, "annots.json")
    with pytest.raises(ValueError, match=r"boxes: expected a folder .*, got .*annots\.json"):
        open_dataset(f"ucf101:{tmp_path / 'UCF'}", boxes=lists / "annots.json")
    write(lists / "testlist02.txt", "Archery/v_Archery_g08_c01.avi\n")
    with pytest.raises(ValueError, match=r"line 1 of .*testlist02\.txt has v_Archery_g08_c01"):
        open_dataset(f"ucf101:{tmp_path / 'UCF'}?lists={lists}&fold=2")
    write(lists / "testlist02.txt", "\n")
    with pytest.raises(
        ValueError, match=r"names of videos in .*testlist02\.txt, got an empty file"
    ):
        open_dataset(f"ucf101:{tmp_path / 'UCF'}?lists={lists}&fold=2")
    write(lists / "trainlist02.txt", "Archery/v_Archery_g08_c01.avi 3\n")
    with pytest.raises(ValueError, match=r"line 1 of .*trainlist02\.txt has class 3 .*is number 2"):
        open_dataset(f"ucf101:{tmp_path / 'UCF'}?lists={lists}&fold=2")
    write(lists / "classInd.txt", "1 ApplyEyeMakeup\n2 Archery\n")
    with pytest.raises(ValueError, match=r"v_HandStandPushups_g09_c01 has the class"):
        open_dataset(f"ucf101:{tmp_path / 'UCF'}?lists={lists}")
    write(lists / "classInd.txt", "1 ApplyEyeMakeup\nArchery\n")
    with pytest.raises(ValueError, match=r"a number and a class in line 2 of .*classInd\.txt"):
        open_dataset(f"ucf101:{tmp_path / 'UCF'}?lists={lists}")
