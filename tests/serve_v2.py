"""A server of the KServe v2 protocol for the tests: every ONNX file in a folder is a model.

It prints its port and serves until it is stopped. What a client wants to go wrong it says in the
header ``Fault``, and in whose statistics it shall be counted in the header ``Run``.
"""

import argparse
import json
import ssl
import sys
import threading
import time
import traceback
from collections import defaultdict
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnxruntime

DATATYPES = {
    "tensor(float)": ("FP32", "<f4"),
    "tensor(float16)": ("FP16", "<f2"),
    "tensor(uint8)": ("UINT8", "|u1"),
    "tensor(double)": ("FP64", "<f8"),
}
STORED = dict(DATATYPES.values())
LENGTH = "Inference-Header-Content-Length"
SIMPLE_ERRORS: Mapping[str, tuple[int, Any]] = {
    "error": (500, {"error": "the model\n\x1b[31mfell over " + "x" * 300}),
    "memory": (500, {"error": "CUDA out of memory. Tried to allocate 2 GiB"}),
    "forbidden": (403, {"error": "who are you?"}),
    "large": (413, "<html>too large</html>"),
    "moved": (302, ""),
    "garbage": (200, "<html>hello</html>"),
    "list": (200, [1, 2]),
    "nothing": (200, {}),
    "missing": (
        200,
        {"outputs": [{"name": "other", "datatype": "FP32", "shape": [1], "data": []}]},
    ),
    "words": (
        200,
        {"outputs": [{"name": "prob", "datatype": "BYTES", "shape": [1], "data": ["a"]}]},
    ),
}


