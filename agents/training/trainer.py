"""Training: PPO iterations, validation of the policies, checkpoints, and a table at the end."""

import json
import logging
import math
import time
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import torch

from video_attack.agents.attacks.play.marl import Marl
from video_attack.agents.attacks.play.random_moves import RandomMoves
from video_attack.agents.cluster.ray_start import start_ray, stop_ray
from video_attack.agents.cluster.remote_victim import RemoteVictim
from video_attack.agents.cluster.victim_server import start_victim_actor
from video_attack.agents.core import checkpoints
from video_attack.agents.core.files import write_whole
from video_attack.agents.core.progress import Progress
from video_attack.agents.evaluation.arena import attack_clips
from video_attack.agents.evaluation.runner import evaluate
from video_attack.agents.policy.acting import Policy
from video_attack.agents.policy.sensitivity import SensitivityTables
from video_attack.agents.report.figures.pictures import learning_curve_picture
from video_attack.agents.setup.attack_setup import AttackSetup, build_setup
from video_attack.agents.training.ppo import ppo_config
from video_attack.agents.training.rllib_env import shared
from video_attack.agents.training.rllib_workers import check_cluster, iteration, need_room
from video_attack.agents.training.trackers.base import check_trackers, open_trackers
from video_attack.envs.datasets.base import DatasetError
from video_attack.envs.game.episode import AGENTS
from video_attack.envs.game.moves import Moves
from video_attack.envs.game.palette import Palette
from video_attack.envs.metrics.summary import summary

log = logging.getLogger(__name__)


def train(config: dict[str, Any], run_dir: Path) -> Path:
    """Train both agents; returns the path of the best policy.

    Args:
        config: the plain configuration (see agents/configs/schema.py).
        run_dir: the run's folder; with `resume`, one that holds a checkpoint of the same settings.
    """
    if config["threads"]:
        torch.set_num_threads(config["threads"])
    check_trackers(config)
    inline = config["cluster"]["victim"] == "inline"
    setup = build_setup(config) if inline else None  # its errors show before Ray has started
    cluster = config["cluster"]
    check_cluster(cluster)
    start_ray(cluster["address"], cluster["cpus"])
    try:
        need_room(cluster)
        actor = None
        if setup is None:
            # The server lives as long as this handle to it.
            actor, _server = place_victim(config)
            setup = build_setup(config, RemoteVictim(actor))
        best = Trainer(config, setup, run_dir, actor).run()
        if config["clips"]:
            threat_model = setup.threat_model()
            evaluate(
                [Marl(threat_model, best), RandomMoves(threat_model)],
                setup,
                config,
                run_dir / "test",
            )
    finally:
        stop_ray()
    return best


def place_victim(config: dict[str, Any]) -> tuple[str, Any]:
    """Start the victim's actor; its name, and the handle with whose end it ends."""
    name = f"victim-{uuid.uuid4().hex[:8]}"
    return name, start_victim_actor(config, name, config["cluster"]["victim_gpus"])


