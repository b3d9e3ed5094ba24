"""Where checkpoints come from: files and addresses, checked against the digest in their name."""

import os
import re
import shutil
from hashlib import file_digest, sha256
from http.client import HTTPException
from os.path import expanduser
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

from vexplain.core.files import atomic_path

SECONDS = 30
"""How long a server may be silent."""


def located(name: str, folder: Path) -> Path:
    """Return the file of a name: a path on this machine, or fetched from an address.

    Args:
        name: A file, or an address (``https://`` or ``http://``).
        folder: Where relative paths start.

    Raises:
        FileNotFoundError: When the file is missing.
        ConnectionError: When the address can't be fetched.
        ValueError: When the file isn't the one that its name promises.
    """
    at_home = re.match(r"https?://", name) is None
    file = (folder / expanduser(name)).resolve() if at_home else fetched(name)
    if file.is_dir():
        raise ValueError(
            f"model: {file} is a folder; name the file of weights in it, or hf:FOLDER for a model "
            "of transformers, whose settings are then read too."
        )
    if not file.is_file():
        raise FileNotFoundError(
            f"model: there is no file {file}; expected a checkpoint or its address."
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


def shown(address: str) -> str:
    """Return an address without what may be secret in it: the user, the password, the query."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


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
            f"model: {shown(address)} can't be fetched ({error}). Download it elsewhere and give "
            "the path of the file."
        ) from error
    if promised and int(promised) != file.stat().st_size:
        raise ConnectionError(f"model: {shown(address)} was cut off; try again.")


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
