"""The reader of tables, on real clips and on tables that are wrong."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from laid_out import Put, linker, names, touch, videos, write
from vexplain.core import ClipSpec
from vexplain.datasets import open_dataset


@pytest.fixture
def put(assets: Path, tmp_path: Path) -> Put:
    return linker(assets, tmp_path)


def test_a_table_of_videos_with_truths(put: Put, assets: Path, tmp_path: Path) -> None:
    put("car-shadow.mp4", "v/car.mp4")
    put("car-shadow_mask.npz", "car.npz")
    rows = (
        "path\tlabel\tgroup\tsplit\tstart\tend\ttruth\tcamera\n"
        "car.mp4\tcar 10\tg1\ttrain\t\t1\tcar.npz\tleft\n"
        "car.mp4\tcar 2\t\ttest\t0.5\t\tno.npz\t\n"
        "gone.mp4\tcar 2\t\t\t\t\t\t\n"
    )
    place = write(tmp_path / "list.tsv", rows)
    dataset = open_dataset(f"table:{place}?videos={tmp_path / 'v'}")
    assert dataset.class_names == ("car 2", "car 10")
    assert names(dataset) == ["car.mp4 from 0 s to 1 s", "car.mp4 from 0.5 s"]
    first, second = videos(dataset)
    assert (first.label, first.group, first.split) == (1, "g1", "train")
    assert (second.label, second.group, second.split) == (0, "car.mp4", "test")
    assert dict(first.facts) == {"camera": "left"}
    assert [one.name for one in dataset.problems] == ["car.mp4 from 0.5 s", "gone.mp4"]
    clip = first.read(ClipSpec(frames=4, size=None))
    assert clip.source is not None
    inside = first.truth(clip)
    mask = np.load(assets / "clips" / "car-shadow_mask.npz")["mask"]
    assert inside is not None
    assert torch.equal(inside, torch.from_numpy(mask[list(clip.source.frame_index)] == 1))
    assert second.truth(clip) is None


def test_parts_of_a_file_are_a_group_however_it_is_spelled(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4", "c.mp4")
    rows = (
        f"a.mp4,x,0,\n./a.mp4,x,1,\n{tmp_path}/a.mp4,y,2,\nb.mp4,x,0,\nc.mp4,x,0,g\nc.mp4,x,1,g\n"
    )
    place = write(tmp_path / "list.csv", f"path,label,start,group\n{rows}")
    dataset = open_dataset(f"table:{place}")
    assert [one.group for one in dataset.recordings] == ["a.mp4"] * 3 + [None, "g", "g"]
    assert names(dataset)[1:4] == ["a.mp4 from 1 s", "a.mp4 from 2 s", "b.mp4"]


def test_a_link_and_its_file_are_a_group(tmp_path: Path) -> None:
    touch(tmp_path, "class/a.mp4", "class/b.mp4")
    (tmp_path / "class" / "c.mp4").symlink_to("a.mp4")
    rows = "".join(f"class/{name}.mp4,x\n" for name in "abc")
    place = write(tmp_path / "list.csv", f"path,label\n{rows}")
    for dataset in (open_dataset(f"table:{place}"), open_dataset(f"folder:{tmp_path}")):
        assert [one.group for one in dataset.recordings] == ["class/a.mp4", None, "class/a.mp4"]
        assert names(dataset) == ["class/a.mp4", "class/b.mp4", "class/c.mp4"]


def test_parts_that_differ_by_little_have_names_that_differ(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    rows = "a.mp4,x,12345.61,12345.63\na.mp4,x,12345.62,12345.64\na.mp4,x,2.0,3\n"
    place = write(tmp_path / "list.csv", f"path,label,start,end\n{rows}")
    assert names(open_dataset(f"table:{place}")) == [
        "a.mp4 from 12345.61 s to 12345.63 s",
        "a.mp4 from 12345.62 s to 12345.64 s",
        "a.mp4 from 2 s to 3 s",
    ]


def test_a_part_of_two_splits_is_refused_only_where_it_is_there(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    rows = "a.mp4,x,1,train\nno.mp4,x,,train\nno.mp4,y,,train\na.mp4,x,1.0,{}\n"
    place = write(tmp_path / "list.csv", "path,label,start,split\n" + rows.format("train"))
    dataset = open_dataset(f"table:{place}")
    assert [one.name for one in dataset.problems if one.name == "a.mp4"] == ["a.mp4"]
    assert len(dataset) == 1
    write(place, "path,label,start,split\n" + rows.format("test"))
    with pytest.raises(ValueError, match=r"line 5 .* split 'test', and in line 2 .* 'train'"):
        open_dataset(f"table:{place}")


def test_rows_that_say_the_same_are_one(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    place = write(tmp_path / "list.csv", "path,label\na.mp4,x\na.mp4,x\n./a.mp4,x\n")
    dataset = open_dataset(f"table:{place}")
    assert names(dataset) == ["a.mp4"]
    assert [one.name for one in dataset.problems] == ["a.mp4", "./a.mp4"]
    assert "line 3 of" in dataset.problems[0].reason
    assert "line 2 of" in dataset.problems[0].reason


def test_paths_that_no_disk_has_and_folders_are_no_videos(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "empty/notes.txt", "frames/1.png", "frames/more/v.mp4")
    place = write(
        tmp_path / "list.csv", f"path,label\na.mp4,x\n{'n' * 300}.mp4,x\nempty,x\nframes,x\n"
    )
    dataset = open_dataset(f"table:{place}")
    assert names(dataset) == ["a.mp4", "frames"]
    assert [one.name for one in dataset.problems] == ["n" * 300 + ".mp4", "empty"]


def test_a_table_takes_numbers_only_with_classes(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    place = write(tmp_path / "list.csv", "path,label\na.mp4,2\nb.mp4,0\n")
    with pytest.raises(ValueError, match=r"got numbers such as 0\..*classes=FILE"):
        open_dataset(f"table:{place}")
    classes = write(tmp_path / "classes.txt", "x\ny\nz\n")
    dataset = open_dataset(f"table:{place}?classes={classes}")
    assert [one.label for one in dataset.recordings] == [2, 0]


def test_a_parquet_table_is_as_a_csv(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    columns = {"path": ["a.mp4", "b.mp4"], "label": ["x", "y"], "take": [3, None]}
    frame = pd.DataFrame({**columns, "start": [1.5, None]})
    frame.to_parquet(tmp_path / "list.parquet")
    write(tmp_path / "list.csv", "path,label,take,start\na.mp4,x,3,1.5\nb.mp4,y,,\n")
    both = [open_dataset(f"table:{tmp_path}/list.{kind}") for kind in ("parquet", "csv")]
    for one, other in zip(videos(both[0]), videos(both[1]), strict=True):
        assert (one.name, one.label, one.start_seconds) == (
            other.name,
            other.label,
            other.start_seconds,
        )
    assert both[1].recordings[0].facts == {"take": "3"}
    assert both[0].recordings[1].facts == both[1].recordings[1].facts == {}
    (tmp_path / "bad.parquet").write_bytes(b"no")
    with pytest.raises(ValueError, match=r"expected a parquet file, can't read .*bad\.parquet"):
        open_dataset(f"table:{tmp_path}/bad.parquet")


def test_whole_floats_of_pandas_are_whole_numbers(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    frame = pd.DataFrame({"path": ["a.mp4", "b.mp4"], "label": [1.0, 0.0], "group": [7, None]})
    frame.to_parquet(tmp_path / "list.parquet")
    frame.to_csv(tmp_path / "list.csv", index=False)
    classes = write(tmp_path / "classes.txt", "x\ny\n")
    for kind in ("parquet", "csv"):
        dataset = open_dataset(f"table:{tmp_path}/list.{kind}?classes={classes}")
        assert [one.label for one in dataset.recordings] == [1, 0]
    with pytest.raises(ValueError, match=r"got numbers such as 0\.0\."):
        open_dataset(f"table:{tmp_path}/list.csv")
    dataset = open_dataset(f"table:{tmp_path}/list.parquet?classes={classes}")
    assert [one.group for one in dataset.recordings] == ["7", None]


def test_a_parquet_table_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "list.parquet")
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pip install 'vexplain\[parquet\]'"):
        open_dataset(f"table:{tmp_path}/list.parquet")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,labels\na.mp4,x\n", r"a column 'label' in line 1 .* mean labels"),
        ("path,label\na.mp4,\n", r"a label in line 2 of .*, got an empty cell"),
        ("path,label\n\n\n,x\n", r"a path in line 4 of .*, got an empty cell"),
        ("path,label\na.mp4,x,y\n", r"expected 2 cells \(path, label\) in line 2 .*, got 3"),
        ("path,label,label\na.mp4,x,y\n", r"different names in line 1 .*'label'"),
        ("path,label,end,start\na.mp4,x,1,2\n", r"more than the start \(2 s\) in line 2"),
        (
            "path,label\na.mp4,x\n./a.mp4,y\n",
            r"one row per part .* line 3 .* 'y'.* line 2 .* 'x'.* Remove",
        ),
        ("", r"a column 'path' in line 1 of .*, got none"),
        ("path,label\n", r"expected the videos that .* lists"),
    ],
)
def test_a_table_says_what_is_wrong_and_where(text: str, said: str, tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    place = write(tmp_path / "list.csv", text)
    with pytest.raises(ValueError, match=said):
        open_dataset(f"table:{place}")


def test_a_table_with_an_unknown_class_or_ending(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "list.xlsx")
    place = write(tmp_path / "list.csv", "path,label\na.mp4,walkin\n")
    classes = write(tmp_path / "classes.txt", "running\nwalking\n")
    with pytest.raises(ValueError, match=r"line 2 .*'walkin'.* mean walking"):
        open_dataset(f"table:{place}?classes={classes}")
    with pytest.raises(ValueError, match=r"ends in \.csv, \.tsv or \.parquet, got .*list\.xlsx"):
        open_dataset(f"table:{tmp_path}/list.xlsx")
