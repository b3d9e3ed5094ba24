"""From the options of the shell to methods."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from vexplain.cli.console import err

EVERY_METHOD = "all"


def method_names(wanted: Sequence[str]) -> list[str]:
    """Return the names of the methods, each once; ``all`` stands for the six."""
    from vexplain import catalog

    names = [n for name in wanted for n in (catalog.METHODS if name == EVERY_METHOD else [name])]
    return list(dict.fromkeys(names))


def composed(
    name: str,
    parts: dict[str, str | None],
    fill: str | None = None,
    edges: str | None = None,
    opacity: float | None = None,
    show: str | None = None,
) -> Any:
    """Return a method with the parts that were asked for in place of the paper's."""
    from vexplain import catalog

    method = catalog.method(name)
    given = {step: catalog.part(step, text) for step, text in parts.items() if text}
    method = replace(method, **given)
    removal: Any = method.removal
    finer: dict[str, Any] = {
        kind: catalog.part(kind, text)
        for kind, text in (("fill", fill), ("edges", edges))
        if text is not None
    }
    if opacity is not None:
        finer["opacity"] = opacity
    method = replace(method, removal=replace(removal, **finer))
    if show is not None:
        picture: Any = method.visualization
        picture = replace(picture, show=catalog.part("show", show))
        method = replace(method, visualization=picture)
    return method


def sized(methods: dict[str, Any], samples: int | None, regions: int | None) -> dict[str, Any]:
    """Return the methods with other numbers of samples and regions, where they have such.

    Raises:
        ValueError: When a number fits none of the methods.
    """
    from vexplain import catalog

    for option, number, resized in (
        ("--samples", samples, catalog.with_samples),
        ("--regions", regions, catalog.with_regions),
    ):
        if number is None:
            continue
        changed = {name: resized(method, number) for name, method in methods.items()}
        fixed = [methods[name].name for name, method in changed.items() if method is None]
        if len(fixed) == len(methods):
            raise ValueError(
                f"{option}: {', '.join(fixed)} has no such number to change. LOCO, univariate and "
                "sos ask once per region; soft-grid and sliding-window are told their cells, as in "
                "--segmentation soft-grid:t=4,h=7,w=7."
            )
        if fixed:
            err.print(f"[dim]{option} does not apply to {', '.join(fixed)}[/]")
        methods = {name: changed[name] or method for name, method in methods.items()}
    return methods


def with_picture(explanation: Any, visualization: str | None, show: str | None) -> Any:
    """Return the explanation with another visualization, or another part of it shown."""
    from vexplain import catalog

    picture: Any = explanation.method.visualization
    if visualization:
        picture = catalog.part("visualization", visualization)
    if show:
        picture = replace(picture, show=catalog.part("show", show))
    return replace(explanation, method=replace(explanation.method, visualization=picture))


def opened(
    model: str,
    *,
    device: str,
    precision: str,
    compiled: bool,
    channels_last: bool | None,
    allow_pickle: bool,
    views: str | None = None,
) -> Any:
    """Return the model that a string names, run as the options say, over several views if asked."""
    from vexplain.models import load_model

    found = load_model(
        model,
        device=device,
        precision=precision,  # type: ignore[arg-type]
        compiled=compiled,
        channels_last=channels_last,
        allow_pickle=allow_pickle,
    )
    return viewed(found, views) if views else found


def viewed(model: Any, views: str) -> Any:
    """Return the model averaged over views written as ``4x3``: windows in time x crops in space.

    Raises:
        ValueError: When the text is something else.
    """
    from vexplain.models import Model, MultiView

    clips, _, crops = views.partition("x")
    if not (clips.isdecimal() and crops.isdecimal()):
        raise ValueError(f"--views: expected windows x crops, such as 4x3, got {views!r}.")
    if not isinstance(model, Model):
        raise ValueError("--views: this model is no single view already; leave the option out.")
    return MultiView(model=model, clips=int(clips), crops=int(crops))


def frames_wanted(
    sampling: str | None,
    interval: int | None,
    start: int | None,
    frames: int | None,
    size: int | None,
    resize: str | None,
    short: str | None,
) -> dict[str, Any]:
    """Return the fields of a clip's spec that are stated."""
    stated = {
        "sampling": sampling,
        "interval": interval,
        "start": start,
        "frames": frames,
        "size": size,
        "resize": resize,
        "short": short,
    }
    return {name: value for name, value in stated.items() if value is not None}
