"""Protects checkpoints as people have them: any container, any one prefix; of several networks that
fit none is taken by chance, and where none fits the faults are those of the one that comes nearest."""

import argparse
import collections
import datetime
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.toy_net import ToyNet
from video_attack.envs.victims.base import VictimError
from video_attack.envs.victims.weights import load_into, load_state


def net(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def under(prefix: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + key: value for key, value in state.items()}


TRAINED = net(1).state_dict()
AVERAGE = net(2).state_dict()
OPTIMIZER = {"state": {i: {"exp_avg": torch.ones(3), "step": torch.ones(1)} for i in range(6)}}


@pytest.mark.parametrize(
    "file",
    [
        TRAINED,
        {"state_dict": TRAINED},
        {"model": TRAINED, "optimizer": OPTIMIZER},
        {"model_state": TRAINED, "epoch": 3},
        # PyTorch's own tutorial of saving and loading a general checkpoint.
        {"epoch": 5, "model_state_dict": TRAINED, "optimizer_state_dict": OPTIMIZER, "loss": 0.4},
        {"net": TRAINED},  # as asked on forums of PyTorch: "missing keys" with a container "net"
        {"module": TRAINED, "ds_version": "0.9"},  # DeepSpeed, as VideoMAE's fine-tuning saves
        {"checkpoint": {"model": {"weights": TRAINED}}},
        {"model": {"state_dict": TRAINED}},
        {"models": [under("module.", TRAINED)], "epochs": (1, 2)},
        under("module.", TRAINED),  # DistributedDataParallel
        {"state_dict": under("model.", TRAINED)},  # Lightning
        {"state_dict": {**under("model.", TRAINED), "criterion.weight": torch.ones(2)}},
        under("_orig_mod.", TRAINED),  # torch.compile, as reported of its state_dict
        {"model": under("module._orig_mod.", TRAINED)},
        under("backbone.net.", TRAINED),
        {"state_dict": TRAINED, "state_dict_ema": AVERAGE},  # timm
        {"model": under("module.", TRAINED), "model_ema": under("module.", AVERAGE)},
        {key: v for key, v in TRAINED.items() if "num_batches" not in key},
    ],
)
def test_whatever_one_mapping_and_one_prefix_fit_are_taken(file: dict[str, Any]) -> None:
    module = net()
    load_into(module, file, "net.pt")
    assert all(torch.equal(v, TRAINED[k]) for k, v in module.state_dict().items() if "num" not in k)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ({"teacher": TRAINED, "student": AVERAGE}, r"2 networks that fit \(teacher, student\)"),
        (
            {"state_dict": {**under("model.", TRAINED), **under("ema.", AVERAGE)}},
            r"2 networks that fit \(state_dict: model\.\*, state_dict: ema\.\*\)",
        ),
        ({"a": {"x": TRAINED}, "b": AVERAGE, "c": TRAINED}, "3 networks that fit"),
    ],
)
def test_of_several_networks_none_is_taken_by_chance(file: dict[str, Any], words: str) -> None:
    with pytest.raises(VictimError, match=f"{words}.*save the state_dict"):
        load_into(net(), file, "net.pt")


@pytest.mark.parametrize("container", ["model_state_dict", "net", None])
def test_faults_are_those_of_what_comes_nearest(container: str | None) -> None:
    state = under("model.", {**TRAINED, "3.weight": torch.ones(1)})
    del state["model.0.bias"]
    file: dict[str, Any] = {container: state, "other": {"x": torch.ones(1)}} if container else state
    with pytest.raises(VictimError, match=r"1 missing \(0\.bias\); 1 unexpected \(3\.weight\)"):
        load_into(net(), file, "net.pt")


def test_a_file_without_tensors_is_told() -> None:
    with pytest.raises(VictimError, match="holds no tensors: save"):
        load_into(net(), {"epoch": 3, "args": {}}, "net.pt")


@pytest.mark.parametrize("container", ["model_state_dict", "state_dict", "network"])
def test_networks_of_victims_are_found_and_tell_their_classes(
    tmp_path: Path, container: str
) -> None:
    made = ToyNet(seed=3)
    state = under("model.module.", made.net.state_dict())
    torch.save({container: state, "epoch": 1}, tmp_path / "a.pt")
    loaded = ToyNet(weights=str(tmp_path / "a.pt"))
    assert len(loaded.classes) == 5
    assert torch.equal(loaded.net.get_submodule("out").weight, made.net.get_submodule("out").weight)


@pytest.mark.parametrize(
    "wrap", [lambda s: (s, 3), lambda s: [{"model": s}, None], lambda s: {"best": (0.9, s)}]
)
def test_lists_and_tuples_are_containers_too(tmp_path: Path, wrap: Any) -> None:
    torch.save(wrap(under("module.", TRAINED)), tmp_path / "a.pt")
    module = net()
    load_into(module, load_state(tmp_path / "a.pt"), "a.pt")
    assert torch.equal(module.state_dict()["0.weight"], TRAINED["0.weight"])


# Objects beside the tensors


class History:
    """As MMEngine's HistoryBuffer, which MMAction2's checkpoints hold ("Weights only load failed")."""

    def __init__(self) -> None:
        self.values = collections.deque([1, 2], 9)
        self.methods = {"mean": History.mean}
        self.other = collections.defaultdict(list, a=[1])

    @classmethod
    def mean(cls) -> float:
        return 0.0


class Command:
    """Runs a command when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.file}",)


class Evaluation(Command):
    def __reduce__(self) -> tuple[Any, ...]:
        return eval, (f"open({str(self.file)!r}, 'w')",)


@pytest.mark.parametrize(
    "beside",
    [
        argparse.Namespace(lr=0.1, output=Path("out")),  # "args" of VideoMAE's and timm's
        History(),
        np.float64(71.3),  # a best accuracy
        {"when": datetime.datetime(2026, 1, 1), "mean": np.zeros(3)},
        nn.Linear(2, 2),
    ],
)
def test_objects_beside_the_tensors_do_no_harm(tmp_path: Path, beside: object) -> None:
    torch.save({"model": TRAINED, "args": beside}, tmp_path / "a.pt")
    module = net()
    load_into(module, load_state(tmp_path / "a.pt"), "a.pt")
    assert torch.equal(module[0].weight, TRAINED["0.weight"])


@pytest.mark.parametrize("kind", [Command, Evaluation])
def test_nothing_in_a_file_is_run(tmp_path: Path, kind: type[Command]) -> None:
    torch.save({"model": TRAINED, "args": kind(tmp_path / "made")}, tmp_path / "a.pt")
    try:
        load_state(tmp_path / "a.pt")
    except VictimError as error:
        assert "is not a checkpoint of plain tensors" in str(error)
    assert not (tmp_path / "made").exists()
