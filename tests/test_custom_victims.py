"""Protects a user's first minute with a model of their own: a file or a function alone is enough, and
each wrong file or key ends in one clear sentence."""

import copy
import logging
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.custom_models import (
    CLASSES,
    KEYS,
    SCALE,
    example,
    logits,
    net,
    save_exported,
    save_onnx,
    save_torchscript,
)
from video_attack.agents.core.build import build
from video_attack.agents.core.errors import ConfigError
from video_attack.envs.victims.base import VictimError
from video_attack.envs.victims.exported import Exported
from video_attack.envs.victims.onnx_file import OnnxFile, choose_providers
from video_attack.envs.victims.torchscript import TorchScript

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

CLIPS = np.random.default_rng(0).integers(0, 256, (5, 8, 32, 32, 3), np.uint8)


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_torchscript(tmp_path_factory.mktemp("nets") / "net.pt")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"layout": "NHWC"}, "layout='NHWC'.*NCTHW, NTCHW, NTHWC"),
        ({"channels": "gbr"}, "channels='gbr'"),
        ({"mean": [0.4]}, "mean=.*three numbers"),
        ({"std": None}, "std=None.*three numbers"),
        ({"std": [0.2, 0, 0.2]}, "std=.*above 0"),
        ({"outputs": "softmax"}, "outputs='softmax'.*logits, probabilities"),
        ({"classes": 1}, "classes=1"),
        ({"max_batch": 0}, "max_batch=0"),
        ({"size": 200}, "short_side=32 is less than size=200"),
    ],
)
def test_wrong_keys_are_named(script: str, keys: dict, words: str) -> None:
    config = {
        "_target_": "video_attack.envs.victims.torchscript.TorchScript",
        "path": script,
        **KEYS,
        **keys,
    }
    with pytest.raises(ConfigError, match=f"model: {words}"):
        build("model", config)


def test_a_file_alone_is_enough_and_tells_its_number_of_classes(script: str) -> None:
    victim = TorchScript(script, **KEYS, **SCALE)
    assert victim.classes == tuple(f"class_{i:03d}" for i in range(CLASSES))
    assert np.abs(victim.scores(CLIPS) - logits(CLIPS).softmax(1).numpy()).max() < 1e-6


