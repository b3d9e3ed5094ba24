"""The miniature zoo: small networks of the paper, trained on the two synthetic families.

They ship with the package, so that everything can be tried and studied without a download. Each
has a card beside it that says what it was trained on, how well it does, and by which command.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import as_file, files

import yaml

from vexplain.core import near_names
from vexplain.models import networks
from vexplain.models.adapters import Model
from vexplain.models.reference import Reference


@dataclass(frozen=True, kw_only=True)
class Specimen:
    """A network of the zoo.

    Attributes:
        network: ``timesformer``, ``tanet`` or ``tpn``.
        data: What it was trained on, as ``open_dataset`` names it.
        accuracy: Share of the held-out clips that it names rightly.
        weights: How many there are.
    """

    network: str
    data: str
    accuracy: float
    weights: int


@cache
def specimens() -> Mapping[str, Specimen]:
    """Return the networks of the zoo, by name."""
    text = (files("vexplain") / "assets" / "zoo" / "zoo.yaml").read_text(encoding="utf-8")
    return {name: Specimen(**facts) for name, facts in yaml.safe_load(text).items()}


def load(reference: Reference) -> Model:
    """Open ``zoo:NAME``.

    Raises:
        ValueError: When there is no such network, or what the user states doesn't fit it.
    """
    known = specimens()
    if reference.name not in known:
        raise ValueError(
            f"model: the zoo has no {reference.name!r}; expected {', '.join(known)}."
            f"{near_names(reference.name, [*known])}"
        )
    file = files("vexplain") / "assets" / "zoo" / f"{reference.name}.safetensors"
    scheme = known[reference.name].network
    with as_file(file) as path:
        model = networks.load(replace(reference, scheme=scheme, name=str(path)))
    return replace(model, name=model.name.replace(f"{scheme} {file.name}", f"zoo:{reference.name}"))