class Run:
    """What is counted for one test."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.requests = self.under_way = self.most = 0
        self.clips: list[int] = []
        self.binary = 0
        self.headers: dict[str, str] = {}

    def enter(self) -> int:
        with self.lock:
            self.requests += 1
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            return self.requests

    def leave(self) -> None:
        with self.lock:
            self.under_way -= 1

    def told(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "lock"}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    models: ClassVar[dict[str, onnxruntime.InferenceSession]] = {}
    runs: ClassVar[defaultdict[str, Run]] = defaultdict(Run)
    extensions: ClassVar[Sequence[str]] = ()

    def log_request(self, *_: object) -> None:
        """Say nothing."""

    @property
    def fault(self) -> list[str]:
        return self.headers.get("Fault", "none").split()

    def do_GET(self) -> None:
        parts = [part for part in self.path.split("/") if part]
        if parts[0] == "statistics":
            self.say(200, self.runs[parts[1]].told())
        elif parts == ["v2"]:
            extensions = [] if "plain" in self.fault else self.extensions
            self.say(200, {"name": "test", "version": "1", "extensions": extensions})
        elif parts[:2] == ["v2", "health"]:
            self.say(503 if "starting" in self.fault else 200, {})
        elif parts[:2] == ["v2", "models"] and len(parts) > 2:
            self.say_model(parts[2], parts[-1])
        else:
            self.say(404, {"error": "no such page"})

    def say_model(self, name: str, last: str) -> None:
        if "starting" in self.fault or ("loading" in self.fault and last == "ready"):
            self.say(503, {"error": "not yet"})
        elif name not in self.models:
            self.say(404, {"error": f"Request for unknown model: '{name}' is not found"})
        elif last == "config":
            self.say(200, {"name": name, "max_batch_size": 2 if "few" in self.fault else 0})
        else:
            self.say(200, {} if last == "ready" else self.metadata(name))

    def metadata(self, name: str) -> Any:
        session = self.models[name]
        found = {
            "name": name,
            "versions": ["1"],
            "platform": "onnx",
            "inputs": [described(one) for one in session.get_inputs()],
            "outputs": [described(one) for one in session.get_outputs()],
        }
        if "metadata" in self.fault:
            changed: Any = json.loads(" ".join(self.fault[1:]))
            return found | changed if isinstance(changed, dict) else changed
        return found

    def do_POST(self) -> None:
        run = self.runs[self.headers.get("Run", "")]
        body = b""
        try:
            number = run.enter()
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/v2/repository/index":
                hidden = "unlisted" in self.fault
                self.say(404 if hidden else 200, [{"name": name} for name in sorted(self.models)])
            else:
                self.infer(body, run, number)
        finally:
            run.leave()

    def infer(self, body: bytes, run: Run, number: int) -> None:
        kind, *rest = self.fault
        amount = float(rest[0]) if rest and kind != "metadata" else 0
        if kind == "slow":
            time.sleep(amount)
        if kind in SIMPLE_ERRORS:
            self.say(*SIMPLE_ERRORS[kind])
        elif kind == "echo":
            self.say(400, {"error": f"bad header {self.headers['Authorization']}"})
        elif kind == "busy" and number <= amount:
            self.say(503, {"error": "later"}, {"Retry-After": "0"})
        elif kind == "drop" and number <= amount:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
            self.close_connection = True
        else:
            self.answer(body, run, kind)

    def answer(self, body: bytes, run: Run, kind: str) -> None:
        length = int(self.headers.get(LENGTH, len(body)))
        request = json.loads(body[:length])
        given = request["inputs"][0]
        binary = "binary_data_size" in given.get("parameters", {})
        stored = STORED[given["datatype"]]
        data = np.frombuffer(body[length:], stored) if binary else np.array(given["data"], stored)
        with run.lock:
            run.clips.append(given["shape"][0])
            run.binary += binary
            run.headers = dict(self.headers)
        session = self.models[self.path.split("/")[3]]
        name = request["outputs"][0]["name"]
        try:
            values = session.run([name], {given["name"]: data.reshape(given["shape"])})[0]
        except Exception as error:  # onnxruntime's errors share no base class but Exception
            self.say(400, {"error": str(error)})
            return
        if kind == "rows":
            values = np.concatenate([values, values])
        if kind == "nan":
            values = values * np.nan
        self.say_tensor(name, values, "parameters" in request["outputs"][0], kind)

    def say_tensor(self, name: str, values: Any, binary: bool, kind: str) -> None:
        datatype = next(
            known for known, stored in STORED.items() if stored[1:] == values.dtype.str[1:]
        )
        output = {"name": name, "datatype": datatype, "shape": list(values.shape)}
        if not binary:
            self.say(200, {"outputs": [output | {"data": values.ravel().tolist()}]})
            return
        raw = values.tobytes()
        first = {"name": "first", "datatype": "UINT8", "shape": [3]}
        outputs = [
            first | {"parameters": {"binary_data_size": 3}},
            output | {"parameters": {"binary_data_size": len(raw)}},
        ]
        head = json.dumps({"outputs": outputs}).encode()
        length = {"long": len(head) + 10**6}.get(kind, len(head))
        raw = raw[:-1] if kind == "short" else raw
        self.send(200, head + b"abc" + raw, {LENGTH: str(length)})

    def say(self, status: int, what: Any, headers: Mapping[str, str] | None = None) -> None:
        text = what if isinstance(what, str) else json.dumps(what)
        self.send(status, text.encode(), headers or {})

    def send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that hang up, as they do after a time-out."""
        if not isinstance(sys.exception(), OSError):
            traceback.print_exc()


def described(one: Any) -> dict[str, Any]:
    shape = [size if isinstance(size, int) else -1 for size in one.shape]
    return {"name": one.name, "datatype": DATATYPES[one.type][0], "shape": shape}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--certificate", type=Path)
    options = parser.parse_args()
    threads = onnxruntime.SessionOptions()
    threads.intra_op_num_threads = 1
    Handler.models = {
        file.stem: onnxruntime.InferenceSession(
            str(file), threads, providers=["CPUExecutionProvider"]
        )
        for folder in options.folders
        for file in sorted(folder.glob("*.onnx"))
    }
    Handler.extensions = ("binary_tensor_data", "model_configuration", "model_repository")
    server = Server(("127.0.0.1", 0), Handler)
    if options.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
