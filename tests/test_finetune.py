"""Protects fine-tuning: a network learns new classes with its last layer or all of them, the
result loads as a victim, a run goes on exactly where it stopped, and faults are one sentence."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.toy_net import Colours, ToyNet
from video_attack.agents.core.build import build
from video_attack.agents.core.errors import CheckpointError, ConfigError
from video_attack.agents.core.progress import Progress
from video_attack.agents.finetune.finetune import finetune

ROOT = Path(__file__).parents[1]
MODEL = {"_target_": "tests.toy_net.ToyNet", "frames": 8, "size": 16, "short_side": 16}
CONFIG: dict[str, Any] = {
    "dataset": {"_target_": "tests.toy_net.Colours"},
    "model": {**MODEL, "feedback": "scores", "top_k": 5},
    "layers": "head", "classes": None, "epochs": 40, "batch": 8, "lr": 0.03, "weight_decay": 0.01,
    "mirror": True, "seed": 0, "threads": 1, "resume": False,
}  # fmt: skip


@pytest.mark.parametrize(("layers", "file", "key"), [
    ("head", "head.pt", "head"), ("all", "victim.pt", "weights"),
])  # fmt: skip
def test_new_classes_are_learnt_and_the_result_is_a_victim(
    layers, file, key, tmp_path, capsys
) -> None:
    made = finetune({**CONFIG, "layers": layers}, tmp_path)
    assert made == tmp_path / file
    said = capsys.readouterr().out
    assert f"model.{key}={made}" in said
    right = int(said.split("(")[1].split(" of 24")[0])
    assert right >= 20, said
    victim = build("model", {**MODEL, key: str(made)})
    assert victim.classes == Colours.own
    clips = [clip for clip in Colours("test", victim.sampling, None)]
    predicted = victim.scores(np.stack([clip.frames for clip in clips])).argmax(1)
    assert sum(predicted == [clip.label for clip in clips]) == right


def test_only_the_last_layer_moves_with_a_head_and_all_do_otherwise(tmp_path) -> None:
    before = ToyNet(**{k: v for k, v in MODEL.items() if k != "_target_"}).net.state_dict()
    (tmp_path / "all").mkdir()
    finetune({**CONFIG, "layers": "all", "epochs": 2}, tmp_path / "all")
    after = torch.load(tmp_path / "all/victim.pt", weights_only=True)["state_dict"]
    assert not torch.equal(before["conv.weight"], after["conv.weight"])
    assert torch.equal(before["norm.running_mean"], after["norm.running_mean"])
    finetune({**CONFIG, "epochs": 2}, tmp_path)
    assert set(torch.load(tmp_path / "head.pt", weights_only=True)) == {"weight", "bias", "classes"}


def test_classes_may_be_named_in_another_order(tmp_path) -> None:
    made = finetune({**CONFIG, "classes": ["blue", "red", "green"], "epochs": 1}, tmp_path)
    assert torch.load(made, weights_only=True)["classes"] == ["blue", "red", "green"]


@pytest.mark.parametrize("layers", ["head", "all"])
def test_a_killed_run_goes_on_to_the_same_weights(layers, tmp_path, monkeypatch) -> None:
    config = {**CONFIG, "layers": layers, "epochs": 6}
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    unbroken.mkdir()
    broken.mkdir()
    finetune(config, unbroken)
    advance = Progress.advance

    def die_in_the_third_epoch(self: Progress, by: int, **facts: float | str) -> None:
        advance(self, by, **facts)
        if self.name == "fine-tuning" and self.count == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "advance", die_in_the_third_epoch)
    with pytest.raises(KeyboardInterrupt):
        finetune(config, broken)
    monkeypatch.undo()
    finetune({**config, "resume": True}, broken)
    first, second = (
        torch.load(f / "last.pt", weights_only=True)["net"] for f in (unbroken, broken)
    )
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_faults_are_one_sentence(tmp_path) -> None:
    for changes, error, words in (
        ({"model": {"_target_": "tests.toys.BrightnessVictim"}}, ConfigError, "NetVictim"),
        ({"resume": True}, CheckpointError, "no finished epoch"),
        ({"lr": 1e30, "layers": "all"}, ConfigError, "lower lr"),
    ):
        with pytest.raises(error, match=words):
            finetune({**CONFIG, **changes}, tmp_path)


class Scaled(ToyNet):
    """A network whose scores are not those of its last layer."""

    def logits(self, clips):
        return super().logits(clips) * 3 + 1


def test_a_last_layer_that_sees_more_than_averages_is_refused(tmp_path) -> None:
    model = {**CONFIG["model"], "_target_": "tests.test_finetune.Scaled"}
    with pytest.raises(ConfigError, match="layers=all"):
        finetune({**CONFIG, "model": model}, tmp_path)


def test_the_command_line(tmp_path) -> None:
    command = [sys.executable, "-m", "video_attack.agents.finetune", "--config-dir", "tests/conf",
               "model=toy_net", "dataset=colours", f"run_dir={tmp_path}/run", "epochs=2"]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "test accuracy" in done.stdout and "train-7.avi" in done.stderr + done.stdout
    again = subprocess.run(
        [*command, "layers=haed"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "error: layers='haed': choose head or all" in again.stderr