def test_labels_name_the_classes_and_must_be_as_many(script: str, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("a\nb\nc\nd\ne\n")
    assert TorchScript(script, labels=str(labels), **KEYS).classes == tuple("abcde")
    with pytest.raises(VictimError, match=r"holds 5 names, but model\.classes=4"):
        TorchScript(script, labels=str(labels), classes=4, **KEYS)
    labels.write_text("a\nb\n")
    with pytest.raises(VictimError, match="answers 5 classes, but 2 are configured"):
        TorchScript(script, labels=str(labels), **KEYS)


@pytest.mark.parametrize(("low", "high"), [(1, 1), (3, 3), (2, 4)])
def test_an_export_says_how_many_clips_it_takes(tmp_path: Path, low: int, high: int) -> None:
    free = None if low == high else ({0: torch.export.Dim("clips", min=low, max=high)},)
    program = torch.export.export(net(), (example(high),), dynamic_shapes=free)
    torch.export.save(program, tmp_path / "net.pt2")
    victim = Exported(str(tmp_path / "net.pt2"), **KEYS, **SCALE)
    assert victim.batch == (low, high)
    assert np.abs(victim.scores(CLIPS) - logits(CLIPS).softmax(1).numpy()).max() < 1e-5


def test_half_precision_is_fed_half_precision(tmp_path: Path) -> None:
    class Half(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(3, CLASSES).half().requires_grad_(False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.last(x.mean(dim=(2, 3, 4)))

    torch.jit.trace(Half(), example(2).half()).save(str(tmp_path / "half.pt"))
    assert TorchScript(str(tmp_path / "half.pt"), **KEYS).takes == torch.float16


def test_a_network_of_bytes_wants_them_raw(tmp_path: Path) -> None:
    class Bytes(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.one_hot(x.long().sum(dim=(1, 2, 3, 4)) % 3, 3).float()

    clips = (torch.zeros(2, 8, 32, 32, 3, dtype=torch.uint8),)
    program = torch.export.export(Bytes(), clips)
    torch.export.save(program, tmp_path / "bytes.pt2")
    keys = {**KEYS, "layout": "NTHWC", "path": str(tmp_path / "bytes.pt2")}
    with pytest.raises(VictimError, match=r"set model\.mean=null"):
        Exported(**keys)
    victim = Exported(mean=None, **keys)
    wanted = CLIPS.astype(np.int64).sum(axis=(1, 2, 3, 4)) % 3
    assert np.array_equal(victim.scores(CLIPS).argmax(1), wanted)


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory, script: str) -> dict[str, Path]:
    """Files that are not what they should be."""
    folder = tmp_path_factory.mktemp("wrong")
    files = {name: folder / f"{name}.bin" for name in ("text", "empty", "cut", "module", "state")}
    files["text"].write_text("hello")
    files["empty"].touch()
    files["cut"].write_bytes(Path(script).read_bytes()[:2000])
    torch.save(net(), files["module"])
    torch.save(net().state_dict(), files["state"])
    files["script"] = Path(script)
    files["exported"] = Path(save_exported(folder / "net.pt2"))
    return files


@pytest.mark.parametrize("kind", [TorchScript, Exported, OnnxFile])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("text", "text.bin"),
        ("empty", "empty.bin"),
        ("cut", "cut.bin"),
        ("module", "module.bin is a pickled module or state dict.*save|export"),
        ("state", "state.bin is a pickled module or state dict.*save|export"),
        ("script", "is a file of TorchScript: use model=torchscript"),
        ("exported", "is a file of torch.export: use model=exported"),
        ("absent", "no model at absent.bin: give the path"),
    ],
)
def test_files_of_the_wrong_kind(kind: type, name: str, words: str, wrong, capfd) -> None:
    if kind is OnnxFile and name != "absent":
        pytest.importorskip("onnxruntime")
    if name == {TorchScript: "script", Exported: "exported"}.get(kind):
        return
    with pytest.raises(VictimError, match=words) as caught:
        kind(str(wrong.get(name, "absent.bin")), **KEYS)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 450
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("form", ["script", "exported"])
@pytest.mark.parametrize("keys", [{"layout": "NTCHW"}, {"size": 16}, {"frames": 4}])
def test_clips_that_do_not_fit_are_known_at_once(wrong, form: str, keys: dict) -> None:
    kind = {"script": TorchScript, "exported": Exported}[form]
    if form == "script" and "layout" not in keys:
        assert kind(str(wrong[form]), **{**KEYS, **keys}).classes  # this network takes any size
        return
    remedy = (
        "set model.layout=NCTHW, which" if "layout" in keys else "set model.frames and model.size"
    )
    with pytest.raises(VictimError, match=re.escape(remedy)):
        kind(str(wrong[form]), **{**KEYS, **keys})


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")  # the tracer sees it as well
@pytest.mark.parametrize(
    ("kind", "save"), [(TorchScript, save_torchscript), (Exported, save_exported)]
)
def test_a_file_in_training_mode_is_refused(kind: type, save, tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = copy.deepcopy(net())  # has dropout
    with pytest.raises(VictimError, match=r"same clip in two ways.*eval\(\)"):
        kind(save(tmp_path / "net", module=module.train()), **KEYS)
    assert kind(save(tmp_path / "net", module=module.eval()), **KEYS).classes


def test_a_script_is_put_into_eval_mode(tmp_path: Path) -> None:
    torch.jit.script(copy.deepcopy(net()).train()).save(str(tmp_path / "net.pt"))
    victim = TorchScript(str(tmp_path / "net.pt"), **KEYS, **SCALE)
    assert np.abs(victim.scores(CLIPS) - logits(CLIPS).softmax(1).numpy()).max() < 1e-6


def test_probabilities_taken_for_logits_are_warned_of(tmp_path: Path, caplog) -> None:
    path = save_torchscript(tmp_path / "net.pt", nn.Sequential(net(), nn.Softmax(dim=1)))
    with caplog.at_level(logging.WARNING):
        TorchScript(path, **KEYS)
    assert "set model.outputs=probabilities" in caplog.text
    caplog.clear()
    victim = TorchScript(path, outputs="probabilities", **KEYS, **SCALE)
    assert not caplog.records
    assert np.abs(victim.scores(CLIPS) - logits(CLIPS).softmax(1).numpy()).max() < 1e-6


# ONNX


def test_onnx_runtime_missing(script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(VictimError, match=r"model=onnx needs ONNX Runtime: pip install"):
        OnnxFile(script, **KEYS)


def test_onnx_devices() -> None:
    cpu, cuda = "CPUExecutionProvider", "CUDAExecutionProvider"
    assert choose_providers("auto", [cpu]) == choose_providers("cpu", [cuda, cpu]) == [cpu]
    (name, options), second = choose_providers("cuda:1", [cuda, cpu])
    assert (name, options["device_id"], second) == (cuda, "1", cpu)
    assert choose_providers("auto", [cuda, cpu])[0][0] == cuda
    for device in ("tpu", "cuda:x", "cpu:1"):
        with pytest.raises(VictimError, match="choose auto, cpu, cuda or cuda:1"):
            choose_providers(device, [cuda, cpu])
    with pytest.raises(VictimError, match="onnxruntime-gpu"):
        choose_providers("cuda", [cpu])


class Two(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x.mean(dim=(1, 2, 3, 4))[:, None].expand(-1, 9), net()(x)


def test_onnx_outputs_are_chosen_by_name(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    torch.onnx.export(
        Two(), (example(2),), str(tmp_path / "two.onnx"), dynamo=False,
        input_names=["clips"], output_names=["features", "logits"],
    )  # fmt: skip
    path = str(tmp_path / "two.onnx")
    for wrong_name in (None, "scores"):
        with pytest.raises(VictimError, match="has the outputs features, logits"):
            OnnxFile(path, output=wrong_name, **KEYS)
    victim = OnnxFile(path, output="logits", **KEYS, **SCALE)
    assert victim.batch == (2, 2)
    assert np.abs(victim.scores(CLIPS) - logits(CLIPS).softmax(1).numpy()).max() < 1e-4


def test_onnx_shape_that_does_not_fit(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    with pytest.raises(VictimError, match=r"16 frames of 32 pixels.*set model\.frames"):
        OnnxFile(save_onnx(tmp_path / "net.onnx"), **{**KEYS, "frames": 16})


# Functions
