"""Whole runs on toys, for tests of evaluations."""

import json
import time
from pathlib import Path

import av
import numpy as np
from omegaconf import OmegaConf

from tests.toys import BrightnessVictim, brighten
from video_attack.agents.attacks.base import Attack
from video_attack.agents.evaluation.arena import contenders
from video_attack.agents.evaluation.runner import evaluate
from video_attack.agents.setup.attack_setup import AttackSetup, build_game

ROOT = Path(__file__).parents[1]
RANDOM = {
    "_target_": "video_attack.agents.attacks.play.random_moves.RandomMoves"
}  # flips some only
RAMP = {"_target_": "tests.arena_toys.Ramp"}
CLIPS = 10


class Ramp(Attack):
    """Brightens the whole clip little by little; fails at a clip if told to.

    Args:
        rules: see ThreatModel.
        step: levels a query.
        fails_at: id of a clip.
    """

    name = "ramp"

    def __init__(self, rules, step=20, fails_at=None):
        super().__init__(rules)
        self.step, self.fails_at = step, fails_at

    def moves(self, task):
        light = 0
        while True:
            if task.ledger.clip.id == self.fails_at and light > 2 * self.step:
                raise ZeroDivisionError("the attack divides by nothing")
            light += self.step
            frames = task.ledger.clip.frames.astype(int) + light
            yield np.minimum(frames, 255).astype(np.uint8)[None]


class SlowVictim(BrightnessVictim):
    """Takes its time, so that a run can be killed in the middle."""

    def answer(self, clips):
        time.sleep(0.004 * len(clips))
        return super().answer(clips)


def plain(**keys):
    """A run's configuration on toys."""
    game = {**yaml_of("env/default"), "budget": 30, "grid": 4, "sizes": [0.5, 1.0],
            "windows": [4, 8], "strengths": [0.5, 1.0]}  # fmt: skip
    return {
        "model": {"_target_": "tests.toys.BrightnessVictim", "feedback": "scores", "top_k": 5},
        "defence": {"_target_": None},
        "dataset": {"_target_": "tests.toy_dataset.ToyDataset"},
        "distortion": {"_target_": "tests.toys.brighten", "severity": 5},
        "env": game, "seed": 0, "clips": CLIPS, "examples": 0, "side_by_side": 4, "threads": 1,
        "attack": None, "attacks": {"random": RANDOM, "ramp": RAMP}, "codec_in_loop": None,
        "file_check": True, "workers": 0, "worker_gpus": 0, "ray_address": "local",
        "checkpoint": None, **keys,
    }  # fmt: skip


def yaml_of(name):
    return OmegaConf.to_container(OmegaConf.load(ROOT / f"conf/{name}.yaml"))


def setup(config, victim=None, dataset=None):
    victim = victim or BrightnessVictim()
    built = AttackSetup(config, victim, brighten, 5, build_game(config["env"]))
    if dataset is not None:
        built._datasets["test"] = dataset
    return built


def run(folder, victim=None, dataset=None, resume=False, **keys):
    config = plain(**keys)
    built = setup(config, victim, dataset)
    return evaluate(contenders(built, config), built, config, folder, resume=resume)


def timeless(folder):
    """The records of a run as a sorted list, without times."""
    lines = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    for line in lines:
        assert line.pop("seconds") >= 0
    return sorted(lines, key=lambda line: (line["attack"], line["index"]))


def read(path):
    with av.open(str(path)) as file:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)])
