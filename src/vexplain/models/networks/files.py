"""Where checkpoints come from: files and addresses, checked against the digest in their name."""

import os
import re
import shutil
from hashlib import file_digest, sha256
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

from vexplain.core.files import atomic_path

SECONDS = 30
"""How long a server may be silent."""

IN_A_FOLDER = ("model.safetensors", "pytorch_model.bin")
"""What the weights in a folder of transformers are called."""


def located(name: str, folder: Path) -> Path:
    """Return the file of a name: a path on this machine, or fetched from an address.

    Args:
        name: A file, a folder of transformers, or an address (``https://`` or ``http://``).
        folder: Where relative paths start.

    Raises:
        FileNotFoundError: When the file is missing.
        ConnectionError: When the address can't be fetched.
        ValueError: When the file isn't the one that its name promises.
    """
    if re.match(r"https?://", name):
        file = fetched(name)
    else:
        file = (folder / Path(name).expanduser()).resolve()
    if file.is_dir():
        file = next((file / name for name in IN_A_FOLDER if (file / name).is_file()), file)
    if not file.is_file():
        raise FileNotFoundError(
            f"model: there is no file {file}; expected a checkpoint, its address, small or full."
        )
    check_digest(file, file.name)
    return file


def cache_folder() -> Path:
    """Return where fetched files stay: ``$VEXPLAIN_CACHE``, or ``~/.cache/vexplain``."""
    stated = os.environ.get("VEXPLAIN_CACHE")
    return Path(stated) if stated else Path.home() / ".cache" / "vexplain"


def fetched(address: str) -> Path:
    """Return the file of an address, downloaded unless it was before.

    Raises:
        ConnectionError: When it can't be fetched.
        ValueError: When it isn't the file that its name promises.
    """
    name = Path(urlsplit(address).path).name
    file = cache_folder() / sha256(address.encode()).hexdigest()[:16] / name
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(file) as part:
            download(address, part)
            check_digest(part, name)
    return file


def download(address: str, file: Path) -> None:
    """Write what is at an address into a file.

    Raises:
        ConnectionError: When it can't be fetched whole.
    """
    try:
        with urlopen(address, timeout=SECONDS) as answer, file.open("wb") as opened:
            shutil.copyfileobj(answer, opened, 2**20)
            promised = answer.headers.get("Content-Length")
    except (OSError, HTTPException) as error:  # urllib's errors are OSErrors
        raise ConnectionError(
            f"model: {address} can't be fetched ({error}). Download it elsewhere and give the "
            "path of the file."
        ) from error
    if promised and int(promised) != file.stat().st_size:
        raise ConnectionError(f"model: {address} was cut off; try again.")


def check_digest(file: Path, name: str) -> None:
    """Check a file against the digest that OpenMMLab's names (``…_DATE-DIGEST.pth``) end in.

    Raises:
        ValueError: When it is another file.
    """
    promised = re.search(r"_\d{8}-([0-9a-f]{8})$", Path(name).stem)
    if promised is None:
        return
    with file.open("rb") as opened:
        found = file_digest(opened, "sha256").hexdigest()[:8]
    if found != promised[1]:
        raise ValueError(
            f"model: {name} is damaged or another file: its sha256 begins with {found}. Remove it "
            "and get it again."
        )
