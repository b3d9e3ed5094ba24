"""ETRI-Activity3D: people in an apartment, filmed by eight cameras at once."""

import re
from os import PathLike

from vexplain.core import near_names
from vexplain.datasets.finding import assembled, folder_at, stem_of, tree
from vexplain.datasets.recordings import Dataset, Problem, VideoRecording

ACTIVITIES = (
    "eating food with a fork",
    "pouring water into a cup",
    "taking medicine",
    "drinking water",
    "putting food in the fridge/taking food from the fridge",
    "trimming vegetables",
    "peeling fruit",
    "using a gas stove",
    "cutting vegetable on the cutting board",
    "brushing teeth",
    "washing hands",
    "washing face",
    "wiping face with a towel",
    "putting on cosmetics",
    "putting on lipstick",
    "brushing hair",
    "blow drying hair",
    "putting on a jacket",
    "taking off a jacket",
    "putting on/taking off shoes",
    "putting on/taking off glasses",
    "washing the dishes",
    "vacuuming the floor",
    "scrubbing the floor with a rag",
    "wiping off the dining table",
    "rubbing up furniture",
    "spreading bedding/folding bedding",
    "washing a towel by hands",
    "hanging out laundry",
    "looking around for something",
    "using a remote control",
    "reading a book",
    "reading a newspaper",
    "handwriting",
    "talking on the phone",
    "playing with a mobile phone",
    "using a computer",
    "smoking",
    "clapping",
    "rubbing face with hands",
    "doing freehand exercise",
    "doing neck roll exercise",
    "massaging a shoulder oneself",
    "taking a bow",
    "talking to each other",
    "handshaking",
    "hugging each other",
    "fighting each other",
    "waving a hand",
    "flapping a hand up and down (beckoning)",
    "pointing with a finger",
    "opening the door and walking in",
    "fallen on the floor",
    "sitting up/standing up",
    "lying down",
)
"""The 55 activities by the number in a file's name less one: the table on the dataset's page
(https://ai4robot.github.io/etri-activity3d-en/), with three of its misprints set right."""

AGES = ("elderly", "young")
_LAST_ELDERLY, _LAST = 50, 100
_CAMERAS = 8
_NAME = re.compile(r"A([0-9]{3})_?P([0-9]{3})_?G([0-9]{3})_?C([0-9]{3})", re.IGNORECASE)


def etri(
    place: str | PathLike[str],
    *,
    camera: int | str | None = None,
    age: str | None = None,
) -> Dataset:
    """List the RGB videos of ETRI-Activity3D (Jang et al. 2020, arXiv 2003.01920).

    Files are named ``A001_P001_G001_C001``: the activity, the person, the group that cameras were
    set up in, and the camera. Everything that isn't a video of such a name is passed over: depth
    maps, body indices, skeletons.

    Whoever is learnt from must not be tested, so the group of a recording is its person. The paper
    has 50 elderly people and 50 young ones; that P001–P050 are the elderly is not in it, but how
    the archives are split and how those who worked with them read the numbers. Whoever has a
    number beyond P100 is of no known age.

    Args:
        place: A folder above the videos.
        camera: Take only this one, such as 1 or C001.
        age: Take only ``elderly`` or ``young`` people.

    Raises:
        FileNotFoundError: When the folder is missing.
        ValueError: When an option is none of the above, or no video is left.
    """
    root = folder_at("data", place)
    wanted = None if camera is None else _camera(camera)
    if age is not None and age not in AGES:
        raise ValueError(
            f"age: expected {' or '.join(AGES)}, got {age!r}.{near_names(str(age), AGES)}"
        )
    found: dict[str, VideoRecording] = {}
    problems: list[Problem] = []
    inside = tree(root, pictures=False)
    for video in inside.videos:
        match = _NAME.fullmatch(stem_of(video))
        if not match:
            continue
        activity, person, group, number = (int(digits) for digits in match.groups())
        years = _age(person)
        reason = _unknown(activity, number)
        name = f"A{activity:03d}_P{person:03d}_G{group:03d}_C{number:03d}"
        if wanted not in (None, number) or age not in (None, years):
            continue
        if reason:
            problems.append(Problem(video, reason))
        elif name in found:
            problems.append(Problem(video, f"{found[name].path} has the same name and is used"))
        else:
            found[name] = VideoRecording(
                name=name,
                path=root / video,
                label=activity - 1,
                group=f"P{person:03d}",
                facts={
                    "camera": f"C{number:03d}",
                    "group": f"G{group:03d}",
                    **({"age": years} if years else {}),
                },
            )
    only = [text for text in (wanted and f"camera C{wanted:03d}", age) if text]
    return assembled(
        ", ".join(["ETRI-Activity3D", *only]),
        ACTIVITIES,
        [found[name] for name in sorted(found)],
        [*inside.problems, *problems],
        sought=f"videos such as A001_P001_G001_C001.mp4{' of ' + ', '.join(only) if only else ''} "
        f"below {root}",
    )


def _age(person: int) -> str | None:
    return AGES[person > _LAST_ELDERLY] if 1 <= person <= _LAST else None


def _unknown(activity: int, camera: int) -> str:
    """Return what a name says that the dataset doesn't have, or nothing."""
    if not 1 <= activity <= len(ACTIVITIES):
        return f"there are {len(ACTIVITIES)} activities, and no A{activity:03d}"
    return "" if 1 <= camera <= _CAMERAS else f"there are {_CAMERAS} cameras, and no C{camera:03d}"


def _camera(camera: int | str) -> int:
    digits = str(camera).upper().removeprefix("C")
    if isinstance(camera, bool) or not digits.isdecimal() or not 1 <= int(digits) <= _CAMERAS:
        raise ValueError(f"camera: expected a number from 1 to 8 or C001 to C008, got {camera!r}.")
    return int(digits)
