"""Protects against answers that would make every victim right, or tell nothing, without a word: one
output, sigmoids, constants, one class."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.custom_models import CLASSES, KEYS, SCALE, logits, net, normalised, smooth_clips
from tests.endpoints import victim as endpoint
from tests.http_servers import answer, serve
from tests.test_finetune import CONFIG
from tests.toy_net import Colours, ToyNet
from video_attack.agents.finetune.finetune import finetune
from video_attack.envs.clip import Frames, Sampling
from video_attack.envs.datasets.base import DatasetError
from video_attack.envs.victims.base import Scores, Victim, VictimError
from video_attack.envs.victims.function import Function
from video_attack.envs.victims.torchscript import TorchScript

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

CLIPS = smooth_clips(6, seed=1)


class After(nn.Module):
    """The small network, and something behind it."""

    def __init__(self, behind: nn.Module) -> None:
        super().__init__()
        self.net, self.behind = net(), behind

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.behind(self.net(x))


def single() -> nn.Linear:
    layer = nn.Linear(CLASSES, 1)
    nn.init.constant_(layer.bias, -1.0)
    nn.init.constant_(layer.weight, 0.0)
    layer.weight.data[0, 0] = 3.0
    return layer.requires_grad_(False)


def save(folder: Path, module: nn.Module) -> str:
    torch.jit.script(module.eval()).save(str(folder / "net.pt"))
    return str(folder / "net.pt")


def load(folder: Path, module: nn.Module, **keys: Any) -> TorchScript:
    return TorchScript(save(folder, module), **KEYS, **SCALE, **keys)


# As asked again and again of binary classifiers in PyTorch and ART: one output and a sigmoid.
@pytest.mark.parametrize("outputs", ["logits", "probabilities", "sigmoids"])
def test_one_output_tells_two_classes_apart(tmp_path: Path, outputs: str) -> None:
    behind: nn.Module = single()
    second = behind(net()(normalised(CLIPS))).sigmoid().numpy()
    if outputs != "logits":
        behind = nn.Sequential(behind, nn.Sigmoid())
    made = load(tmp_path, After(behind), outputs=outputs)
    assert made.classes == ("class_000", "class_001")
    assert np.abs(made.scores(CLIPS) - np.hstack([1 - second, second])).max() < 1e-5
    assert len(set(made.scores(CLIPS).argmax(1))) == 2
    (tmp_path / "l.txt").write_text("no\nyes\n")
    assert load(tmp_path, After(behind), labels=str(tmp_path / "l.txt")).classes == ("no", "yes")
    with pytest.raises(VictimError, match="one number, which tells two classes apart, but 3 are"):
        load(tmp_path, After(behind), classes=3)


def test_a_sigmoid_taken_for_a_logit_is_told(tmp_path: Path, caplog) -> None:
    with caplog.at_level(logging.WARNING):
        made = load(tmp_path, After(nn.Sequential(single(), nn.Sigmoid())))
        for clip in CLIPS:
            made.scores(clip[None])
    assert caplog.text.count("set model.outputs=probabilities") == 1


def test_logits_that_lie_between_0_and_1_by_chance_are_no_probabilities(caplog) -> None:
    """A few numbers prove nothing: the remedy would be refused at the first clip beyond them."""
    values = iter([0.2, 0.7, 0.4, 0.9, -3.0, *[0.5] * 20])
    with caplog.at_level(logging.WARNING):
        made = Function("tests.custom_models.logits", classes=2, **KEYS)
        made._function = lambda clips: [[next(values)] for _ in clips]
        for clip in [*CLIPS, *CLIPS]:
            made.scores(clip[None])
    assert not caplog.records


@pytest.mark.parametrize("kind", [np.array, torch.tensor])
def test_complex_numbers_are_no_scores(kind: Any) -> None:
    """As a forgotten FFT answers: their imaginary parts would be dropped."""
    made = Function("tests.custom_models.logits", classes=2, **KEYS)
    made._function = lambda clips: kind([[1 + 1j, 2.0]] * len(clips))
    with pytest.raises(VictimError, match="no table of numbers"):
        made.scores(CLIPS)


@pytest.mark.parametrize("outputs", ["logits", "probabilities"])
def test_sigmoids_of_several_labels(tmp_path: Path, outputs: str, caplog) -> None:
    """As MMAction2's multi-label heads answer; the remedy that is named is tried."""
    module = After(nn.Sigmoid())
    with caplog.at_level(logging.WARNING):
        if outputs == "logits":
            load(tmp_path, module)
            assert "set model.outputs=sigmoids" in caplog.text
        else:
            with pytest.raises(VictimError, match=r"no probabilities.*set model\.outputs=sigmoids"):
                load(tmp_path, module, outputs=outputs)
        caplog.clear()
        made = load(tmp_path, module, outputs="sigmoids")
    assert not caplog.records
    each = logits(CLIPS).sigmoid().numpy()
    assert np.abs(made.scores(CLIPS) - each / each.sum(1, keepdims=True)).max() < 1e-6


@pytest.mark.parametrize("row", [[60.0, 40.0], [0.0, 100.0], [33.34, 66.67]])
def test_per_cent_are_told(row: list[float], caplog) -> None:
    made = Function("tests.custom_models.logits", classes=2, **KEYS)
    made._function = lambda clips: [row] * len(clips)
    with caplog.at_level(logging.WARNING):
        made.scores(CLIPS)
        made.scores(CLIPS)
    assert caplog.text.count("seems to answer per cent: divide by 100") == 1
    made.outputs = "probabilities"
    with pytest.raises(VictimError, match="answers per cent: divide by 100"):
        made.scores(CLIPS)


