"""Videos in folders named by their class."""

from collections.abc import Sequence
from os import PathLike

from vexplain.datasets.finding import Tree, assembled, by_parts, file_at, folder_at, one_file, tree
from vexplain.datasets.lists import Classes
from vexplain.datasets.recordings import Dataset, Problem, VideoRecording

SPLITS = ("train", "training", "val", "valid", "validate", "validation", "test", "testing")
"""Names of folders that stand above those of the classes, in capitals or not."""


def folder(
    place: str | PathLike[str],
    *,
    classes: str | PathLike[str] | None = None,
) -> Dataset:
    """List ``PLACE/CLASS/*.mp4``, or ``PLACE/train/CLASS/*.mp4`` with ``val`` and ``test`` beside.

    Files of any usual container count, and folders of pictures inside that of a class. Nothing
    says which recordings are alike: they have no group, but for links to one file. Name the groups
    in a table if some are.

    Args:
        place: The folder.
        classes: A file with one name per line, which gives their order; by default those of the
            folders in natural order.

    Raises:
        FileNotFoundError: When the folder or the file is missing.
        ValueError: When a folder is none of the classes, nobody can tell whether folders are parts
            of the dataset or classes, or no video is there.
    """
    root = folder_at("data", place)
    inside = tree(root)
    depth = 1 if has_splits(inside) else 0
    videos = [(video, video.split("/")) for video in inside.videos]
    around = _around(inside.videos)
    homes = {parts[depth] for _, parts in videos if len(parts) > depth + 1}
    homes |= {
        parts[depth]
        for name in inside.folders
        if len(parts := name.split("/")) > depth and (not depth or _is_split(parts[0]))
    }
    named = (
        Classes.of(sorted(homes, key=by_parts) or ["none"], str(root))
        if classes is None
        else Classes.read(file_at("classes", classes))
    )
    recordings: list[VideoRecording] = []
    problems = list(inside.problems)
    same = one_file(root, inside.videos)
    for video, parts in videos:
        if len(parts) < depth + 2:
            if video in around:
                continue
            problems.append(Problem(video, f"it lies in no folder of a class below {root}"))
            continue
        recordings.append(
            VideoRecording(
                name=video,
                path=root / video,
                label=named.number(parts[depth], video),
                group=same.get(video),
                split=parts[0].lower() if depth else None,
            )
        )
    return assembled(
        root.resolve().name,
        named.names,
        recordings,
        problems,
        sought=f"videos in folders named by class in {root}",
    )


def has_splits(inside: Tree) -> bool:
    """Return whether the folders at the top are all parts of the dataset, not classes.

    A folder called ``test`` that holds videos itself is a class. Folders without any video don't
    count, nor do pictures that lie beside folders of videos.

    Raises:
        ValueError: When folders are named as parts, and some of what there is speaks against it.
    """
    around = _around(inside.videos)
    depths: dict[str, set[bool]] = {}
    for parts in (name.split("/") for name in inside.videos if name not in around):
        if len(parts) > 1:
            depths.setdefault(parts[0], set()).add(len(parts) > 2)
    named = sorted(top for top in depths if _is_split(top))
    if not any(True in depths[top] for top in named):
        return False
    others = sorted(depths.keys() - set(named))
    direct = [top for top in named if False in depths[top]]
    if others or direct:
        but = f"beside them is {others[0]}" if others else f"{direct[0]} holds videos itself"
        raise ValueError(
            f"data: can't tell whether {', '.join(named)} in {inside.root} are splits or classes: "
            f"{but}. Move that elsewhere, or list the videos in a table."
        )
    return True


def _around(videos: Sequence[str]) -> set[str]:
    """Return the folders that have videos somewhere below them."""
    names = (video.split("/") for video in videos)
    return {"/".join(parts[:n]) for parts in names for n in range(1, len(parts))}


def _is_split(name: str) -> bool:
    return name.lower() in SPLITS