class Trainer:
    """One training run.

    Args:
        config: the plain configuration.
        setup: what is attacked; games that are played in this process share its victim.
        run_dir: the run's folder.
        actor: name of the actor that the victim lives in; None: each process has its own.

    Attributes:
        state: counters that go on after a resume: iteration, queries (of training),
            validation_queries, seconds, resumes.
    """

    def __init__(
        self, config: dict[str, Any], setup: AttackSetup, run_dir: Path, actor: str | None = None
    ) -> None:
        self.config, self.setup, self.run_dir = config, setup, run_dir
        self.folder = run_dir / "checkpoints"
        for split in ("validation", "test") if config["clips"] else ("validation",):
            setup.dataset(split)  # a missing file should stop the run now, not at its end
        self.state: dict[str, Any] = {"iteration": 0, "queries": 0, "validation_queries": 0,
                                      "seconds": 0.0, "resumes": 0}  # fmt: skip
        if config["resume"]:
            self.state = checkpoints.read_state(self.folder)
            self.state["resumes"] += 1
        frames = setup.victim.sampling.frames
        rllib = ppo_config(config, frames, self.state["resumes"], actor)
        with shared(setup):
            self.algo = rllib.build_algo()
        palette = Palette(setup.distort, setup.bound, setup.game)
        moves = Moves(setup.game, palette, frames)
        self.policy = Policy.fresh(moves, config["algo"]["hidden"], config["distortion"])
        self.sensitivity = SensitivityTables(moves, config["algo"]["sharpness"])
        if config["resume"]:
            also = {"sensitivity.pt": self.sensitivity.load}
            checkpoints.restore(self.algo, self.folder, also)
        self.best = self._best_so_far()
        self.lines = run_dir / "progress.jsonl"
        self._forget_what_is_done_again()
        self.trackers = open_trackers(config, run_dir, self.state["queries"])

    def run(self) -> Path:
        """Iterate until the queries are spent; returns the path of the best policy."""
        limit = self.config["queries"]
        bar = Progress("training", limit, "queries", self.state["queries"])
        while self.state["queries"] < limit:
            facts = self.iterate()
            bar.advance(
                int(facts["asked"]), success=facts["success"], queries_per_clip=facts["queries_per_clip"],
                norm=facts["norm"], best=self.best if math.isfinite(self.best) else "-",
            )  # fmt: skip
        bar.close()
        for tracker in self.trackers:
            tracker.close()
        done = [json.loads(line) for line in self.lines.read_text().splitlines()]
        # None (no episode ended) becomes a gap in the curve.
        success, spent = (
            [math.nan if d[key] is None else float(d[key]) for d in done]
            for key in ("success", "queries_per_clip")
        )
        iterations = [int(d["iteration"]) for d in done]
        learning_curve_picture(self.run_dir / "learning.png", iterations, success, spent)
        self.algo.stop()
        return self.run_dir / "policy.pt"

    def iterate(self) -> dict[str, float]:
        """One PPO iteration with its records, validation (when due) and checkpoint."""
        began = time.monotonic()
        result = iteration(self.algo, self.config["cluster"])
        self._learn_sensitivity()
        attack = result["env_runners"]["attack"]
        facts = {
            key: float(attack.get(key, math.nan))
            for key in ("success", "queries_per_clip", "norm", "reward", "asked")
        }
        self.state["iteration"] += 1
        self.state["queries"] += int(facts["asked"])
        last = self.state["queries"] >= self.config["queries"]
        if last or self.state["iteration"] % self.config["validation"]["every"] == 0:
            facts |= self.validate()
        self.state["seconds"] += time.monotonic() - began
        self._record(facts, result)
        checkpoints.save(
            self.algo, self.folder, self.state, self.config["keep_checkpoints"],
            {"sensitivity.pt": self.sensitivity.save},
        )  # fmt: skip
        return facts

    def _learn_sensitivity(self) -> None:
        """Fit the tables to all answers so far, and let the agents go on from them."""
        runners = self.algo.env_runner_group
        for answers in runners.foreach_env_runner(
            lambda runner: runner.take_answers(),
            timeout_seconds=self.config["cluster"]["sample_timeout_s"],  # none waits for a late one
        ):
            self.sensitivity.answers += answers
        self.sensitivity.fit()
        tables = {agent: self.sensitivity.logits(agent) for agent in AGENTS}

        def put(owner: Any) -> None:
            for agent, table in tables.items():
                owner.module[agent].actor.table.copy_(table)

        # By hand to both: RLlib sends runners no weights that bear the number of the last ones.
        self.algo.learner_group.foreach_learner(put)
        runners.foreach_env_runner(put, timeout_seconds=0)  # a worker takes its calls in turn

    def validate(self) -> dict[str, float]:
        """Attack validation clips with the present policies; keep them if they are the best."""
        self.policy.load_actors(
            {agent: self.algo.get_module(agent).actor.state_dict() for agent in AGENTS}
        )
        attack = Marl(self.setup.threat_model(), self.policy)
        records = attack_clips(
            attack, self.setup, "validation", self.config["validation"]["clips"],
            seed=self.config["seed"], width=self.config["side_by_side"],
        )  # fmt: skip
        found = summary(records)
        self.state["validation_queries"] += sum(record["queries"] for record in records)
        if not found["attacked"]:
            raise DatasetError(
                f"the victim gets all {len(records)} validation clips wrong, so that there is nothing to "
                "flip: ask for its accuracy with evaluate.py attack=none and the same data set and "
                "model; its class names may be in another order than its scores (model.labels), or "
                "validation.clips too few"
            )
        # What training maximises; success, queries and norm as the user weighs them.
        reward = float(np.mean([record["reward"] for record in records if record["attacked"]]))
        if reward > self.best:
            self.best = reward
            self.policy.facts = {
                "iteration": self.state["iteration"], "queries": self.state["queries"],
                "reward": reward, "asr": found["asr"], "aq": found["aq"], "l2": found["l2"],
            }  # fmt: skip
            self.policy.save(self.run_dir / "policy.pt")
        shown = {"reward": reward, **{key: float(found[key]) for key in ("asr", "aq", "l2")}}
        return {f"validation_{key}": value for key, value in shown.items()}

    def _forget_what_is_done_again(self) -> None:
        """Drop progress that was written after the checkpoint from which the run goes on."""
        if not self.lines.exists():
            return
        kept = [
            line
            for line in self.lines.read_text().splitlines(keepends=True)
            if line.endswith("\n") and json.loads(line)["iteration"] <= self.state["iteration"]
        ]
        write_whole(self.lines, "".join(kept).encode())

    def _best_so_far(self) -> float:
        path = self.run_dir / "policy.pt"
        if not (self.config["resume"] and path.exists()):
            return -math.inf
        return float(Policy.load(path).facts["reward"])

    def _record(self, facts: dict[str, float], result: dict[str, Any]) -> None:
        learners = result["learners"]
        for agent in AGENTS:
            for key in ("entropy", "vf_explained_var", "policy_loss", "vf_loss", "mean_kl_loss"):
                if key in learners[agent]:
                    facts[f"{agent}_{key}"] = float(learners[agent][key])
        # Not finite: no episode ended, so that there is nothing to show.
        shown = {key: value for key, value in facts.items() if math.isfinite(value)}
        for tracker in self.trackers:
            tracker.log(shown, self.state["queries"])
        line = {key: None if math.isnan(value) else value for key, value in facts.items()}
        with self.lines.open("a") as lines:
            lines.write(json.dumps({**self.state, **line}) + "\n")
