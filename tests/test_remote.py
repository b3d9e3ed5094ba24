import json
import logging
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
import urllib3
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

import vexplain as vx
from vexplain.core import ClipSpec, ModelSpec
from vexplain.engine.stream import suitable_batch
from vexplain.models import Model, Reference, Running, load_model
from vexplain.models.loading import opened
from vexplain.models.remote import RemoteModel, in_order
from vexplain.models.v2_protocol import TensorInfo, decoded, encoded
from vexplain.models.v2_server import LONGEST_WAIT, Patience

UCF50_YAML = """
model: {address}/v2/models/ucf50_5class_convlstm_128
clip: {{frames: 20, sampling: every, size: 128, resize: stretch, antialias: false}}
channels: bgr
outputs: softmax
class_names: [Biking, Diving, GolfSwing, Punch, Rowing]
arguments: {{binary: {binary}, timeout: 20}}
"""
OPEN: tuple[int | str, ...] = ("n", 4, 3, 8, 8)


def network(file: Path, shape: tuple[int | str, ...] = OPEN, kind: int = TensorProto.FLOAT) -> None:
    """Softmax of a random linear layer."""
    sizes = [size for size in shape[-4:] if isinstance(size, int)]
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(int(np.prod(sizes)), 5)).astype(np.float32) * 0.3
    if kind == TensorProto.UINT8:
        weight /= 255
    alone = shape == OPEN[1:]
    nodes = [
        helper.make_node("Cast", ["clip"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["x", "flat"], ["rows"]),
        helper.make_node("MatMul", ["rows", "weight"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["p"], axis=1),
        helper.make_node("Reshape", ["p", "out"], ["prob"]),
    ]
    constants = [
        numpy_helper.from_array(np.array([-1, len(weight)]), "flat"),
        numpy_helper.from_array(np.array([5] if alone else [-1, 5]), "out"),
        numpy_helper.from_array(weight, "weight"),
    ]
    prob = [5] if alone else [shape[0], 5]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("clip", kind, list(shape))],
        [helper.make_tensor_value_info("prob", TensorProto.FLOAT, prob)],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(file))


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    network(folder / "small.onnx")
    network(folder / "half.onnx", kind=TensorProto.FLOAT16)
    network(folder / "bytes.onnx", kind=TensorProto.UINT8)
    network(folder / "single.onnx", (1, 4, 3, 8, 8))
    network(folder / "alone.onnx", (4, 3, 8, 8))
    network(folder / "three.onnx", (3, 4, 3, 8, 8))
    network(folder / "frames.onnx", ("n", 3, 8, 8))
    network(folder / "wide.onnx", ("n", 4, 3, 64, 64))
    return folder


