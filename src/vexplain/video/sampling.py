"""Which source frames make a clip."""

from fractions import Fraction

from vexplain.core import ClipSpec


def sample_indices(n_frames: int, spec: ClipSpec) -> tuple[int, ...]:
    """Return the T source frames, from 0, that ``spec`` wants of a file with ``n_frames``.

    The formulas are those of ``ClipSpec``. A single frame of ``uniform`` is the first one, and a
    centred window that is longer than the file starts at 0. A file is too short when a formula
    leaves it, or when ``uniform`` or ``centres`` would show a frame twice; with ``hold`` or
    ``loop`` those two go on repeating frames evenly.

    Raises:
        ValueError: When the file is too short and ``spec.short`` is ``error``.
    """
    if n_frames < 1:
        raise ValueError(f"n_frames: expected at least one decoded frame, got {n_frames}.")
    indices = _formula(n_frames, spec)
    needed = max(spec.frames, indices[-1] + 1)
    if needed <= n_frames:
        return indices
    if spec.short == "error":
        raise ValueError(
            f"frames: expected a clip of at least {needed} frames ({spec.frames} frames, sampling="
            f"{spec.sampling!r}), got {n_frames}. Repeat frames with ClipSpec(short='hold') or "
            "ClipSpec(short='loop') (--short hold, --short loop), or ask for fewer."
        )
    if spec.short == "hold":
        return tuple(min(i, n_frames - 1) for i in indices)
    return tuple(i % n_frames for i in indices)


def _formula(n: int, spec: ClipSpec) -> tuple[int, ...]:
    T = spec.frames
    if spec.sampling == "uniform":
        # A Fraction rounds half to even without an error of floating point.
        return tuple(round(Fraction(i * (n - 1), max(T - 1, 1))) for i in range(T))
    if spec.sampling == "centres":
        return tuple((2 * i + 1) * n // (2 * T) for i in range(T))
    step = spec.interval or max(n // T, 1)
    centred = max((n - (T - 1) * step - 1) // 2, 0)
    default = 0 if spec.sampling == "every" else centred
    start = default if spec.start is None else spec.start
    return tuple(start + i * step for i in range(T))
