"""Protects a step of training: what an iteration counts, validates, notes and keeps, and that a run goes on
from its newest checkpoint, in games that it has not played yet."""

import csv
import json
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.arena_toys import plain, setup, yaml_of
from video_attack.agents.core import checkpoints
from video_attack.agents.policy.acting import Policy
from video_attack.agents.policy.networks import make_actor
from video_attack.agents.policy.sensitivity import Answer
from video_attack.envs.game.episode import AGENTS

module = pytest.importorskip("video_attack.agents.training.trainer")
ASKED = 40  # queries of an iteration


class ToyAlgo:
    """RLlib's algorithm without its learning: it counts its iterations, and plays one stroke in each."""

    def __init__(self) -> None:
        self.trained, self.actors = 0, {}
        self.metrics = SimpleNamespace(set_state=lambda state: None)
        everyone = SimpleNamespace(take_answers=self.take_answers, module=self)
        self.env_runner_group = SimpleNamespace(
            foreach_env_runner=lambda do, **_: [do(everyone)],
        )
        self.learner_group = SimpleNamespace(foreach_learner=lambda put: put(everyone))

    def __getitem__(self, agent: str) -> Any:
        return SimpleNamespace(actor=self.actors[agent])

    get_module = __getitem__

    def take_answers(self) -> list[Answer]:
        return [Answer(np.zeros(8, int), np.zeros(2, int), float(self.trained), 1.0, np.nan)]

    def get_state(self) -> dict[str, Any]:
        return {"metrics_logger": {}, "trained": self.trained}

    def set_state(self, state: dict[str, Any]) -> None:
        self.trained = state["trained"]


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Makes trainers of one run; `make.salts` is what RLlib's configuration was given."""
    monkeypatch.setattr(module, "iteration", one_more)

    def make(**keys: Any):
        algo = ToyAlgo()

        def ppo_config(config, frames, seed_salt, actor=None):
            make.salts.append(seed_salt)
            return SimpleNamespace(build_algo=lambda: algo)

        monkeypatch.setattr(module, "ppo_config", ppo_config)
        config = plain(
            algo=yaml_of("algo/ippo") | {"hidden": 2}, cluster=yaml_of("cluster/local"), clips=0,
            validation={"clips": 2, "every": 2}, keep_checkpoints=2, queries=3 * ASKED, resume=False,
            loggers={"csv": {"_target_": "video_attack.agents.training.trackers.csv_file.CsvFile"}},
        )  # fmt: skip
        trainer = module.Trainer(config | keys, setup(config), tmp_path)
        policy = trainer.policy
        algo.actors.update(
            {a: make_actor(a, policy.parts[a], policy.extents[a], 2) for a in AGENTS}
        )
        return trainer

    make.salts = []
    return make


def one_more(algo: ToyAlgo, cluster: Any) -> dict[str, Any]:
    """An iteration's result in RLlib's form; in the first one no episode ended."""
    algo.trained += 1
    ended = {"success": 0.25, "queries_per_clip": 7.0, "reward": 0.5, "norm": 3.0}
    attack = {"asked": float(ASKED), **(ended if algo.trained > 1 else {})}
    learners = {agent: {"entropy": 2.0 + k, "vf_loss": math.nan} for k, agent in enumerate(AGENTS)}
    return {"env_runners": {"attack": attack}, "learners": learners}


def lines_of(trainer) -> list[dict[str, Any]]:
    return [json.loads(line) for line in trainer.lines.read_text().splitlines()]


def test_an_iteration_counts_validates_when_it_is_due_notes_and_keeps(make, tmp_path) -> None:
    trainer = make()
    for _ in range(3):
        trainer.iterate()
    lines = lines_of(trainer)
    assert [line["iteration"] for line in lines] == [1, 2, 3]
    assert [line["queries"] for line in lines] == [ASKED, 2 * ASKED, 3 * ASKED]
    validated = ["validation_reward" in line for line in lines]
    assert validated == [False, True, True], "every second one, and the last"
    spent = [line["validation_queries"] for line in lines]
    assert spent[0] == 0 and spent[1] > 0 and spent[2] > spent[1]
    assert lines[0]["success"] is None and "NaN" not in trainer.lines.read_text()
    assert (lines[1]["success"], lines[1]["norm"], lines[1]["reward"]) == (0.25, 3.0, 0.5)
    assert (lines[1]["spatial_entropy"], lines[1]["temporal_entropy"]) == (2.0, 3.0)
    assert 0 < lines[0]["seconds"] < lines[1]["seconds"] < lines[2]["seconds"]
    best = max(line["validation_reward"] for line in lines[1:])
    assert Policy.load(tmp_path).facts["reward"] == trainer.best == best
    kept = [path.name[-1] for path in checkpoints.saved(tmp_path / "checkpoints")]
    assert kept == ["2", "3"]
    with (tmp_path / "progress.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["queries"] for row in rows] == [str(line["queries"]) for line in lines]
    assert rows[0]["success"] == "" and rows[1]["success"] == "0.25", (
        "what is not finite is left out"
    )
    assert [a.drop for a in trainer.sensitivity.answers] == [1.0, 2.0, 3.0]


def test_a_run_goes_on_from_its_newest_checkpoint_in_games_of_its_own(make, tmp_path) -> None:
    first = make()
    for _ in range(2):
        first.iterate()
    before = lines_of(first)
    with first.lines.open("a") as lines:
        lines.write(json.dumps({**before[1], "iteration": 3}) + '\n{"iteration": 4, "que')
    again = make(resume=True)
    assert make.salts == [0, 1], "a seed's games are not played twice"
    assert again.algo.trained == 2
    assert [a.drop for a in again.sensitivity.answers] == [1.0, 2.0]
    assert again.state == {**first.state, "resumes": 1}
    assert again.best == first.best > -math.inf
    assert lines_of(again) == before, "what comes after the checkpoint is done again"
    again.iterate()
    assert (again.state["iteration"], again.state["queries"]) == (3, 3 * ASKED)
    assert make(resume=True).state["resumes"] == 2 and make.salts == [0, 1, 2]


def test_a_new_run_takes_nothing_of_what_lies_in_its_folder(make, tmp_path) -> None:
    trainer = make()
    trainer.iterate()
    trainer.iterate()
    new = make()
    assert (new.state["iteration"], new.best, new.sensitivity.answers) == (0, -math.inf, [])
