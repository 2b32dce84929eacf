"""Protects checkpoint loading: strict, cast, checked, and downloaded at most once, whole or not."""

import hashlib
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from torch import nn

from video_attack.envs.cache_folder import CACHE_VARIABLE
from video_attack.envs.victims.base import VictimError
from video_attack.envs.victims.weights import load_into, load_state, unwrap


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    file = tmp_path / "served" / "net.pt"
    file.parent.mkdir()
    torch.save({"state_dict": net().state_dict()}, file)
    return file


class Handler(SimpleHTTPRequestHandler):
    hits: list[str]

    def do_GET(self) -> None:
        self.hits.append(self.path)
        if self.path == "/cut.pt":  # promises more than it sends
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"x" * 10)
        else:
            super().do_GET()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, list[str]]]:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    Handler.hits = []
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=checkpoint.parent))
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}", Handler.hits
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_local_file_fills_the_module_and_is_cast(checkpoint: Path) -> None:
    module = net()
    half = {
        f"module.{key}": value.half() if value.is_floating_point() else value
        for key, value in load_state(checkpoint, digest(checkpoint))["state_dict"].items()
    }
    load_into(module, {"model": half}, "net.pt")
    assert module[0].weight.dtype == torch.float32
    assert torch.equal(module[0].weight, half["module.0.weight"].float())


def test_url_is_downloaded_once(server: tuple[str, list[str]], checkpoint: Path) -> None:
    url, hits = server
    for _ in range(2):
        state = load_state(f"{url}/net.pt", digest(checkpoint))
        load_into(net(), state, "net.pt")
    assert hits == ["/net.pt"]


def test_replaced_file_is_fetched_again(server: tuple[str, list[str]], checkpoint: Path) -> None:
    url, hits = server
    load_state(f"{url}/net.pt")
    torch.save({"new": torch.ones(1)}, checkpoint)
    assert "new" in load_state(f"{url}/net.pt", digest(checkpoint))
    assert len(hits) == 2


@pytest.mark.parametrize(
    ("name", "sha256", "words"),
    [
        ("net.pt", "0" * 64, "not the expected 0000"),
        ("absent.pt", None, "404"),
        ("cut.pt", None, "10 of 1000 bytes"),
    ],
)
def test_failed_download_leaves_nothing(
    server: tuple[str, list[str]], tmp_path: Path, name: str, sha256: str | None, words: str
) -> None:
    url, _ = server
    with pytest.raises(VictimError, match=words):
        load_state(f"{url}/{name}", sha256)
    assert not list((tmp_path / "cache").iterdir())


def test_unreachable_server_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    with pytest.raises(VictimError, match=r"cannot download http://127\.0\.0\.1:1/x\.pt"):
        load_state("http://127.0.0.1:1/x.pt")


def test_digest_mismatch_names_both(checkpoint: Path) -> None:
    with pytest.raises(VictimError, match="expected abcdabcd") as caught:
        load_state(checkpoint, "ABCDABCD")
    assert digest(checkpoint) in str(caught.value)


def test_first_digits_of_the_digest_suffice(checkpoint: Path) -> None:
    whole = digest(checkpoint)
    for count in (8, 20, 63):
        load_state(checkpoint, whole[:count].upper())
    changed = whole[:8] + ("0" if whole[8] != "0" else "1")
    with pytest.raises(VictimError, match=f"expected {changed}"):
        load_state(checkpoint, changed)


@pytest.mark.parametrize("sha256", ["abc", "", "abcdabc", "x" * 64, "a" * 65, 12345678])
def test_what_is_no_digest_is_refused(checkpoint: Path, sha256: str) -> None:
    with pytest.raises(VictimError, match="give 8 to 64 hex digits, in quotes"):
        load_state(checkpoint, sha256)


