"""The commands about datasets, on real clips."""

import json
import os
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from laid_out import Put, linker, touch, write
from vexplain.cli.console import out
from vexplain.cli.data import data_app
from vexplain.datasets import READERS


@pytest.fixture
def put(assets: Path, tmp_path: Path) -> Put:
    return linker(assets, tmp_path)


def shell(*words: str | Path) -> Result:
    return CliRunner().invoke(data_app, [str(word) for word in words], env={"COLUMNS": "80"})


def test_list_names_every_reader() -> None:
    result = shell("list")
    assert result.exit_code == 0, result.output
    for scheme in READERS:
        assert f"{scheme}:" in result.output
    assert all(len(line) <= 80 for line in result.output.splitlines())


def test_check_shows_what_there_is_and_ends_with_0(put: Put, tmp_path: Path) -> None:
    put("handstand.mp4", "train/stand/a.mp4")
    put("archery.avi", "test/shoot/b.avi")
    result = shell("check", f"folder:{tmp_path}", "--quiet", "--strict")
    assert result.exit_code == 0, result.output
    rows = [" ".join(line.split()) for line in result.output.splitlines()]
    for row in (
        "stand 1",
        "shoot 1",
        "train 1",
        "test 1",
        "320x240 1",
        "340x256 1",
        "25 1",
        "30 1",
    ):
        assert rows.count(row) == 1, row
    for row in ("recordings 2", "usable 2", "classes 2", "problems 0", "hours, total 0.00"):
        assert rows.count(row) == 1, row
    assert "seconds, shortest 2.5" in rows
    assert "seconds, longest 5.2" in rows
    assert "warning" not in result.output
    assert all(len(line) <= 80 for line in result.output.splitlines())


def test_check_shows_problems_and_only_strict_minds(put: Put, tmp_path: Path) -> None:
    put("handstand.mp4", "[a]/1.mp4")
    touch(tmp_path, "[a]/2.mp4")
    (tmp_path / "none").mkdir()
    result = shell("check", f"folder:{tmp_path}", "-q", "--json", tmp_path / "report.json")
    assert result.exit_code == 0, result.output
    assert "[a]/2.mp4" in result.output
    assert "empty file" in result.output
    assert "problems: 1." in result.output
    assert "1 of 2 recordings can be used" in result.output
    assert "Classes without a recording: 1 (none)." in result.output
    saved = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert saved["classes"] == {"[a]": 2, "none": 0}
    assert saved["problems"][0]["name"] == "[a]/2.mp4"
    assert saved["usable"] == 1
    assert shell("check", f"folder:{tmp_path}", "-q", "--strict").exit_code == 1


def test_check_warns_of_leaks(put: Put, tmp_path: Path) -> None:
    put("handstand.mp4", "1.mp4")
    put("archery.avi", "2.avi")
    rows = "path,label,group,split\n1.mp4,x,anna,train\n2.avi,x,anna,test\n"
    place = write(tmp_path / "list.csv", rows)
    result = shell("check", f"table:{place}", "-q", "--decode", "--workers", "1")
    assert result.exit_code == 0, result.output
    assert "anna" in result.output
    assert "Groups in more than one split: 1." in result.output
    assert shell("check", f"table:{place}", "-q", "--strict").exit_code == 1


def test_check_ends_with_1_when_nothing_can_be_used(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.mp4")
    result = shell("check", f"folder:{tmp_path}", "-q")
    assert result.exit_code == 1
    assert "0 of 1 recordings can be used" in result.output


def test_long_lists_are_cut(tmp_path: Path) -> None:
    touch(tmp_path, *(f"class {n}/{n}.mp4" for n in range(30)))
    result = shell("check", f"folder:{tmp_path}", "-q")
    assert "and 10 more" in result.output
    shown = [" ".join(line.split()) for line in result.output.splitlines()]
    assert all(f"class {n} 1" in shown for n in range(30))
    assert sum(bool(re.match(r"class \d+/\d+\.mp4 ", line)) for line in shown) == 20


def test_strict_minds_classes_without_a_recording(put: Put, tmp_path: Path) -> None:
    put("handstand.mp4", "a/1.mp4")
    (tmp_path / "none").mkdir()
    assert shell("check", f"folder:{tmp_path}", "-q").exit_code == 0
    assert shell("check", f"folder:{tmp_path}", "-q", "--strict").exit_code == 1


def test_check_counts_what_is_in_no_split_and_files_in_several(put: Put, tmp_path: Path) -> None:
    put("handstand.mp4", "1.mp4")
    (tmp_path / "2.mp4").symlink_to("1.mp4")
    rows = "path,label,split\n1.mp4,x,train\n2.mp4,x,test\n./2.mp4,x,\n"
    place = write(tmp_path / "list.csv", rows.replace("./2.mp4", "3.mp4"))
    put("archery.avi", "3.mp4")
    result = shell("check", f"table:{place}", "-q")
    assert "Files in several splits" in result.output
    assert "Files in more than one split: 1." in result.output
    assert "Recordings in no split: 1." in result.output
    assert "in no split 1" in [" ".join(line.split()) for line in result.output.splitlines()]


def test_names_that_are_no_utf8_are_spelled_out(assets: Path, tmp_path: Path) -> None:
    home = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(home)
    os.symlink(os.fsencode(assets) + b"/clips/handstand.mp4", home + b"/\xff.mp4")
    open(home + b"/empty\xfe.mp4", "w").close()
    report = tmp_path / "report.json"
    result = shell("check", f"folder:{tmp_path}", "-q", "--json", report)
    assert result.exit_code == 0, result.output
    assert r"caf\udce9/empty\udcfe.mp4" in result.output
    saved = json.loads(report.read_text(encoding="utf-8"))
    assert saved["classes"] == {r"caf\udce9": 2}


def test_the_file_is_written_before_anything_is_shown(
    put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError("the pipe is closed")

    put("handstand.mp4", "a/1.mp4")
    monkeypatch.setattr(out, "print", broken)
    assert shell("check", f"folder:{tmp_path}", "-q", "--json", tmp_path / "r.json").exit_code == 2
    assert json.loads((tmp_path / "r.json").read_text())["recordings"] == 1


def test_synthesize_says_what_it_takes(tmp_path: Path) -> None:
    for words in (["--sources", "4"], ["--distractors", "-1"], ["--size", "63"]):
        result = shell("synthesize", tmp_path / "set", *words)
        assert result.exit_code == 2, result.output
    assert "size: expected an even number" in result.output
    assert not (tmp_path / "set").exists()
    result = shell("synthesize", tmp_path / "[set]", "--clips", "1", "--size", "32", "-q")
    assert result.exit_code == 0, result.output
    assert "[set]/clips.csv" in result.output.replace("\n", "")
    words = ["--clips", "1", "--size", "32", "--frames", "2", "--distractors", "0", "-q"]
    result = shell("synthesize", tmp_path / "alone", *words)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "alone" / "clips" / "still-0-000000-0-distractors.mp4").is_file()


def test_errors_are_one_sentence(tmp_path: Path) -> None:
    result = shell("check", f"folder:{tmp_path}/no", "-q")
    assert result.exit_code == 2
    assert "error: data: expected a folder" in result.output
    assert "Traceback" not in result.output
    said = " ".join(shell("check", f"foldr:{tmp_path}").output.split())
    assert "Did you mean folder" in said
    assert shell("check", f"folder:{tmp_path}", "--workers", "0").exit_code == 2
