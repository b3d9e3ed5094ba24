"""Videos in folders named by their class."""

from os import PathLike

from vexplain.datasets.finding import Tree, assembled, by_parts, file_at, folder_at, tree
from vexplain.datasets.lists import Classes
from vexplain.datasets.recordings import Dataset, Problem, VideoRecording

SPLITS = ("train", "val", "valid", "validation", "test")
"""Names of folders that stand above those of the classes."""


def folder(
    place: str | PathLike[str],
    *,
    classes: str | PathLike[str] | None = None,
) -> Dataset:
    """List ``PLACE/CLASS/*.mp4``, or ``PLACE/train/CLASS/*.mp4`` with ``val`` and ``test`` beside.

    Files of any usual container count, and folders of pictures inside that of a class. Nothing
    says which recordings are alike: they have no group. Name the groups in a table if some are.

    Args:
        place: The folder.
        classes: A file with one name per line, which gives their order; by default those of the
            folders in natural order.

    Raises:
        FileNotFoundError: When the folder or the file is missing.
        ValueError: When a folder is none of the classes, or no video is there.
    """
    root = folder_at("data", place)
    inside = tree(root)
    depth = 1 if has_splits(inside) else 0
    homes = {parts[depth] for name in inside.folders if len(parts := name.split("/")) > depth}
    videos = [(video, video.split("/")) for video in inside.videos]
    homes |= {parts[depth] for _, parts in videos if len(parts) > depth + 1}
    named = (
        Classes.of(sorted(homes, key=by_parts) or ["none"], str(root))
        if classes is None
        else Classes.read(file_at("classes", classes))
    )
    recordings: list[VideoRecording] = []
    problems: list[Problem] = []
    for video, parts in videos:
        if len(parts) < depth + 2:
            problems.append(Problem(video, f"it lies in no folder of a class below {root}"))
            continue
        recordings.append(
            VideoRecording(
                name=video,
                path=root / video,
                label=named.number(parts[depth], video),
                split=parts[0] if depth else None,
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

    A folder called ``test`` that holds videos itself is a class.
    """
    tops = {name.split("/")[0] for name in (*inside.folders, *inside.videos) if "/" in name}
    tops |= {name for name in inside.folders if "/" not in name}
    holding = {video.split("/")[0] for video in inside.videos if video.count("/") == 1}
    return bool(tops) and tops <= set(SPLITS) and not tops & holding