@pytest.mark.parametrize("name", ["net-{}.pth", "net_kinetics_20220818-{}.pt"])
def test_digits_in_the_name_of_a_url_are_checked(
    server: tuple[str, list[str]], checkpoint: Path, tmp_path: Path, name: str
) -> None:
    url, _ = server
    right, wrong = name.format(digest(checkpoint)[:8]), name.format("0123abcd")
    for file in (right, wrong):
        (checkpoint.parent / file).write_bytes(checkpoint.read_bytes())
    with pytest.raises(VictimError, match=rf"{wrong} has sha256 .*, not the expected 0123abcd"):
        load_state(f"{url}/{wrong}")
    assert not list((tmp_path / "cache").iterdir())
    load_state(f"{url}/{right}")
    load_state(f"{url}/{wrong}", digest(checkpoint))  # the user knows better than the name
    load_state(checkpoint.parent / wrong)  # a local file may be called anything


def test_other_digits_in_a_name_mean_nothing(
    server: tuple[str, list[str]], checkpoint: Path
) -> None:
    url, _ = server
    for name in ("net_20220818.pth", "net-0123abc.pth", "net-0123abcd.bin"):
        (checkpoint.parent / name).write_bytes(checkpoint.read_bytes())
        load_state(f"{url}/{name}")


def test_containers_are_unwrapped() -> None:
    inner = {"module.a": torch.ones(1), "module.b": torch.zeros(1)}
    for key in ("state_dict", "model", "model_state"):
        assert list(unwrap({key: inner, "epoch": 3})) == ["a", "b"]
    assert list(unwrap({"model_state": torch.ones(1)})) == ["model_state"]


def test_safetensors_by_path_and_by_url(
    server: tuple[str, list[str]], checkpoint: Path, tmp_path: Path
) -> None:
    safetensors = pytest.importorskip("safetensors.torch", reason="needs the package safetensors")
    file, module = checkpoint.parent / "net.safetensors", net()
    state = {key: value.clone() for key, value in net().state_dict().items()}
    safetensors.save_file(state, file)
    url, _ = server
    for source in (str(file), f"{url}/net.safetensors?download=true"):
        load_into(module, load_state(source, digest(file)), source)
        assert torch.equal(module[0].weight, state["0.weight"])
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(VictimError, match=r"net\.safetensors is not a checkpoint"):
        load_state(file)


def test_missing_safetensors_is_named(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = checkpoint.with_suffix(".safetensors")
    file.write_bytes(checkpoint.read_bytes())
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    with pytest.raises(
        VictimError, match=r'needs safetensors .*pip install -e ".\[transformers\]"'
    ):
        load_state(file)


class Local:
    """A class of the user's own: unpickling it would run code."""


def test_files_that_are_no_checkpoint(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(VictimError, match="no weights at"):
        load_state(tmp_path / "absent.pt")
    bad = tmp_path / "bad.pt"
    for content in (b"", b"hello", checkpoint.read_bytes()[:600]):
        bad.write_bytes(content)
        with pytest.raises(VictimError, match=r"bad\.pt is not a checkpoint"):
            load_state(bad)
    torch.save(Local(), bad)
    with pytest.raises(VictimError, match="not a checkpoint of plain tensors"):
        load_state(bad)
    torch.save(torch.ones(3), bad)
    with pytest.raises(VictimError, match="holds a Tensor"):
        load_state(bad)


def test_misfits_are_named_and_change_nothing() -> None:
    module, state = net(), net().state_dict()
    before = module[0].weight.clone()
    del state["0.bias"]
    state["extra"] = torch.ones(1)
    state["1.weight"] = torch.ones(5)
    with pytest.raises(VictimError) as caught:
        load_into(module, state, "net.pt")
    text = str(caught.value)
    assert "net.pt does not fit Sequential: 1 missing (0.bias)" in text
    assert "1 unexpected (extra)" in text
    assert "1.weight (5,) instead of (4,)" in text
    assert torch.equal(module[0].weight, before)


def test_only_step_counters_may_be_absent() -> None:
    state = {k: v for k, v in net().state_dict().items() if "num_batches" not in k}
    load_into(net(), state, "old checkpoint")
