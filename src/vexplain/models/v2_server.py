"""A server of the KServe v2 protocol: how it is talked to, and what its failures mean."""

import json
import os
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal, NoReturn
from urllib.parse import unquote

from urllib3 import BaseHTTPResponse, HTTPHeaderDict, PoolManager, exceptions
from urllib3.util import Retry

from vexplain.core.checks import check_positive, check_whole
from vexplain.models.v2_protocol import content

BUSY = (429, 502, 503, 504)
"""Statuses that say: try again later."""

HINTS: Mapping[int, str] = dict.fromkeys(
    (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN),
    " Give credentials as headers under arguments in the model's YAML file, or in VEXPLAIN_TOKEN.",
)
"""What to do about some statuses."""

OUT_OF_MEMORY = "out of memory|failed to allocate|RESOURCE_EXHAUSTED"
"""What servers say when memory runs out: PyTorch, ONNX Runtime and TensorFlow behind them."""

READY = "READY"
"""The state of a model that can be asked, in a server's list."""

LONGEST_WAIT = 10.0
"""Seconds that are waited at most before a request is sent again."""

TOKEN = "VEXPLAIN_TOKEN"
"""The environment variable of a token that goes as ``Authorization: Bearer`` with every request."""

SAID = 200
"""Letters of a server's own message that are passed on."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What stands under ``arguments`` in a YAML file.

    Attributes:
        timeout: Seconds until a connection stands, and until the server answers.
        retries: How often a request is tried again when the server is busy or hangs up.
        concurrency: Requests under way at a time.
        batch: Largest number of clips (of frames, for a model of single frames) per request; by
            default as many as fit ``REQUEST_BYTES``.
        binary: Whether tensors travel as bytes; ``auto`` asks the server whether it can.
        input: The name of the input, where the model has several.
        output: The name of the class scores, where the model has several outputs.
        headers: HTTP headers for every request. They are never shown.

    Raises:
        ValueError: On values that can't be right.
    """

    timeout: float = 60.0
    retries: int = 3
    concurrency: int = 4
    batch: int | None = None
    binary: bool | Literal["auto"] = "auto"
    input: str | None = None
    output: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        check_positive("timeout", self.timeout)
        check_whole("retries", self.retries, least=0)
        check_whole("concurrency", self.concurrency)
        if self.batch is not None:
            check_whole("batch", self.batch)
        if self.binary not in (True, False, "auto"):
            raise ValueError(f"binary: expected auto, true or false, got {self.binary!r}.")
        check_headers(self.headers)


def check_headers(headers: Any) -> None:
    """Raise ``ValueError`` unless these are HTTP headers; the message doesn't show them."""
    whole = isinstance(headers, Mapping) and all(
        re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", str(name), re.ASCII)
        and isinstance(value, str)
        and re.fullmatch(r"[\t\x20-\x7e\xa0-\xff]*", value)
        for name, value in headers.items()
    )
    if not whole:
        raise ValueError(
            "headers: expected names and texts of one line, such as "
            "headers: {X-Api-Key: 'the key'}; got something else."
        )


def credentials(auth: str | None) -> dict[str, str]:
    """Return the header for ``USER:PASSWORD`` in an address, or else for the token, if any."""
    token = os.environ.get(TOKEN, "").strip()
    if auth:
        return {"Authorization": f"Basic {b64encode(unquote(auth).encode()).decode()}"}
    return {"Authorization": f"Bearer {token}"} if token else {}


class Patience(Retry):
    """When a request is sent again: always safe here, as inference changes nothing.

    First at once, then after half a second, a second, and so on; or when the server asks for it;
    never after more than ``LONGEST_WAIT``. A request that timed out isn't repeated: it would be as
    slow again, and the server slower.
    """

    RETRY_AFTER_STATUS_CODES = frozenset(BUSY)

    @classmethod
    def of(cls, retries: int) -> "Patience":
        """Return the rule for so many repetitions."""
        return cls(
            total=retries,
            status_forcelist=BUSY,
            allowed_methods=None,
            backoff_factor=0.25,
            backoff_max=LONGEST_WAIT,
            raise_on_status=False,
        )

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        """Return the seconds for which the server asks, up to the longest wait."""
        seconds = super().get_retry_after(response)
        return None if seconds is None else min(seconds, LONGEST_WAIT)

    def increment(self, method: Any = None, url: Any = None, *rest: Any, **more: Any) -> Any:
        """Return what is left after one more failure; a time-out is raised at once."""
        error = more.get("error")
        if isinstance(error, exceptions.ReadTimeoutError):
            raise error
        return super().increment(method, url, *rest, **more)


