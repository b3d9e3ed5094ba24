"""Put the trained networks of the miniature zoo into the package, with their cards.

    vexplain train zoo/tpn-restless.yaml
    vexplain train zoo/tpn-still.yaml
    python scripts/ship_zoo.py

and so on, in the order of docs/zoo.md. What is shipped is each network after its last epoch, so
that no epoch was chosen by the clips that its accuracy is measured on. A network that names fewer
than 90 % of the held-out clips rightly, or is larger than 2 MB, is left out.
"""

import argparse
import json
from pathlib import Path

import yaml
from safetensors import safe_open

from vexplain.core.files import write_atomically
from vexplain.training import read_config

LEAST, MOST = 0.9, 2_000_000


def shipped(config: Path, runs: Path, out: Path) -> dict[str, object]:
    """Copy one network and its card, and return its entry of the list.

    Raises:
        FileNotFoundError: When it has not been trained.
        ValueError: When it is not good or not small enough.
    """
    run = runs / config.stem
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    weights = run / "fold0" / "last.safetensors"
    accuracy, size = results["accuracy"], weights.stat().st_size
    if accuracy < LEAST or size > MOST:
        raise ValueError(f"{accuracy:.2%} right, {size} bytes")
    card = (run / "README.md").read_text(encoding="utf-8")
    said = card.replace("vexplain train CONFIG.yaml", f"vexplain train zoo/{config.name}")
    said = said.partition("## How to load it")[0]
    said += f"## How to load it\n\n    vexplain explain CLIP --model zoo:{config.stem}\n"
    write_atomically(out / f"{config.stem}.md", said.encode())
    write_atomically(out / weights.with_stem(config.stem).name, weights.read_bytes())
    with safe_open(weights, "pt") as content:
        count = sum(content.get_tensor(name).numel() for name in content.keys())  # noqa: SIM118
    training = read_config(config)
    return {
        "network": training.model.partition(":")[0],
        "data": training.data,
        "accuracy": round(accuracy, 4),
        "weights": count,
    }


def main() -> None:
    """Ship all that is in the folder of configurations."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--configs", type=Path, default=Path("zoo"), help="a folder")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="a folder")
    parser.add_argument(
        "--out", type=Path, default=Path("src/vexplain/assets/zoo"), help="a folder"
    )
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    found: dict[str, object] = {}
    for one in sorted(options.configs.glob("*.yaml")):
        try:
            found[one.stem] = shipped(one, options.runs, options.out)
        except (FileNotFoundError, ValueError) as error:
            print(f"{one.stem} is left out: {error}")
    write_atomically(options.out / "zoo.yaml", yaml.safe_dump(found, sort_keys=False).encode())
    for name, entry in found.items():
        print(name, entry)


if __name__ == "__main__":
    main()