@pytest.mark.parametrize("row", [[60.0, -40.0], [60.0, 41.0], [140.0, -40.0], [1e308, 1e308]])
def test_logits_that_are_large_are_no_per_cent(row: list[float], caplog) -> None:
    made = Function("tests.custom_models.logits", classes=2, **KEYS)
    made._function = lambda clips: [row] * len(clips)
    with caplog.at_level(logging.WARNING):
        made.scores(CLIPS)
    assert not caplog.records


def test_logits_are_no_sigmoids(tmp_path: Path) -> None:
    with pytest.raises(VictimError, match=r"no sigmoids.*set model\.outputs=logits"):
        load(tmp_path, net(), outputs="sigmoids")


class Same(nn.Module):
    """The same, whatever the clip, as a network whose weights were lost answers."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.linspace(-2, 2, 5).repeat(x.shape[0], 1)


class Dead(nn.Module):
    """The same up to rounding: what a clip of wrong scale does to a saturated network."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.linspace(-2, 2, 5) + 1e-9 * x.mean(dim=(1, 2, 3, 4))[:, None]


@pytest.mark.parametrize("module", [Same(), Dead()])
@pytest.mark.parametrize("most", [1, 32])
def test_constant_answers_are_told(tmp_path: Path, module: nn.Module, most: int, caplog) -> None:
    with caplog.at_level(logging.WARNING):
        load(tmp_path, module, max_batch=most)
    assert "answers the same to noise and to black" in caplog.text
    caplog.clear()
    load(tmp_path, net(), max_batch=most)
    assert not caplog.records


class Fixed(Victim):
    """A user's own, which knows one class, or none."""

    sampling = Sampling(8, 32, 32, 1)

    def __init__(self, classes: int) -> None:
        self.classes = tuple(f"c{i}" for i in range(classes))

    def predict(self, clips: Frames) -> Scores:
        return np.ones((len(clips), len(self.classes)), np.float32)


@pytest.mark.parametrize("classes", [0, 1])
def test_a_victim_of_one_class_is_refused_when_asked(classes: int) -> None:
    with pytest.raises(VictimError, match=f"Fixed has {classes} classes: .*at least two"):
        Fixed(classes).scores(CLIPS)


def squeezed(clips: Frames) -> list[float]:
    return [0.5] * len(clips)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (lambda clips: {"scores": [[0.2]] * len(clips)}, None),
        (lambda clips: {"scores": [0.2] * len(clips)}, r"must answer \(6, 2\)"),
        (lambda clips: {"scores": [[1.2]] * len(clips)}, r"set model\.outputs=logits"),
        (lambda clips: {"scores": [[0.9, 0.8]] * len(clips)}, r"set model\.outputs=sigmoids"),
    ],
)
def test_servers_with_one_output(found: Callable[[Frames], Any], words: str | None) -> None:
    with serve(answer(found)) as server:
        made = endpoint(server.url, classes=2, frames=8, size=32, short_side=32)
        if words is None:
            assert np.allclose(made.scores(CLIPS), [[0.8, 0.2]] * len(CLIPS))
        else:
            with pytest.raises(VictimError, match=words):
                made.scores(CLIPS)


def test_a_function_without_rows_is_told_what_to_answer() -> None:
    with pytest.raises(VictimError, match=r"shape \(1,\) to 1 clips.*\(1, classes\), one row"):
        Function("tests.test_degenerate.squeezed", **KEYS)


def softmaxed(clips: Frames) -> torch.Tensor:
    return logits(clips).softmax(1)


def test_probabilities_of_a_function_whose_classes_are_given_are_noticed(caplog) -> None:
    made = Function("tests.test_degenerate.softmaxed", classes=CLASSES, **KEYS)
    with caplog.at_level(logging.WARNING):
        made.scores(CLIPS)
        made.scores(CLIPS)
    assert caplog.text.count("set model.outputs=probabilities") == 1


def test_a_network_with_one_output_is_a_victim_of_two_classes(tmp_path: Path) -> None:
    made = ToyNet().make_net(1)
    torch.save(made.state_dict(), tmp_path / "one.pt")
    keys: dict[str, Any] = {"frames": 8, "size": 32, "short_side": 32}
    loaded = ToyNet(weights=str(tmp_path / "one.pt"), **keys)
    assert len(loaded.classes) == 2
    with torch.no_grad():
        second = made.eval()(loaded.preprocess(CLIPS)).sigmoid().numpy()
    assert np.abs(loaded.scores(CLIPS) - np.hstack([1 - second, second])).max() < 1e-5
    found = loaded.from_features(loaded.features(CLIPS)).softmax(1).numpy()
    assert np.abs(found - loaded.scores(CLIPS)).max() < 1e-5


class OneColour(Colours):
    def __init__(self, split: str, sampling: Sampling, classes: Any) -> None:
        super().__init__(split, sampling, ("red",))


def test_fine_tuning_on_one_class_is_refused(tmp_path: Path) -> None:
    class_ = {**CONFIG["dataset"], "_target_": "tests.test_degenerate.OneColour"}
    with pytest.raises(DatasetError, match=r"no classes to tell apart \(only red\)"):
        finetune({**CONFIG, "dataset": class_}, tmp_path)