@contextmanager
def served(*arguments: str | Path) -> Iterator[int]:
    """Run a server in a process of its own, and yield its port."""
    file = Path(__file__).parent / "serve_v2.py"
    command = [sys.executable, str(file), *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    bound = threading.Timer(30, process.kill)
    bound.start()
    try:
        port = int(process.stdout.readline() or 0)
        bound.cancel()
        assert port, "the server didn't start"
        yield port
    finally:
        bound.cancel()
        process.kill()
        process.wait(10)
        process.stdout.close()


@pytest.fixture(scope="module")
def address(repository: Path) -> Iterator[str]:
    real = Path(__file__).parents[2] / "shared" / "assets" / "models"
    with served(repository, *([real] if real.is_dir() else [])) as port:
        yield f"//127.0.0.1:{port}"


Load = Callable[..., Model]


@pytest.fixture
def load(address: str) -> Load:
    """Load a model from the server; ``fault`` says what shall go wrong, ``run`` who counts."""

    def loaded(
        name: str = "small", fault: str = "none", run: str = "any", **arguments: Any
    ) -> Model:
        headers = {"Fault": fault, "Run": run, **arguments.pop("headers", {})}
        path = f"{address}/v2/models/{name}" if name else address
        model = opened(
            Reference(scheme="http", name=path, arguments={"headers": headers, **arguments})
        )
        assert isinstance(model, Model)
        return model

    return loaded


def statistics(address: str, run: str) -> dict[str, Any]:
    answer = urllib3.request("GET", f"http:{address}/statistics/{run}", timeout=5)
    found: dict[str, Any] = answer.json()
    return found


def clips(n: int = 5, size: int = 8) -> Tensor:
    return torch.rand(n, 4, 3, size, size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("binary", ["true", "false"])
def test_the_known_answer_comes_through_http(
    assets: Path, tmp_path: Path, address: str, binary: str
) -> None:
    yaml = tmp_path / "remote.yaml"
    yaml.write_text(UCF50_YAML.format(address=f"http:{address}", binary=binary))
    model = load_model(yaml)
    assert isinstance(model, Model)
    assert model.spec.clip is not None
    frames = vx.read_clip(assets / "clips" / "biking.avi", model.spec.clip).frames[None]
    scores = model(frames)[0]
    assert model.class_names == ("Biking", "Diving", "GolfSwing", "Punch", "Rowing")
    assert int(scores.argmax()) == 0
    assert float(scores[0]) == pytest.approx(0.985, abs=0.005)
    spec = replace(model.spec, clip=None)
    local = load_model(assets / "models" / "ucf50_5class_convlstm_128.onnx", spec=spec)
    torch.testing.assert_close(scores, local(frames)[0].double(), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("name", ["small", "bytes", "single", "alone", "frames", "half"])
@pytest.mark.parametrize("binary", [True, False])
def test_bytes_and_json_answer_as_the_file_does(
    load: Load, repository: Path, name: str, binary: bool
) -> None:
    if name == "half" and not binary:
        with pytest.raises(ValueError, match=r"binary: http.* takes FP16, which JSON can't carry"):
            load(name, binary=False)
        return
    clip = {"frames": 4, "size": 8} if name == "frames" else {}
    model = load(name, binary=binary)
    local = load_model(repository / f"{name}.onnx")
    assert isinstance(local, Model)
    assert model.spec.layout == local.spec.layout
    if not clip:
        assert model.spec.clip == local.spec.clip == ClipSpec(frames=4, size=(8, 8))
    torch.testing.assert_close(
        model(clips()), local(clips()).double(), atol=1e-6, rtol=1e-5, check_dtype=True
    )


def test_bytes_are_sent_where_the_server_can_take_them(load: Load, address: str) -> None:
    load(run="auto")(clips())
    assert statistics(address, "auto")["binary"] == 1
    load(run="plain", fault="plain")(clips())
    assert statistics(address, "plain")["binary"] == 0
    with pytest.raises(ValueError, match="set binary: true under arguments"):
        load("half", fault="plain")
    assert load("half", fault="plain", binary=True)(clips()).shape == (5, 5)


def test_a_version_the_infer_address_and_a_bare_host_name_the_same_model(
    load: Load, tmp_path: Path
) -> None:
    expected = load()(clips())
    for name in ("small/versions/1", "small/infer", "small/"):
        model = load(name)
        assert torch.equal(model(clips()), expected)
        assert model.name.endswith(f"/v2/models/{name.removesuffix('/infer').rstrip('/')}")
    network(tmp_path / "only.onnx")
    with served(tmp_path) as port:
        only = opened(Reference(scheme="http", name=f"//localhost:{port}"))
        assert isinstance(only, Model)
        assert only.name == f"http://localhost:{port}/v2/models/only"
        assert torch.equal(only(clips()), expected)
    with pytest.raises(ValueError, match=r"expected http://HOST.*It has alone, bytes, frames"):
        load("")
    with pytest.raises(
        ValueError, match=r"expected http://HOST:PORT/v2/models/NAME, got http.*\d\.$"
    ):
        load("", fault="unlisted")


@pytest.mark.parametrize("concurrency", [1, 4])
def test_requests_under_way_are_as_many_as_asked_for(
    load: Load, address: str, concurrency: int
) -> None:
    run = f"parallel{concurrency}"
    model = load(fault="slow 0.05", run=run, concurrency=concurrency, batch=1)
    x = clips(12)
    scores = model(x)
    counted = statistics(address, run)
    assert counted["most"] == concurrency
    assert counted["clips"] == [1] * 12
    assert torch.equal(scores, load(batch=1)(x))
    torch.testing.assert_close(scores, load(batch=12)(x))


def test_the_engine_asks_for_as_much_as_keeps_all_requests_busy(load: Load) -> None:
    clip = vx.clip_from_array(clips(1)[0])
    assert suitable_batch(clip, load(batch=2, concurrency=3)) == 6
    assert suitable_batch(clip, load(batch=1, concurrency=1)) == 1


def test_requests_hold_as_many_clips_as_fit(load: Load, address: str) -> None:
    load(run="batch", batch=2)(clips(5))
    assert sorted(statistics(address, "batch")["clips"]) == [1, 2, 2]
    load(run="default")(clips(5))
    assert statistics(address, "default")["clips"] == [5]
    load("wide", run="bytes")(clips(64, 64))
    assert sorted(statistics(address, "bytes")["clips"]) == [22, 42]  # 42 clips are 8 MiB
    load(run="few", fault="few")(clips(5))
    assert sorted(statistics(address, "few")["clips"]) == [1, 2, 2]
    load("single", run="one", batch=7)(clips(3))
    assert statistics(address, "one")["clips"] == [1, 1, 1]


@pytest.mark.parametrize("binary", [True, False])
def test_memory_does_not_grow_with_the_number_of_requests(load: Load, binary: bool) -> None:
    model = load("wide", batch=1, concurrency=2, binary=binary)
    x = clips(16, 64)
    peaks = []
    for n in (4, 16):
        model(x[:n])
        tracemalloc.start()
        model(x[:n])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def test_explaining_over_http_equals_explaining_the_file(
    load: Load, repository: Path, tmp_path: Path
) -> None:
    clip = vx.clip_from_array(clips(1)[0])
    loco = replace(vx.methods.loco(), segmentation=vx.segmentation.Grid(t=2, h=2, w=2))
    remote, local = (
        vx.explain(clip, model, method=loco, seed=3, batch_size=4, progress=False)
        for model in (load(batch=2), load_model(repository / "small.onnx"))
    )
    torch.testing.assert_close(remote.attribution.map, local.attribution.map, atol=1e-6, rtol=1e-4)
    assert remote.target == local.target
    assert remote.manifest["model"] == load().name
    remote.save(tmp_path / "remote.vx")
    assert b"Fault" not in (tmp_path / "remote.vx").read_bytes()


def test_a_busy_server_is_asked_again(load: Load, address: str) -> None:
    assert load(fault="busy 2", run="busy", retries=2)(clips()).shape == (5, 5)
    assert statistics(address, "busy")["requests"] == 3
    assert load(fault="drop 1", run="drop")(clips()).shape == (5, 5)
    assert statistics(address, "drop")["requests"] == 2
    with pytest.raises(ConnectionError, match="503 Service Unavailable after 1 retries: later"):
        load(fault="busy 9", run="always", retries=1)(clips())
    with pytest.raises(ConnectionError, match="hung up before it had answered"):
        load(fault="drop 9", run="never", retries=0)(clips())


@pytest.mark.parametrize("fault", ["error", "large", "forbidden", "slow 2"])
def test_what_would_fail_again_is_not_tried_again(load: Load, address: str, fault: str) -> None:
    run = f"once-{fault.split()[0]}"
    with pytest.raises((ValueError, TimeoutError)):
        load(fault=fault, run=run, timeout=0.5 if "slow" in fault else 20)(clips())
    assert statistics(address, run)["requests"] == 1


def test_waits_between_retries_are_bounded() -> None:
    rule = Patience.of(3)
    for asked, waited in (("3600", LONGEST_WAIT), ("2", 2.0)):
        answer = urllib3.HTTPResponse(status=503, headers={"Retry-After": asked})
        assert rule.get_retry_after(answer) == waited
    waits = []
    for _ in range(3):
        rule = rule.increment("POST", "/", error=urllib3.exceptions.ProtocolError("gone"))
        waits.append(rule.get_backoff_time())
    assert waits == [0, 0.5, 1]
    assert not rule.is_retry("POST", 413, has_retry_after=True)


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        ("error", ValueError, r"500 Internal Server Error: the model \[31mfell over x{176}$"),
        ("memory", MemoryError, "the server ran out of memory: CUDA out of memory"),
        ("forbidden", ValueError, "403 Forbidden: who are you. Give credentials as headers"),
        ("large", ValueError, "refused a request of 5 clips .* as too large. Lower batch"),
        ("moved", ValueError, "answered 302 Found"),
        ("garbage", ValueError, "can't be understood: it is not JSON"),
        ("list", ValueError, "it is not a JSON object"),
        ("nothing", ValueError, "it has no list of outputs"),
        ("missing", ValueError, "it has no output 'prob', only: other"),
        ("words", ValueError, "its output is BYTES of shape"),
        ("short", ValueError, r"doesn't hold numbers of the shape \[5, 5\]"),
        ("long", ValueError, "its Inference-Header-Content-Length is"),
        ("rows", ValueError, r"expected class scores \(N, K\) with N = 5 .* \(10, 5\)"),
        ("slow 2", TimeoutError, "didn't answer within 0.3 seconds. Raise timeout"),
    ],
)
def test_what_goes_wrong_on_the_server_is_said_in_a_sentence(
    load: Load, fault: str, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        load(fault=fault, timeout=0.3 if "slow" in fault else 20)(clips())


def test_scores_that_are_no_numbers_are_reported_by_the_engine(load: Load) -> None:
    clip = vx.clip_from_array(clips(1)[0])
    for binary in (True, False):
        with pytest.raises(ValueError, match="expected finite class scores"):
            vx.explain(clip, load(fault="nan", binary=binary), method="loco", progress=False)


def test_a_clip_of_another_shape_is_refused_with_the_servers_words(load: Load) -> None:
    for binary in (True, False):
        with pytest.raises(ValueError, match=r"400 Bad Request: .*INVALID_ARGUMENT.* dimensions"):
            load(binary=binary)(clips(2, 6))


def changed(**metadata: Any) -> str:
    return f"metadata {json.dumps(metadata)}"


def tensor(name: str, datatype: str = "FP32", *shape: int) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": list(shape) or [-1, 4, 3, 8, 8]}


@pytest.mark.parametrize(
    ("name", "fault", "message"),
    [
        (
            "smal",
            "none",
            r"no model ready at http.*smal .*Others are .*Did you mean small",
        ),
        (
            "smal",
            "unlisted",
            r"no model ready at http.*/smal \(.*'smal' is not found\)\.$",
        ),
        ("small", "loading", "the server is up, but its model http.* is not ready"),
        ("small", "starting", "is up, but not ready yet"),
        ("small", "metadata [1]", "metadata of http.* can't be understood: it is not a JSON"),
        ("small", changed(inputs=[{"name": 3}]), "its inputs are expected as a list with name"),
        ("small", changed(outputs=7), "its outputs are expected as a list"),
        ("small", changed(inputs=[]), "input: http.* states no inputs. Declare them"),
        ("small", changed(inputs=[tensor("a"), tensor("b")]), "input: .* has a, b; got None"),
        ("small", changed(outputs=[tensor("a"), tensor("b")]), "output: expected the name of one"),
        ("small", changed(inputs=[tensor("a", "BF16")]), "takes BF16; expected one of FP32"),
        ("small", changed(inputs=[tensor("a", "FP32", -1, 9)]), "doesn't tell its layout"),
        ("three", "none", "takes exactly 3 clips at a time"),
    ],
)
def test_models_that_cannot_be_used_say_why(
    load: Load, name: str, fault: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        load(name, fault=fault)


def test_one_of_several_inputs_and_outputs_is_named(load: Load) -> None:
    fault = changed(
        inputs=[tensor("mask", "BOOL"), tensor("clip")],
        outputs=[tensor("features"), tensor("prob")],
    )
    model = load(fault=fault, input="clip", output="prob")
    assert torch.equal(model(clips()), load()(clips()))
    with pytest.raises(ValueError, match=r"got probe. Did you mean prob"):
        load(fault=fault, input="clip", output="probe")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"timeuot": 3}, "timeuot: not a known key.*Did you mean timeout"),
        ({"timeout": 0}, "timeout: expected a number above 0"),
        ({"retries": -1}, "retries: expected a whole number from 0"),
        ({"concurrency": 0}, "concurrency: expected a whole number from 1"),
        ({"batch": "many"}, "batch: expected a whole number from 1"),
        ({"binary": "maybe"}, "binary: expected auto, true or false"),
        ({"headers": {"Key": "top\nsecret"}}, "headers: expected names and texts of one line"),
        ({"headers": {"Key": 3}}, "headers: expected names and texts of one line"),
        ({"headers": ["secret"]}, "headers: expected names and texts of one line"),
    ],
)
def test_mistakes_in_the_options_are_named(
    arguments: dict[str, Any], message: str, unchecked: None
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        opened(Reference(scheme="http", name="//127.0.0.1:9/v2/models/m", arguments=arguments))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "//127.0.0.1:9/v1/models/m:predict",
            r"NAME, got http://127.0.0.1:9/v1/models/m:predict\.",
        ),
        ("127.0.0.1/v2/models/m", "expected http://HOST:PORT/v2/models/NAME"),
        ("//u:secret@[1/v2/models/m", "got an address that can't be read"),
        ("//127.0.0.1:9/v2/models/m?key=secret", "without . and #.*Keys and tokens go into"),
    ],
)
def test_addresses_that_are_none(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        opened(Reference(scheme="http", name=name))
    assert "secret" not in str(caught.value)


def test_a_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ConnectionError, match=f"nothing answers at http://127.0.0.1:{port}. Start"):
        load_model(f"http://127.0.0.1:{port}/v2/models/m")

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror("not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ConnectionError, match="no host is known by the name in http://nowhere"):
        load_model("http://nowhere.invalid/v2/models/m")


def test_statements_for_models_in_this_process_are_refused(address: str) -> None:
    here = Reference(scheme="http", name=f"{address}/v2/models/small")
    for wrong, message in (
        (replace(here, weights="w.pt"), "weights: the server decides that"),
        (replace(here, running=Running(precision="float16")), "precision: the server decides"),
        (replace(here, running=Running(device="cuda")), "device: the server decides"),
        (replace(here, wants={"dtype": "float16"}), "dtype: .* takes float32, got float16"),
        (replace(here, wants={"batched": False}), "batched: .* takes True, got False"),
        (replace(here, wants={"pathways": (4, 1)}), r"pathways: .* takes \(\), got \(4, 1\)"),
    ):
        with pytest.raises(ValueError, match=message):
            opened(wrong)
    model = load_model(f"http:{address}/v2/models/small", spec=ModelSpec(channels="bgr"))
    assert isinstance(model, Model)
    assert model.spec.channels == "bgr"


def test_secrets_are_sent_and_never_shown(
    load: Load,
    address: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "c2VjcmV0dG9rZW4"
    model = load(run="key", headers={"authorization": f"Bearer {secret}"})
    model(clips())
    assert statistics(address, "key")["headers"]["authorization"] == f"Bearer {secret}"
    with pytest.raises(ValueError, match="bad header Bearer …") as caught:
        load(fault="echo", headers={"Authorization": f"Bearer {secret}"})(clips())
    monkeypatch.setenv("VEXPLAIN_TOKEN", f"{secret}\n")
    load(run="token")(clips())
    assert statistics(address, "token")["headers"]["Authorization"] == f"Bearer {secret}"
    name = f"//user:{secret}@{address[2:]}/v2/models/small"
    headers = {"Run": "basic", "Fault": "metadata []"}
    with pytest.raises(ValueError, match="metadata of") as second:
        opened(Reference(scheme="http", name=name, arguments={"headers": headers}))
    known = opened(Reference(scheme="http", name=name, arguments={"headers": {"Run": "basic"}}))
    known(clips())
    assert statistics(address, "basic")["headers"]["Authorization"].startswith("Basic ")
    assert known.name == f"http:{address}/v2/models/small"
    shown = (repr(model), repr(known), model.name, str(caught.value), str(second.value))
    assert secret not in " ".join(shown)
    assert secret not in caplog.text


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl makes the certificate, and isn't here")
    file = tmp_path_factory.mktemp("certificate") / "server.pem"
    made = f"{openssl} req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command = [*made.split(), *subject, "-keyout", str(file), "-out", f"{file}.crt"]
    subprocess.run(command, check=True, capture_output=True, timeout=20)
    file.write_text(file.read_text() + Path(f"{file}.crt").read_text())
    return file


def test_https_is_verified(
    repository: Path, certificate: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(repository, "--certificate", certificate) as port:
        with pytest.raises(ConnectionError, match=r"no trusted TLS connection.*SSL_CERT_FILE"):
            load_model(f"https://localhost:{port}/v2/models/small")
        monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
        model = load_model(f"https://localhost:{port}/v2/models/small")
        assert model(clips()).shape == (5, 5)
        with pytest.raises(ConnectionError, match="no trusted TLS connection"):
            load_model(f"https://127.0.0.1:{port}/v2/models/small")
    with pytest.raises(ConnectionError, match=r"no trusted TLS connection.*write http"):
        load_model(f"https:{address}/v2/models/small")


def test_an_error_stops_what_has_not_been_started() -> None:
    taken = []

    def work(number: int) -> int:
        taken.append(number)
        if number == 2:
            raise ValueError("two")
        time.sleep(0.01)
        return number

    with pytest.raises(ValueError, match="two"):
        in_order(work, range(100), 2)
    assert len(taken) < 10
    assert in_order(work, [5, 4, 3], 8) == [5, 4, 3]


STUCK = """
import signal, sys, torch
signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs in the background ignore it
from vexplain.models.loading import opened
from vexplain.models import Reference
arguments = {"headers": {"Fault": "slow 30"}, "batch": 1, "concurrency": 2}
model = opened(Reference(scheme="http", name=sys.argv[1], arguments=arguments))
print("asking", flush=True)
model(torch.rand(6, 4, 3, 8, 8))
"""


def test_ctrl_c_does_not_wait_for_a_slow_server(address: str) -> None:
    command = [sys.executable, "-c", STUCK, f"{address}/v2/models/small"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "asking\n"
            time.sleep(0.3)
            process.send_signal(signal.SIGINT)
            assert "KeyboardInterrupt" in process.communicate(timeout=60)[1]
        finally:
            process.kill()


@pytest.mark.parametrize("kind", ["<f4", "|u1", "<f2"])
def test_what_is_encoded_is_decoded_to_the_same_numbers(kind: str) -> None:
    rng = np.random.default_rng(0)
    values = (rng.random((3, 70_000)) * 255).astype(kind)
    name = {"<f4": "FP32", "|u1": "UINT8", "<f2": "FP16"}[kind]
    info = TensorInfo("x", name, (None, 70_000))
    for binary in (True, False):
        body, headers = encoded(values, info, "y", binary=binary)
        length = headers.get("Inference-Header-Content-Length")
        request = json.loads(body[: int(length or len(body))])
        assert request["outputs"][0]["name"] == "y"
        answer = {"outputs": request["inputs"]}
        head = json.dumps(answer).encode()
        back = decoded(
            head + body[int(length or len(body)) :], str(len(head)) if length else None, "x"
        )
        assert np.array_equal(back.astype(kind), values)


def test_nested_lists_and_hostile_sizes_are_understood() -> None:
    nested = {"name": "y", "datatype": "FP32", "shape": [2, 2], "data": [[1, 2], [3, None]]}
    found = decoded(json.dumps({"outputs": [nested]}).encode(), None, "y")
    assert found[0].tolist() == [1, 2]
    assert np.isnan(found[1, 1])
    for size in (-1, "3", 1.5):
        output = {**nested, "parameters": {"binary_data_size": size}}
        with pytest.raises(ValueError, match="its binary_data_size is"):
            decoded(json.dumps({"outputs": [output]}).encode(), None, "y")


def test_damaged_answers_are_refused_in_words() -> None:
    raw = np.arange(6, dtype="<f4").tobytes()
    output = {"name": "y", "datatype": "FP32", "shape": [2, 3]}
    head = json.dumps({"outputs": [output | {"parameters": {"binary_data_size": 24}}]}).encode()
    assert decoded(head + raw, str(len(head)), "y").tolist() == [[0, 1, 2], [3, 4, 5]]
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(2000):
        body = bytearray(head + raw)
        for place in rng.integers(len(head), size=rng.integers(1, 4)):
            body[place] = rng.choice(list(b'0123456789-[]{},:"xyn'))
        try:
            decoded(bytes(body), str(len(head)), "y")
        except ValueError:
            refused += 1
    assert refused > 1500


def test_batches_with_other_numbers_of_classes_are_refused(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load(batch=1)
    widths = iter([5, 6, 7])
    monkeypatch.setattr(RemoteModel, "_ask", lambda _, part: np.zeros((len(part), next(widths))))
    with pytest.raises(ValueError, match=r"different numbers of classes: \[5, 6, 7\]"):
        model(clips(3))
