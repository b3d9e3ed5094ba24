"""Text that DejaVu Sans lacks: set in whatever font has it, measured as it is drawn."""

from collections.abc import Iterator
from pathlib import Path
from shutil import copy

import numpy as np
import pytest
from matplotlib import font_manager, get_data_path
from PIL import Image, ImageDraw, ImageFont

from test_rendering import array_clip, block, explain, pixels
from vexplain.rendering import contact_sheet
from vexplain.rendering.captions import Caption
from vexplain.visualization import HeatMap, faces
from vexplain.visualization.faces import BASE, families_of, family_of, font_file, runs_of
from vexplain.visualization.lettering import readable
from vexplain.visualization.sheet import CAPTION, MARGIN
from vexplain.visualization.typeset import Letters

STIX = "STIXGeneral"  # comes with matplotlib, as DejaVu Sans does
CIRCLED = "Ⓐ"  # which of the two only STIX has
ACUTE = "\N{COMBINING ACUTE ACCENT}"  # which both have
WALK = "走"  # which neither has


def forget() -> None:
    for function in (faces.family_of, faces.others, faces.installed):
        function.cache_clear()
    for known in (faces.characters_of, faces.font_file):
        known.cache_clear()


@pytest.fixture
def fresh() -> Iterator[None]:
    """Nothing is known yet of any font, and afterwards nothing of those of the test."""
    forget()
    yield
    forget()


@pytest.fixture
def stix(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """No other fonts than those of matplotlib's that always are there."""
    monkeypatch.setattr(faces, "others", lambda: (STIX,))


@pytest.fixture
def later(fresh: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A font, beside a broken one, that was installed after matplotlib looked for fonts."""
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(b"no font")
    path = tmp_path / "later.ttf"
    copy(Path(get_data_path(), "fonts", "ttf", "STIXGeneral.ttf"), path)
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [str(broken), str(path)])
    known = [one for one in font_manager.fontManager.ttflist if one.name == BASE]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", known)
    return path


def written(text: str, letters: Letters, width: int = 300) -> np.ndarray:
    """A text on white, (rows, columns)."""
    page = Image.new("L", (width, 40), "white")
    letters.write(ImageDraw.Draw(page), (4, 4), text, "black")
    return np.asarray(page)


def test_a_text_is_cut_where_its_font_changes(stix: None) -> None:
    assert runs_of(f"a {CIRCLED} b") == [(BASE, "a "), (STIX, f"{CIRCLED} "), (BASE, "b")]
    assert runs_of(f"{CIRCLED}{ACUTE}e{ACUTE}") == [(STIX, CIRCLED + ACUTE), (BASE, f"e{ACUTE}")]
    assert runs_of("") == []
    assert families_of("abc") == [BASE]
    assert families_of(f"{CIRCLED}a") == [BASE, STIX]


def test_what_no_font_has_is_a_box(stix: None) -> None:
    assert readable(f"{WALK}{CIRCLED}\x07\ud800é") == f"□{CIRCLED}□□é"
    assert readable("\N{SNOWMAN}\N{VARIATION SELECTOR-16}é") == "\N{SNOWMAN}é"  # a circle else
    assert family_of(WALK) is None
    assert runs_of(WALK) == [(BASE, WALK)]
    assert written(WALK, Letters(13)).min() < 255


def test_fonts_are_looked_through_only_for_what_is_lacking(
    fresh: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def looked() -> tuple[str, ...]:
        raise LookupError

    monkeypatch.setattr(faces, "others", looked)
    text = "P = 0.912 \N{MINUS SIGN} “Ünïcödé” Ελλάδα Привет שלום"
    assert runs_of(text) == [(BASE, text)]
    assert Letters(13).width(readable(text)) > 100
    with pytest.raises(LookupError):
        readable(WALK)


@pytest.mark.parametrize("bold", [False, True])
def test_a_text_of_one_font_is_drawn_as_pillow_draws_it(stix: None, bold: bool) -> None:
    letters = Letters(17, bold)
    for family, text in ((BASE, "Biking, R² \N{MINUS SIGN} é"), (STIX, CIRCLED * 3)):
        file = font_file(family, bold=bold)
        assert ("Bol" in Path(file.path).name) is bold
        font, base = (
            ImageFont.truetype(one.path, 17, index=one.index)
            for one in (file, font_file(BASE, bold=bold))
        )
        page = Image.new("L", (300, 40), "white")
        foot = 4 + base.getmetrics()[0]
        ImageDraw.Draw(page).text((4, foot), text, "black", font=font, anchor="ls")
        assert np.array_equal(written(text, letters), np.asarray(page))
        assert letters.width(text) == font.getlength(text)


def test_the_width_is_that_of_the_drawing(stix: None) -> None:
    letters = Letters(15)
    text = f"H{CIRCLED}H{CIRCLED}{CIRCLED}H"
    ink = np.flatnonzero((written(text, letters) < 128).any(axis=0))
    assert ink[-1] == pytest.approx(4 + letters.width(text), abs=3)
    assert letters.width(text) == sum(letters.width(part) for part in text)


def test_a_font_installed_since_is_found_and_a_broken_one_passed_over(later: Path) -> None:
    assert faces.others() == (STIX,)
    assert family_of(CIRCLED) == STIX
    assert font_file(STIX).path == font_file(STIX, bold=True).path == str(later)
    assert readable(f"{CIRCLED}{WALK}") == f"{CIRCLED}□"
    assert not np.array_equal(written(CIRCLED, Letters(20)), written("□", Letters(20)))


def test_preferred_families_come_first_and_placeholders_never(
    fresh: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faces, "PREFERRED", ("No Such Face", STIX))
    first, *rest = faces.others()
    assert first == STIX
    assert not {BASE, STIX, "No Such Face"} & set(rest)
    assert not any("resort" in name.lower() for name in rest)
    without = ["sans" not in name.lower() for name in rest]
    assert without == sorted(without)


def test_sheets_and_strips_hold_such_names(later: Path, tmp_path: Path) -> None:
    labels = block((2, 40, 60), slice(0, 20), slice(None), slice(None))

    def drawn(letter: str) -> tuple[np.ndarray, np.ndarray]:
        names = (letter, "b")
        one = explain(array_clip(2, 40, 60), labels, [0.0, 1.0], name=letter * 30, names=names)
        contact_sheet(one, tmp_path / "sheet.png")
        strip = Caption.of(one, HeatMap(), unseen=True).strip(240, 640)
        return pixels(tmp_path / "sheet.png")[:, : CAPTION + MARGIN], strip

    for circled, boxes, walk in zip(drawn(CIRCLED), drawn("□"), drawn(WALK), strict=True):
        assert np.array_equal(boxes, walk)
        assert (circled != boxes).any(-1).sum() > 1000


def test_a_chinese_name_in_a_font_of_the_system() -> None:
    family = family_of(WALK)
    if family is None:
        pytest.skip(f"no font of this system has {WALK}")
    assert readable("走路 walk") == "走路 walk"
    assert Letters(17).width("走路") == pytest.approx(2 * 17, abs=3)
    box, walk = (written(text, Letters(17)) for text in ("□", WALK))
    assert not np.array_equal(box, walk)