@dataclass(frozen=True, eq=False)
class Server:
    """A server, and how it is talked to.

    Attributes:
        address: Scheme, host, port and path before ``/v2``, without credentials.
        options: Time-out, retries, headers.
        pool: Connections that stay open; as many as there are requests under way.
    """

    address: str
    options: Options
    pool: PoolManager = field(repr=False)

    def get(self, path: str) -> Mapping[str, Any]:
        """Return the JSON object at a path; empty where the server has none.

        Raises:
            OSError: When the server can't be reached.
        """
        answer = self.send("GET", path)
        try:
            return content(answer.data) if answer.status == HTTPStatus.OK else {}
        except ValueError:
            return {}

    def has(self, extension: str) -> bool:
        """Return whether the server says that it knows an extension of the protocol."""
        known = self.get("/v2").get("extensions")
        return isinstance(known, list) and extension in known

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        retries: int = 0,
    ) -> BaseHTTPResponse:
        """Send a request and return the answer, whatever its status.

        Raises:
            OSError: When the server can't be reached, is too slow or hangs up.
        """
        everything = HTTPHeaderDict()
        for some in (self.options.headers, headers or {}):
            everything.update(some)  # in whatever case they are written, the last one counts
        try:
            return self.pool.request(
                method,
                self.address + path,
                body=body,
                headers=everything,
                timeout=self.options.timeout,
                retries=Patience.of(retries),
                redirect=False,
            )
        except exceptions.HTTPError as error:
            raise self.unreached(error, retries) from error

    def unreached(self, error: exceptions.HTTPError, retries: int) -> OSError:
        """Return what went wrong before there was an answer, as one sentence."""
        cause = getattr(error, "reason", None) or error
        tried = f" after {retries} retries" if retries else ""
        if isinstance(cause, exceptions.NameResolutionError | exceptions.LocationParseError):
            return ConnectionError(f"model: no host is known by the name in {self.address}.")
        if isinstance(cause, exceptions.NewConnectionError):
            return ConnectionError(
                f"model: nothing answers at {self.address}{tried}. Start the server, or check "
                "host and port."
            )
        if isinstance(cause, exceptions.TimeoutError):
            return TimeoutError(
                f"model: {self.address} didn't answer within {self.options.timeout:g} seconds. "
                "Raise timeout, or lower batch, under arguments in the model's YAML file."
            )
        if isinstance(cause, exceptions.SSLError):
            return ConnectionError(
                f"model: no trusted TLS connection to {self.address} ({cause}). Name the file of "
                "a certificate authority of your own in SSL_CERT_FILE; where the server speaks "
                "no TLS, write http."
            )
        return ConnectionError(
            f"model: {self.address} hung up before it had answered{tried}, or answered with "
            f"something other than HTTP ({type(cause).__name__})."
        )

    def message(self, answer: BaseHTTPResponse) -> str:
        """Return the server's own words on an error, cut, and without what is in our headers."""
        try:
            said = str(content(answer.data).get("error") or "")
        except ValueError:
            said = ""
        for secret in (word for value in self.options.headers.values() for word in value.split()):
            said = said.replace(secret, "…") if len(secret) >= 8 else said
        said = "".join(letter if letter.isprintable() else " " for letter in said)
        return " ".join(said.split())[:SAID]

    def refused(self, what: str, answer: BaseHTTPResponse, tried: str = "") -> NoReturn:
        """Raise what an error status means.

        Raises:
            MemoryError: When the server says that its memory ran out.
            ConnectionError: When it is busy, or gone behind a proxy.
            ValueError: Otherwise.
        """
        said = self.message(answer)
        quota = answer.status == HTTPStatus.TOO_MANY_REQUESTS
        if re.search(OUT_OF_MEMORY, said, re.IGNORECASE) and not quota:
            raise MemoryError(f"model: {what}: the server ran out of memory: {said}")
        phrase = HTTPStatus(answer.status).phrase if answer.status in set(HTTPStatus) else ""
        kind = ConnectionError if answer.status in BUSY else ValueError
        raise kind(
            f"model: {what}: the server answered {f'{answer.status} {phrase}'.strip()}{tried}"
            f"{f': {said}' if said else '.'}{HINTS.get(answer.status, '')}"
        )

    def models(self) -> list[str]:
        """Return the names of the models that are ready; none where the server doesn't list them.

        An extension of Triton's, docs/protocol/extension_model_repository.md.
        """
        kind = {"Content-Type": "application/json"}
        answer = self.send("POST", "/v2/repository/index", b"{}", kind)
        try:
            listed = json.loads(answer.data) if answer.status == HTTPStatus.OK else []
            return sorted({str(one["name"]) for one in listed if one.get("state", READY) == READY})
        except (ValueError, TypeError, KeyError, AttributeError):
            return []
