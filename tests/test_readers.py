"""Readers of datasets, on real clips laid out as each dataset is."""

from pathlib import Path

import numpy as np
import pytest
import torch

from laid_out import Put, linker, names, touch, videos, write
from vexplain.core import ClipSpec
from vexplain.datasets import READERS, open_dataset
from vexplain.datasets.etri import ACTIVITIES
from vexplain.datasets.finding import tree

SPEC = ClipSpec(frames=4, size=64)
HEADER = "label,youtube_id,time_start,time_end,split\n"
ROW = '"arm wrestling",abc,0,10,train\n'


@pytest.fixture
def put(assets: Path, tmp_path: Path) -> Put:
    return linker(assets, tmp_path)


# What lies below a folder


def test_a_tree_finds_videos_and_folders_of_pictures_in_natural_order(tmp_path: Path) -> None:
    touch(tmp_path, "a/v10.mp4", "a/v2.AVI", "a/.hidden.mp4", "a/notes.txt", "b/f/1.jpg", "c/x.csv")
    found = tree(tmp_path)
    assert found.videos == ("a/v2.AVI", "a/v10.mp4", "b/f")
    assert found.folders == ("a", "b", "c")
    assert found.by_stem == {"v2": ["a/v2.AVI"], "v10": ["a/v10.mp4"], "f": ["b/f"]}
    assert tree(tmp_path, pictures=False).videos == ("a/v2.AVI", "a/v10.mp4")


def test_a_tree_follows_links_but_not_in_circles(tmp_path: Path) -> None:
    touch(tmp_path, "real/v.mp4", "root/a/w.mp4")
    (tmp_path / "root" / "linked").symlink_to(tmp_path / "real")
    (tmp_path / "root" / "a" / "up").symlink_to(tmp_path / "root")
    assert tree(tmp_path / "root").videos == ("a/w.mp4", "linked/v.mp4")


# Kinetics


def test_kinetics_finds_clips_wherever_they_lie(put: Put, tmp_path: Path) -> None:
    put("arm_wrestling.mp4", "clips/train/arm wrestling/abc_000003_000013.mp4")
    put("flipping_a_pancake.mkv", "clips/-x_y_000000_000010.mkv")
    put("blowing_glass.mp4", "clips/whole.mp4")
    rows = (
        "arm wrestling,abc,3,13,train,0\nflipping pancake,-x_y,0,10,validate,1\n"
        "blowing glass,whole,2,5,validate,0\nabseiling,gone,1,11,train,0\n"
    )
    place = write(tmp_path / "lists/all.csv", "label,youtube_id,time_start,time_end,split,is_cc\n")
    place.write_text(place.read_text() + rows)
    dataset = open_dataset(f"kinetics400:{place}", videos=tmp_path / "clips")
    assert names(dataset) == ["abc_000003_000013", "-x_y_000000_000010", "whole_000002_000005"]
    assert [dataset.class_names[one.label or 0] for one in dataset.recordings] == [
        "arm wrestling",
        "flipping pancake",
        "blowing glass",
    ]
    assert len(dataset.class_names) == 400
    assert [one.group for one in dataset.recordings] == ["abc", "-x_y", "whole"]
    assert dataset.splits == ("train", "validate")
    assert [dict(one.facts) for one in dataset.recordings] == [
        {"is_cc": "0"},
        {"is_cc": "1"},
        {"is_cc": "0"},
    ]
    (problem,) = dataset.problems
    assert problem.name == "gone_000001_000011"
    cut, _, whole = videos(dataset)
    assert (cut.start_seconds, cut.end_seconds) == (None, None)
    clip = whole.read(SPEC)
    assert float(clip.pts_seconds[0]) == pytest.approx(2)
    assert 4.9 < float(clip.pts_seconds[-1]) < 5
    assert whole.truth(clip) is None
    one = open_dataset(f"kinetics400:{place}?split=validate&videos={tmp_path / 'clips'}")
    assert names(one) == names(dataset)[1:]
    with pytest.raises(ValueError, match=r"no split 'validation'; there are train, validate"):
        open_dataset(f"kinetics400:{place}?split=validation")


def test_kinetics_test_list_has_no_labels(tmp_path: Path) -> None:
    touch(tmp_path, "abc_000000_000010.webm")
    place = write(tmp_path / "test.csv", "youtube_id,time_start,time_end,split\nabc,0,10,test\n")
    dataset = open_dataset(f"kinetics400:{place}")
    assert [one.label for one in dataset.recordings] == [None]


