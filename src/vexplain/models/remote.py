"""Models on a server that speaks the KServe v2 protocol: Triton, MLServer, KServe.

``http://HOST:PORT/v2/models/NAME``, or ``…/NAME/versions/VERSION``; ``https`` with the certificate
verified; or ``http://HOST:PORT`` alone where the server lists a single model.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from http import HTTPStatus
from itertools import count
from threading import Event, Lock, Thread
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor
from urllib3 import PoolManager, exceptions
from urllib3.util import parse_url

from vexplain.core import ModelSpec, near_names
from vexplain.models.adapters import Model
from vexplain.models.description import check_keys
from vexplain.models.reference import Reference
from vexplain.models.running import CPU
from vexplain.models.shapes import spec_of_shape
from vexplain.models.v2_protocol import (
    CLIP_TYPES,
    HEADER_LENGTH,
    Array,
    TensorInfo,
    content,
    declared,
    decoded,
    encoded,
)
from vexplain.models.v2_server import BUSY, TOKEN, Options, Server, credentials

MODEL_PATH = re.compile(
    r"(?P<before>.*?)(?P<model>/v2/models/[^/]+(?:/versions/[^/]+)?)(?:/infer)?/?"
)

REQUEST_BYTES = 1 << 23
"""Bytes of clips in one request when ``batch`` is not given.

