"""The commands about datasets, on real clips."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from laid_out import Put, linker, touch, write
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
    for word in ("stand", "shoot", "train", "test", "320x240", "340x256", "2.5", "5.2", "0.00"):
        assert word in result.output
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
    assert "missing or broken: 1." in result.output
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
    assert "class 19" in result.output
    assert "class 20" not in result.output


def test_errors_are_one_sentence(tmp_path: Path) -> None:
    result = shell("check", f"folder:{tmp_path}/no", "-q")
    assert result.exit_code == 2
    assert "error: data: expected a folder" in result.output
    assert "Traceback" not in result.output
    assert "Did you mean folder" in shell("check", f"foldr:{tmp_path}").output
    assert shell("check", f"folder:{tmp_path}", "--workers", "0").exit_code == 2
