"""Class scores out of what a model returned."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor


def class_scores(answer: Any) -> Tensor:
    """Return the tensor of class scores in what a model returned.

    Understood are tensors, arrays, objects or mappings with ``logits``, and tuples that begin with
    one of these.

    Raises:
        TypeError: On anything else.
    """
    if isinstance(answer, Tensor) and not answer.is_complex():
        return answer
    if isinstance(answer, np.ndarray) and answer.dtype.kind in "biuf":
        return torch.from_numpy(np.ascontiguousarray(answer))
    if isinstance(answer, Mapping) and "logits" in answer:
        return class_scores(answer["logits"])
    if hasattr(answer, "logits"):
        return class_scores(answer.logits)
    if isinstance(answer, tuple | list) and answer and not isinstance(answer[0], float | int):
        return class_scores(answer[0])
    raise TypeError(
        f"model: expected class scores as a tensor or an array of real numbers, got "
        f"{type(answer).__name__}. "
        "Wrap the model in a function that returns them."
    )


def one_by_one(function: Callable[[Any], Tensor], inputs: Iterable[Any]) -> Tensor:
    """Return the scores (N, K) of a function that takes one clip at a time.

    Raises:
        ValueError: When it returns anything but (K,) or (1, K), or another K than before.
    """
    rows = [function(one) for one in inputs]
    for row in rows:
        if row.ndim not in (1, 2) or row.numel() != row.shape[-1] or row.numel() != rows[0].numel():
            raise ValueError(
                f"model: expected the scores of one clip (K,), always of as many classes, got "
                f"shape {tuple(row.shape)}. Average over frames inside the model."
            )
    return torch.stack([row.reshape(-1) for row in rows])
