"""Readers of datasets, on real clips laid out as each dataset is."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from laid_out import Put, linker, names, touch, videos, write
from vexplain.core import ClipSpec
from vexplain.datasets import READERS, open_dataset
from vexplain.datasets.etri import ACTIVITIES
from vexplain.datasets.finding import tree
from vexplain.datasets.opening import queried

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
    found = tree(tmp_path / "root")
    assert (found.videos, found.problems) == (("a/w.mp4", "linked/v.mp4"), ())


def test_a_tree_says_what_it_cannot_look_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    look = os.scandir

    def closed(place: str) -> Any:
        if place.endswith("secret"):
            raise PermissionError(13, "Permission denied")
        return look(place)

    touch(tmp_path, "a/v.mp4", "a/secret/w.mp4")
    (tmp_path / "a" / "self.mp4").symlink_to("self.mp4")
    monkeypatch.setattr(os, "scandir", closed)
    dataset = open_dataset(f"folder:{tmp_path}")
    assert names(dataset) == ["a/v.mp4"]
    assert {one.name: one.reason.partition("(")[0] for one in dataset.problems} == {
        "a/self.mp4": "it can't be read ",
        "a/secret": "it can't be read ",
    }


def test_links_between_folders_side_by_side_end(tmp_path: Path) -> None:
    for n in range(12):
        touch(tmp_path, f"{n}/v.mp4")
        for other in range(12):
            (tmp_path / f"{n}" / f"to{other}").symlink_to(tmp_path / f"{other}")
    found = tree(tmp_path)
    assert found.videos == tuple(f"{n}/v.mp4" for n in range(12))
    assert "once more" in found.problems[0].reason


def test_a_real_folder_goes_before_a_link_to_it(tmp_path: Path) -> None:
    touch(tmp_path, "run/v.mp4")
    (tmp_path / "latest").symlink_to("run")
    found = tree(tmp_path)
    assert found.videos == ("run/v.mp4",)
    assert [one.name for one in found.problems] == ["latest"]


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
    assert "after line 2" in dataset.problems[0].reason
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


def test_kinetics_names_files_of_one_name(tmp_path: Path) -> None:
    touch(tmp_path, "a/abc_000000_000010.mp4", "b/abc_000000_000010.mkv")
    dataset = open_dataset(f"kinetics400:{write(tmp_path / 'list.csv', HEADER + ROW)}")
    assert [one.path.suffix for one in videos(dataset)] == [".mp4"]
    (problem,) = dataset.problems
    assert "a/abc_000000_000010.mp4 and b/abc_000000_000010.mkv have this name" in problem.reason


def test_lists_of_paths_have_groups_tabs_and_folders_of_frames(tmp_path: Path) -> None:
    touch(tmp_path, "-x_yzABCDE0_000002_000012.mp4", "-x_yzABCDE0_000022_000032.mp4", "other.mp4")
    touch(tmp_path, "some frames/img_1.jpg", "some frames/img_2.jpg")
    rows = (
        "-x_yzABCDE0_000002_000012.mp4\t1\n-x_yzABCDE0_000022_000032.mp4  0\nother.mp4 0\n"
        "some frames 2 1\nother.mp4 2 1\n"
    )
    classes = write(tmp_path / "classes.txt", "first\nsecond\n")
    place = write(tmp_path / "list.txt", rows)
    dataset = open_dataset(f"kinetics400:{place}", classes=classes)
    assert [one.label for one in dataset.recordings] == [1, 0, 0, 1]
    assert [one.group for one in dataset.recordings] == ["-x_yzABCDE0"] * 2 + [None, None]
    assert videos(dataset)[3].path == tmp_path / "some frames"
    assert names(dataset)[3] == "some frames"
    assert [one.name for one in dataset.problems] == ["other.mp4 2"]


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


def test_etri_takes_names_in_small_letters(tmp_path: Path) -> None:
    touch(tmp_path, "a002_p002_g001_c003.mp4")
    assert names(open_dataset(f"etri:{tmp_path}")) == ["A002_P002_G001_C003"]


def test_etri_guesses_no_age_and_no_camera(tmp_path: Path) -> None:
    people = {"000": None, "001": "elderly", "050": "elderly", "051": "young", "100": "young"}
    people["101"] = None
    touch(tmp_path, *(f"A001_P{person}_G001_C001.mp4" for person in people))
    touch(tmp_path, "A001_P001_G001_C009.mp4", "A001_P001_G001_C000.mp4", "A000_P001_G001_C001.mp4")
    dataset = open_dataset(f"etri:{tmp_path}")
    assert [one.facts.get("age") for one in dataset.recordings] == list(people.values())
    assert [one.reason.partition(", ")[2] for one in dataset.problems] == [
        "and no A000",
        "and no C000",
        "and no C009",
    ]
    for age in ("elderly", "young"):
        assert len(open_dataset(f"etri:{tmp_path}?age={age}")) == 2


OFFICIAL = """
eating food with a fork
pouring water into a cup
taking medicine
drinking water
putting food in the fridge/taking food from the fridge
trimming vegetables
peeling fruit
using a gas stove
cutting vegetable on the cutting board
brushing teeth
washing hands
washing face
wiping face with a towel
putting on cosmetics
putting on lipstick
brushing hair
blow drying hair
putting on a jacket
taking off a jacket
putting on/taking off shoes
putting on/taking off glasses
washing the dishes
vacuuming the floor
scrubbing the floor with a rag
wiping off the dining table
rubbing up furniture
spreading bedding/folding bedding
washing a towel by hands
hanging out laundry
looking around for something
using a remote control
reading a book
reading a newspaper
handwriting
talking on the phone
playing with a mobile phone
using a computer
smoking
clapping
rubbing face with hands
doing freehand exercise
doing neck roll exercise
massaging a shoulder oneself
taking a bow
talking to each other
handshaking
hugging each other
fighting each other
waving a hand
flapping a hand up and down (beckoning)
pointing with a finger
opening the door and walking in
fallen on the floor
sitting up/standing up
lying down
"""


def test_etri_has_the_55_activities_in_their_order() -> None:
    assert OFFICIAL.strip().splitlines() == list(ACTIVITIES)
    assert len(set(ACTIVITIES)) == 55


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


def test_hmdb51_finds_the_source_whatever_the_folder_is_called(tmp_path: Path) -> None:
    tail = "f_cm_np1_le_med"
    touch(
        tmp_path,
        f"brush hair/film_brush_hair_{tail}_0.avi",
        f"brush hair/film_brush_hair_{tail}_1.avi",
        "brush hair/holiday_brush_hair_7.avi",
        f"brush hair/film_comb_{tail}_2.avi",
    )
    dataset = open_dataset(f"hmdb51:{tmp_path}")
    assert sorted(str(one.group) for one in dataset.recordings) == [
        f"brush hair/film_comb_{tail}_2",
        "brush hair/holiday_brush_hair_7",
        "film",
        "film",
    ]
    assert [one.name for one in dataset.problems] == [
        f"brush hair/film_comb_{tail}_2.avi",
        "brush hair/holiday_brush_hair_7.avi",
    ]
    assert "expected SOURCE_brush_hair_" in dataset.problems[0].reason


def test_hmdb51_names_classes_without_a_list_and_contradictions(tmp_path: Path) -> None:
    clip = "film_{}_f_cm_np1_le_med_0"
    touch(tmp_path, *(f"v/{name}/{clip.format(name)}.avi" for name in ("wave", "walk")))
    lists = tmp_path / "splits"
    write(lists / "wave_test_split1.txt", f"{clip.format('wave')}.avi 1\n" * 2)
    dataset = open_dataset(f"hmdb51:{tmp_path / 'v'}?splits={lists}&fold=1")
    assert [one.split for one in dataset.recordings] == [None, "train"]
    (problem,) = dataset.problems
    assert problem.name == "walk"
    assert "no list walk_test_split1.txt" in problem.reason
    write(
        lists / "wave_test_split1.txt",
        f"{clip.format('wave')}.avi 1\n{clip.format('wave')}.avi 2\n",
    )
    with pytest.raises(ValueError, match=r"line 2 of .* in test, and a line before it in train"):
        open_dataset(f"hmdb51:{tmp_path / 'v'}?splits={lists}&fold=1")


@pytest.mark.usefixtures("unchecked")
def test_folds_are_whole_numbers(tmp_path: Path) -> None:
    touch(tmp_path, "a/b.avi")
    for fold in (1.0, True, "1"):
        with pytest.raises(ValueError, match=f"fold: expected 1, 2 or 3, got {fold!r}"):
            open_dataset(f"hmdb51:{tmp_path}", splits=tmp_path, fold=fold)


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


def test_what_holds_no_video_does_not_turn_splits_into_classes(tmp_path: Path) -> None:
    touch(tmp_path, "Train/a/1.mp4", "VAL/a/2.mp4", "testing/b/3.mp4", "annotations/all/x.csv")
    (tmp_path / "extra").mkdir()
    dataset = open_dataset(f"folder:{tmp_path}")
    assert dataset.class_names == ("a", "b")
    assert dataset.splits == ("testing", "train", "val")
    assert names(dataset) == ["testing/b/3.mp4", "Train/a/1.mp4", "VAL/a/2.mp4"]


def test_pictures_beside_folders_of_frames_do_not_turn_splits_into_classes(tmp_path: Path) -> None:
    for split in ("train", "val"):
        touch(tmp_path, f"{split}/thumb.jpg", f"{split}/a/thumb.jpg", f"{split}/a/clip/1.png")
    dataset = open_dataset(f"folder:{tmp_path}")
    assert (dataset.class_names, dataset.splits) == (("a",), ("train", "val"))
    assert names(dataset) == ["train/a/clip", "val/a/clip"]
    assert dataset.problems == ()


@pytest.mark.parametrize(
    ("stray", "said"),
    [
        ("train/x.mp4", "train holds videos itself"),
        ("demo/x.mp4", "beside them is demo"),
        ("validation/x.mp4", "validation holds videos itself"),
    ],
)
def test_folders_that_may_be_splits_or_classes(stray: str, said: str, tmp_path: Path) -> None:
    touch(tmp_path, "train/a/1.mp4", "test/a/1.mp4", stray)
    with pytest.raises(ValueError, match=f"can't tell whether .*are splits or classes: {said}"):
        open_dataset(f"folder:{tmp_path}")


def test_a_class_of_trains_is_one(tmp_path: Path) -> None:
    touch(tmp_path, "train/1.mp4", "bus/1.mp4")
    assert open_dataset(f"folder:{tmp_path}").class_names == ("bus", "train")


# All of them


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("-12", -12),
        ("2.50", 2.5),
        ("true", True),
        ("false", False),
        *((text, text) for text in ("007", "1_000", "0o17", "1:30", "no", "1e3", ".5", "null", "")),
    ],
)
def test_only_plain_numbers_in_a_name_are_numbers(text: str, value: object) -> None:
    found = queried(f"a={text}")["a"]
    assert (found, type(found)) == (value, type(value))


def test_a_name_may_end_like_a_yaml_file(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    place = write(tmp_path / "list.csv", "path,label\na.mp4,x\n")
    classes = write(tmp_path / "classes.yaml", "x\n")
    assert len(open_dataset(f"table:{place}?classes={classes}")) == 1


def test_a_name_may_hold_a_question_mark(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "who?/class/a.mp4")
    place = write(tmp_path / "t?x.csv", "path,label\na.mp4,x\n")
    assert names(open_dataset(f"table:{place}")) == ["a.mp4"]
    assert names(open_dataset(f"folder:{tmp_path}/who?")) == ["class/a.mp4"]
    classes = write(tmp_path / "classes.txt", "y\nx\n")
    file = write(tmp_path / "data.yaml", f"data: table:{place}\nclasses: {classes}\n")
    assert open_dataset(file).class_names == ("y", "x")


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