Small enough for usual limits of servers, and independent of ``concurrency``, on which the
answers therefore can't depend.
"""

Item = TypeVar("Item")
Result = TypeVar("Result")


def load(reference: Reference) -> Model:
    """Ask the server what the model takes and answers.

    A token in the environment variable ``VEXPLAIN_TOKEN`` goes to whichever server is named.

    Raises:
        OSError: When the server can't be reached, is too slow or hangs up.
        ValueError: When the address, an option or the metadata can't be right, or the model isn't
            ready.
    """
    check_keys(reference.arguments, [option.name for option in fields(Options)])
    server, path = located(reference, Options(**reference.arguments))
    address = server.address + path
    check_unused(reference, address)
    inputs, outputs = metadata(server, path)
    given = the_one(inputs, "input", server.options.input, address)
    wanted = the_one(outputs, "output", server.options.output, address)
    spec = suitable(given, replace(reference, name=address))
    binary = sends_bytes(server, given, address)
    most = most_at_once(server, path, given, spec)
    function = RemoteModel(server, path, given, wanted.name, binary, most)
    return Model(function, spec, CPU, address, at_once(function, spec))


def located(reference: Reference, options: Options) -> tuple[Server, str]:
    """Return the server that an address names, and the path of the model there.

    Raises:
        ValueError: When the address isn't one of a model.
    """
    form = f"{reference.scheme}://HOST:PORT/v2/models/NAME"
    try:
        url = parse_url(f"{reference.scheme}:{reference.name}")
    except exceptions.LocationParseError as error:
        raise ValueError(f"model: expected {form}, got an address that can't be read.") from error
    if url.host is None or url.query or url.fragment:
        raise ValueError(
            f"model: expected {form} without ? and #, got something else. Keys and tokens go into "
            f"headers under arguments in the YAML file, or into {TOKEN}."
        )
    host = f"{url.scheme}://{url.netloc}"
    pool = PoolManager(num_pools=1, maxsize=options.concurrency, block=True)
    options = replace(options, headers=credentials(url.auth) | dict(options.headers))
    match = MODEL_PATH.fullmatch(url.path or "")
    if match:
        return Server(host + match["before"], options, pool), match["model"]
    server = Server(host, options, pool)
    names = server.models() if url.path in (None, "/") else []
    if len(names) != 1:
        listed = f" It has {', '.join(names)}." if names else ""
        raise ValueError(f"model: expected {form}, got {host}{url.path or ''}.{listed}")
    return server, f"/v2/models/{names[0]}"


def check_unused(reference: Reference, address: str) -> None:
    """Raise ``ValueError`` on statements that are for models in this process."""
    running = reference.running
    said = {
        "weights": reference.weights,
        "precision": running.words,
        "channels_last": running.channels_last,
        "device": None if str(running.device) in ("None", "auto", "cpu") else running.device,
    }
    for name, value in said.items():
        if value:
            raise ValueError(
                f"{name}: the server decides that for {address}; expected none, got {value}."
            )


def metadata(server: Server, path: str) -> tuple[list[TensorInfo], list[TensorInfo]]:
    """Return the inputs and the outputs of the model.

    Raises:
        ValueError: When it doesn't know the model, or the model isn't ready, or says nonsense.
    """
    address = server.address + path
    answer = server.send("GET", path)
    said = server.message(answer)
    if answer.status == HTTPStatus.NOT_FOUND or "unknown model" in said:
        name = path.split("/")[3]
        names = [known for known in server.models() if known != name]
        listed = f" Others are {', '.join(names)}.{near_names(name, names)}" if names else ""
        raise ValueError(
            f"model: the server has no model ready at {address}{f' ({said})' if said else ''}."
            f"{listed}"
        )
    if answer.status in BUSY and server.send("GET", "/v2/health/ready").status != HTTPStatus.OK:
        raise ValueError(f"model: the server at {server.address} is up, but not ready yet.")
    if answer.status != HTTPStatus.OK:
        server.refused(address, answer)
    if server.send("GET", f"{path}/ready").status != HTTPStatus.OK:
        raise ValueError(
            f"model: the server is up, but its model {address} is not ready. Wait until it is "
            "loaded, or look into the server's log."
        )
    try:
        found = content(answer.data)
        return declared(found, "inputs"), declared(found, "outputs")
    except ValueError as error:
        raise ValueError(
            f"model: the metadata of {address} can't be understood: {error}."
        ) from error


def the_one(found: Sequence[TensorInfo], side: str, name: str | None, address: str) -> TensorInfo:
    """Return the input or output of that name, or the only one.

    Raises:
        ValueError: When there is none of that name, or the choice is open.
    """
    fitting = [one for one in found if name in (None, one.name)]
    if len(fitting) == 1:
        return fitting[0]
    if not found:
        raise ValueError(f"{side}: {address} states no {side}s. Declare them on the server.")
    names = [one.name for one in found]
    raise ValueError(
        f"{side}: expected the name of one {side} under arguments in the YAML file, as {address} "
        f"has {', '.join(names)}; got {name}.{near_names(name or '', names)}"
    )


def suitable(given: TensorInfo, reference: Reference) -> ModelSpec:
    """Return the spec that an input tells, completed by what the user states.

    Raises:
        ValueError: When clips can't be sent to it, or the user states something else.
    """
    if given.datatype not in CLIP_TYPES:
        raise ValueError(
            f"input: {reference.name} takes {given.datatype}; expected one of "
            f"{', '.join(CLIP_TYPES)}."
        )
    found = spec_of_shape(given.shape, CLIP_TYPES[given.datatype], reference)
    spec = reference.completed(found)
    for name in ("dtype", "batched", "array", "pathways"):
        if getattr(spec, name) != getattr(found, name):
            raise ValueError(
                f"{name}: {reference.name} takes {getattr(found, name)}, got {getattr(spec, name)}."
            )
    if len(given.shape) > len(spec.layout) and given.shape[0] not in (None, 1):
        raise ValueError(
            f"model: {reference.name} takes exactly {given.shape[0]} clips at a time; expected a "
            "model with an open batch axis, or of one clip."
        )
    return spec


def sends_bytes(server: Server, given: TensorInfo, address: str) -> bool:
    """Return whether tensors travel as bytes: as the user says, or else where the server can.

    Raises:
        ValueError: When they would have to, and nobody says that they can.
    """
    stated = server.options.binary
    binary = server.has("binary_tensor_data") if stated == "auto" else bool(stated)
    if given.datatype == "FP16" and not binary:
        raise ValueError(
            f"binary: {address} takes FP16, which JSON can't carry, and doesn't say that it takes "
            "bytes. If it does, set binary: true under arguments in the YAML file."
        )
    return binary


def most_at_once(server: Server, path: str, given: TensorInfo, spec: ModelSpec) -> int | None:
    """Return how many clips the model takes at most; None where it doesn't say.

    Triton's configuration says so: docs/protocol/extension_model_configuration.md.
    """
    if given.shape[0] == 1 or len(given.shape) == len(spec.layout):
        return 1
    most = server.has("model_configuration") and server.get(f"{path}/config").get("max_batch_size")
    return most if isinstance(most, int) and most > 0 else None


def at_once(function: "RemoteModel", spec: ModelSpec) -> int | None:
    """Return the bytes of clips that keep all requests busy; None where clips have any size."""
    if spec.clip is None or spec.clip.height_width is None:
        return None
    height, width = spec.clip.height_width
    frames = 1 if spec.per_frame else spec.clip.frames
    size = 3 * torch.float32.itemsize * frames * height * width
    return function.server.options.concurrency * function.per_request(size) * size


@dataclass(frozen=True, eq=False)
class RemoteModel:
    """A model on a server, as a function of prepared clips.

    Attributes:
        server: The server.
        path: The path of the model.
        given: The input.
        wanted: The name of the output.
        binary: Whether tensors travel as bytes.
        most: Largest number of clips that the server takes at a time, or None.
    """

    server: Server
    path: str
    given: TensorInfo
    wanted: str
    binary: bool
    most: int | None = None

    def __call__(self, clips: Tensor) -> Tensor:
        """Return the scores (N, K) of prepared clips, asked for in parallel, in their order.

        Raises:
            OSError: When the server can't be reached, is too slow or hangs up.
            MemoryError: When the server says that its memory ran out.
            ValueError: When it refuses a request or its answer can't be right.
        """
        values = clips.cpu().numpy()
        rows = self.per_request(values[0].nbytes)
        parts = [values[i : i + rows] for i in range(0, len(values), rows)]
        scores = in_order(self._ask, parts, self.server.options.concurrency)
        if len({part.shape[1] for part in scores}) > 1:
            raise ValueError(
                f"model: {self.name} answered one batch with different numbers of classes: "
                f"{sorted({part.shape[1] for part in scores})}."
            )
        return torch.from_numpy(np.concatenate(scores))

    @property
    def name(self) -> str:
        """The model's address, without credentials."""
        return self.server.address + self.path

    def per_request(self, size: int) -> int:
        """Return how many clips of ``size`` bytes, or frames, go into one request."""
        batch = self.server.options.batch or REQUEST_BYTES // size
        return max(1, min(batch, self.most or batch))

    def _ask(self, values: Array) -> Array:
        rows, retries = len(values), self.server.options.retries
        sent = values if len(self.given.shape) == values.ndim else values[0]
        body, headers = encoded(sent, self.given, self.wanted, binary=self.binary)
        answer = self.server.send("POST", f"{self.path}/infer", body, headers, retries)
        if answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            raise ValueError(
                f"model: {self.name} refused a request of {rows} clips ({len(body):,} bytes) as "
                "too large. Lower batch under arguments in the YAML file, send bytes with "
                "binary: true, or raise the server's limit."
            )
        if answer.status != HTTPStatus.OK:
            busy = answer.status in BUSY and retries
            self.server.refused(self.name, answer, f" after {retries} retries" if busy else "")
        try:
            scores = decoded(answer.data, answer.headers.get(HEADER_LENGTH), self.wanted)
        except ValueError as error:
            raise ValueError(
                f"model: the answer of {self.name} can't be understood: {error}."
            ) from error
        scores = scores[None] if rows == 1 and scores.ndim == 1 else scores
        if scores.ndim != 2 or len(scores) != rows:
            raise ValueError(
                f"model: expected class scores (N, K) with N = {rows} from {self.name}, got "
                f"shape {scores.shape}."
            )
        return scores


def in_order(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int
) -> list[Result]:
    """Return the results of all items, in their order, worked on by so many threads.

    An item is taken up when a thread is free, so nothing piles up. After an error nothing more is
    taken up. The threads don't keep Python alive: on Ctrl-C nobody waits for a slow server.
    """
    results: dict[int, Result] = {}
    errors: list[BaseException] = []
    numbers, lock, stop = count(), Lock(), Event()

    def work() -> None:
        while not stop.is_set():
            with lock:
                number = next(numbers)
            if number >= len(items):
                return
            try:
                results[number] = function(items[number])
            except BaseException as error:  # raised again below, in the thread that waits
                errors.append(error)
                stop.set()

    threads = [Thread(target=work, daemon=True) for _ in range(min(workers, len(items)))]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        stop.set()
    if errors:
        raise errors[0]
    return [results[number] for number in range(len(items))]