def test_kinetics_takes_other_classes_and_lists_of_paths(tmp_path: Path) -> None:
    touch(tmp_path, "videos/a b/one two.mp4", "videos/c.mp4", "away/d.mp4")
    classes = write(tmp_path / "classes.txt", "first\nsecond\n")
    listed = f"a b/one two.mp4 1\nc.mp4 0\nc.mp4 0\ngone.mp4 1\n{tmp_path}/away/d.mp4 0\n"
    place = write(tmp_path / "list.txt", listed)
    wishes = {"videos": tmp_path / "videos", "classes": classes}
    dataset = open_dataset(f"kinetics400:{place}", **wishes)
    assert dataset.class_names == ("first", "second")
    assert names(dataset) == ["a b/one two.mp4", "c.mp4", f"{tmp_path}/away/d.mp4"]
    assert [one.label for one in dataset.recordings] == [1, 0, 0]
    assert [one.name for one in dataset.problems] == ["c.mp4", "gone.mp4"]
    assert "line 3" in dataset.problems[0].reason
    with pytest.raises(ValueError, match="Leave split out"):
        open_dataset(f"kinetics400:{place}", split="train")
    place.write_text("c.mp4 2\n")
    with pytest.raises(
        ValueError, match=r"line 1 of .*list\.txt has class 2, but .* has 2 classes"
    ):
        open_dataset(f"kinetics400:{place}", **wishes)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEADER + "arm wresling,abc,0,10,train\n", r"line 2 .*'arm wresling'.*mean arm wrestling"),
        (HEADER + "arm wrestling,abc,0,10\n", r"expected 5 cells .* in line 2 .*, got 4"),
        (HEADER + "arm wrestling,abc,0,soon,train\n", r"time_end: .* in line 2 .*, got 'soon'"),
        (HEADER + "arm wrestling,abc,10,10,train\n", r"an end after the start in line 2"),
        (HEADER + "arm wrestling,,0,10,train\n", r"a YouTube id .* in line 2 .*, got ''"),
        ("label,youtube_id,time_start\nx,y,0\n", r"a column 'time_end' in line 1 .*time_start"),
        (HEADER + '"arm wrestling,abc,0,10,train\n', r"line 2 of .* is no row"),
        ("some words\n", r"columns label,youtube_id.* in line 1 .*, got 'some words'"),
        ("clip.mp4 0\nnothing\n", r"a path and the number of its class in line 2 .*'nothing'"),
        ("", "got an empty file"),
        (HEADER + ROW, r"found none \(1 listed, none usable\).*abc_000000_000010"),
    ],
)
def test_kinetics_says_what_is_wrong_and_where(text: str, said: str, tmp_path: Path) -> None:
    place = write(tmp_path / "list.csv", text)
    with pytest.raises(ValueError, match=said):
        open_dataset(f"kinetics400:{place}")


def test_lists_in_other_encodings(tmp_path: Path) -> None:
    touch(tmp_path, "abc_000000_000010.mp4")
    place = tmp_path / "list.csv"
    place.write_bytes(b"\xef\xbb\xbf" + (HEADER + ROW).replace("\n", "\r\n").encode())
    assert names(open_dataset(f"kinetics400:{place}")) == ["abc_000000_000010"]
    place.write_bytes((HEADER + ROW).encode() + "arm wréstling,b,0,10,train\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"UTF-8 in .*list\.csv, got the byte 0xe9 in line 3"):
        open_dataset(f"kinetics400:{place}")


# ETRI-Activity3D


def test_etri_reads_everything_from_the_names(put: Put, tmp_path: Path) -> None:
    put("handstand.mp4", "RGB/P001-P010/P001/A001_P001_G001_C001.mp4")
    put("handstand.mp4", "RGB/P051-P060/P051/A055_P051_G002_C008.mp4")
    put("handstand.mp4", "RGB/P041-P050/P050/A053_P050_G003_C002.mp4")
    touch(tmp_path, "Depth/A001_P001_G001_C001/0001.png", "S/A001_P001_G001_C001_skeleton.csv")
    touch(tmp_path, "S/A001_P001_G001_C001_depth.mp4", "S/A056_P001_G001_C001.mp4")
    dataset = open_dataset(f"etri:{tmp_path}")
    assert names(dataset) == [
        "A001_P001_G001_C001",
        "A053_P050_G003_C002",
        "A055_P051_G002_C008",
    ]
    assert [dataset.class_names[one.label or 0] for one in dataset.recordings] == [
        "eating food with a fork",
        "fallen on the floor",
        "lying down",
    ]
    assert [one.group for one in dataset.recordings] == ["P001", "P050", "P051"]
    assert dict(dataset.recordings[1].facts) == {
        "camera": "C002",
        "group": "G003",
        "age": "elderly",
    }
    assert dataset.recordings[2].facts["age"] == "young"
    assert ["A056" in one.name for one in dataset.problems] == [True]
    assert dataset.recordings[0].read(SPEC).shape == (4, 3, 64, 64)
    assert names(open_dataset(f"etri:{tmp_path}?camera=C008")) == ["A055_P051_G002_C008"]
    assert names(open_dataset(f"etri:{tmp_path}?camera=2")) == ["A053_P050_G003_C002"]
    assert len(open_dataset(f"etri:{tmp_path}?age=elderly")) == 2
    with pytest.raises(ValueError, match=r"expected videos such as .* of camera C005, young below"):
        open_dataset(f"etri:{tmp_path}?camera=5&age=young")
    with pytest.raises(ValueError, match=r"age: expected elderly or young, got 'old'\."):
        open_dataset(f"etri:{tmp_path}?age=old")
    with pytest.raises(ValueError, match=r"camera: expected a number from 1 to 8 .*, got 9"):
        open_dataset(f"etri:{tmp_path}?camera=9")


def test_etri_has_the_55_activities() -> None:
    assert len(set(ACTIVITIES)) == len(ACTIVITIES) == 55
    numbered = {10: "brushing teeth", 38: "smoking", 46: "handshaking", 53: "fallen on the floor"}
    assert {n: ACTIVITIES[n - 1] for n in numbered} == numbered


# HMDB51


def test_hmdb51_takes_splits_and_sources_from_names_and_lists(put: Put, tmp_path: Path) -> None:
    swing = "BaseballSwingAnalysis_swing_baseball_u_nm_np1_ba_med_0"
    stand = "Bodenturnen_im_sportunterricht_handstand_f_cm_np1_le_med_1"
    odd = "a_swing_baseball_b_swing_baseball_f_cm_np2_fr_goo_3"
    put("swing_baseball.mp4", f"videos/swing_baseball/{swing}.mp4")
    put("handstand.mp4", f"videos/handstand/{stand}.mp4")
    put("handstand.mp4", f"videos/swing_baseball/{odd}.avi")
    lists = tmp_path / "splits"
    write(lists / "swing_baseball_test_split1.txt", f"{swing}.avi 1 \n{odd}.avi 0 \ngone.avi 2 \n")
    write(lists / "handstand_test_split1.txt", f"{stand}.avi 2 \n")
    dataset = open_dataset(f"hmdb51:{tmp_path / 'videos'}?splits={lists}&fold=1")
    assert dataset.class_names == ("handstand", "swing_baseball")
    assert names(dataset) == [
        f"handstand/{stand}",
        f"swing_baseball/{odd}",
        f"swing_baseball/{swing}",
    ]
    assert [one.split for one in dataset.recordings] == ["test", None, "train"]
    assert [one.group for one in dataset.recordings] == [
        "Bodenturnen_im_sportunterricht",
        "a_swing_baseball_b",
        "BaseballSwingAnalysis",
    ]
    facts = {"visible": "u", "camera": "nm", "people": "1", "view": "ba", "quality": "med"}
    assert dict(dataset.recordings[2].facts) == facts
    assert [one.name for one in dataset.problems] == ["swing_baseball/gone"]
    assert dataset.part("test").recordings[0].read(SPEC).shape == (4, 3, 64, 64)
    assert open_dataset(f"hmdb51:{tmp_path / 'videos'}").splits == ()
    with pytest.raises(ValueError, match=r"brush_hair_test_split2\.txt in .*, got none"):
        open_dataset(f"hmdb51:{tmp_path / 'videos'}?splits={lists}&fold=2")
    with pytest.raises(ValueError, match="fold: expected 1, 2 or 3, got 4"):
        open_dataset(f"hmdb51:{tmp_path / 'videos'}?splits={lists}&fold=4")
    with pytest.raises(ValueError, match="fold: expected splits=FOLDER"):
        open_dataset(f"hmdb51:{tmp_path / 'videos'}?fold=1")
    write(lists / "handstand_test_split1.txt", f"{stand}.avi 3\n")
    with pytest.raises(ValueError, match=r"0, 1 or 2 in line 1 of .*handstand_test_split1"):
        open_dataset(f"hmdb51:{tmp_path / 'videos'}?splits={lists}&fold=1")


# Folders


def test_a_folder_per_class(put: Put, tmp_path: Path) -> None:
    put("boxing.mp4", "class 10/b.mp4")
    put("handstand.mp4", "class 2/deep/er.mp4")
    (tmp_path / "class 3").mkdir()
    touch(tmp_path, "stray.mp4")
    frame = np.full((8, 8, 3), 255, np.uint8)
    from PIL import Image

    for n in range(4):
        (tmp_path / "class 2" / "frames").mkdir(exist_ok=True)
        Image.fromarray(frame).save(tmp_path / "class 2" / "frames" / f"{n}.png")
    dataset = open_dataset(f"folder:{tmp_path}")
    assert dataset.class_names == ("class 2", "class 3", "class 10")
    assert names(dataset) == ["class 2/deep/er.mp4", "class 2/frames", "class 10/b.mp4"]
    assert [one.label for one in dataset.recordings] == [0, 0, 2]
    assert [one.name for one in dataset.problems] == ["stray.mp4"]
    assert dataset.splits == ()
    still = dataset.recordings[1].read(ClipSpec(frames=4, size=8))
    assert torch.equal(still.frames, torch.ones(4, 3, 8, 8))
    order = write(tmp_path / "order.txt", "class 10\nclass 3\nclass 2\n")
    assert [one.label for one in open_dataset(f"folder:{tmp_path}?classes={order}").recordings] == [
        2,
        2,
        0,
    ]
    order.write_text("class 10\n")
    with pytest.raises(ValueError, match=r"er\.mp4 has the class 'class 2'.* mean class 10"):
        open_dataset(f"folder:{tmp_path}?classes={order}")


def test_folders_of_splits(tmp_path: Path) -> None:
    touch(tmp_path, "train/a/1.mp4", "train/b/1.mp4", "validation/b/1.mp4", "test/c/1.mp4")
    dataset = open_dataset(f"folder:{tmp_path}")
    assert dataset.class_names == ("a", "b", "c")
    assert dataset.splits == ("test", "train", "validation")
    assert [(one.name, one.label, one.split) for one in dataset.recordings] == [
        ("test/c/1.mp4", 2, "test"),
        ("train/a/1.mp4", 0, "train"),
        ("train/b/1.mp4", 1, "train"),
        ("validation/b/1.mp4", 1, "validation"),
    ]


def test_folders_called_train_and_test_may_be_classes(tmp_path: Path) -> None:
    touch(tmp_path, "train/1.mp4", "test/1.mp4")
    dataset = open_dataset(f"folder:{tmp_path}")
    assert dataset.class_names == ("test", "train")
    assert dataset.splits == ()


# All of them


FOLDERS = ("etri", "ucf101", "hmdb51", "folder")


@pytest.mark.parametrize("scheme", FOLDERS)
def test_an_empty_folder_says_what_was_sought_and_where(scheme: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"expected videos .* {tmp_path}, found none"):
        open_dataset(f"{scheme}:{tmp_path}")


@pytest.mark.parametrize("scheme", [*FOLDERS, "kinetics400", "table"])
def test_a_missing_place_is_named(scheme: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=rf"data: expected .* {tmp_path}/no, there is noth"):
        open_dataset(f"{scheme}:{tmp_path}/no")


@pytest.mark.parametrize("scheme", [*FOLDERS, "kinetics400", "table"])
def test_readers_take_keywords_only(scheme: str) -> None:
    import inspect

    first, *options = inspect.signature(READERS[scheme].read).parameters.values()
    assert first.name == "place"
    assert all(one.kind is one.KEYWORD_ONLY and one.default is None for one in options)


def test_listing_opens_no_video(tmp_path: Path) -> None:
    """Names that lead nowhere are listed all the same; only a check finds out."""
    home = tmp_path / "train" / "class"
    home.mkdir(parents=True)
    for n in range(2000):
        (home / f"{n}.mp4").symlink_to("nowhere")
    assert len(open_dataset(f"folder:{tmp_path}")) == 2000
