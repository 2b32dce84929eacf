"""Protects the main job: training learns, survives SIGKILL with its counters, leaves a policy that
acts without Ray, and runs on a cluster of several nodes with the victim in an actor."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml

from tests.test_trust import Touch
from tests.toys import brighten
from video_attack.agents.core.checkpoints import restore
from video_attack.agents.core.errors import CheckpointError
from video_attack.agents.policy.acting import Policy, game_from
from video_attack.agents.policy.sensitivity import SensitivityTables
from video_attack.envs.game.bound import BoundConfig
from video_attack.envs.game.config import GameConfig
from video_attack.envs.game.moves import Moves
from video_attack.envs.game.palette import Palette

ROOT = Path(__file__).parents[1]
FLAGS = ["--config-dir", "tests/conf"]
TOY = ["model=toy", "dataset=toy", "distortion=toy", "env=toy", "algo.batch=256",
       "algo.minibatch=128", "cluster.cpus=2", "threads=1", "validation.clips=8",
       "validation.every=2", "clips=16", "examples=1"]  # fmt: skip


def start(script: str, *overrides: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, script, *FLAGS, *TOY, *overrides], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def finish(script: str, *overrides: str) -> str:
    process = start(script, *overrides)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return output


def progress(run_dir: Path) -> list[dict]:
    path = run_dir / "progress.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_killed_run_goes_on_with_its_counters_and_its_policy_acts_without_ray(tmp_path) -> None:
    run_dir = tmp_path / "run"
    rest = [f"run_dir={run_dir}"]
    process = start("train.py", *rest, "queries=100000")
    deadline = time.monotonic() + 120
    while len(progress(run_dir)) < 3 and time.monotonic() < deadline:
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)
    output, _ = process.communicate()
    assert len(progress(run_dir)) >= 3, output
    saved = max(
        json.loads(p.read_text())["iteration"]
        for p in run_dir.glob("checkpoints/iteration_*/state.json")
    )
    assert saved >= 2

    output = finish("train.py", *rest, "queries=3000", "resume=true")
    lines = progress(run_dir)
    assert [line["iteration"] for line in lines] == list(range(1, len(lines) + 1))
    resumed = [line for line in lines if line["resumes"] == 1]
    assert resumed[0]["iteration"] == saved + 1
    before = next(line for line in lines if line["iteration"] == saved)
    assert resumed[0]["queries"] == before["queries"] + resumed[0]["asked"]
    assert resumed[-1]["queries"] >= 3000
    assert "marl" in output and "random" in output  # the table at the end
    assert (run_dir / "policy.pt").exists() and list((run_dir / "test/examples").glob("*.mp4"))

    # The policy is enough: evaluation may not even import Ray.
    code = (
        "import sys; sys.modules['ray'] = None; sys.argv = ['evaluate.py', *sys.argv[1:]];"
        "import runpy; runpy.run_path('evaluate.py', run_name='__main__')"
    )
    evaluated = subprocess.run(
        [sys.executable, "-c", code, "--config-dir", "tests/conf", f"checkpoint={run_dir}",
         f"run_dir={tmp_path}/eval", "clips=8", "threads=1"],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert evaluated.returncode == 0, evaluated.stderr
    records = [json.loads(line) for line in (tmp_path / "eval/records.jsonl").open()]
    assert len(records) == 8 and {r["attack"] for r in records} == {"marl"}


@pytest.mark.slow
def test_agents_learn_where_and_when_the_toy_is_sensitive(tmp_path) -> None:
    run_dir = tmp_path / "run"
    finish("train.py", f"run_dir={run_dir}", "queries=12000", "algo.batch=1024")
    records = [json.loads(line) for line in (run_dir / "test/records.jsonl").open()]
    spent = {
        name: [
            r["first_success"] or r["budget"]
            for r in records
            if r["attack"] == name and r["attacked"]
        ]
        for name in ("marl", "random")
    }
    assert sum(spent["marl"]) < 0.5 * sum(spent["random"])


@pytest.mark.slow
@pytest.mark.parametrize("runners", [0, 2])
def test_what_was_learned_of_the_victim_is_in_the_policy_that_played(tmp_path, runners) -> None:
    """Through learner and runners of a real run: only its last iteration is validated."""
    run_dir = tmp_path / "run"
    finish("train.py", f"run_dir={run_dir}", "queries=800", "validation.every=1000", "clips=0",
           f"cluster.runners={runners}", "cluster.games_per_runner=8")  # fmt: skip
    policy = Policy.load(run_dir)
    game = game_from(policy.game)
    config = yaml.safe_load((run_dir / "config.yaml").read_text())
    palette = Palette(brighten, BoundConfig(), game)
    tables = SensitivityTables(Moves(game, palette, policy.frames), config["algo"]["sharpness"])
    tables.load(sorted((run_dir / "checkpoints").glob("*/sensitivity.pt"))[-1])
    assert len(tables.answers) > 100
    for agent, actor in policy.actors.items():
        learned = tables.logits(agent)
        assert learned.any(dim=1).all() and torch.equal(actor.table, learned)


@pytest.mark.slow
@pytest.mark.parametrize("algo", ["ippo", "mappo"])
def test_cluster_of_two_nodes_with_the_victim_in_an_actor(tmp_path, algo) -> None:
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    try:
        cluster.add_node(num_cpus=2)
        finish(
            "train.py", f"run_dir={tmp_path}/run", "cluster=ray", f"algo={algo}",
            f"cluster.address={cluster.address}", "cluster.cpus=null", "cluster.runners=2",
            "cluster.games_per_runner=4",
            "queries=1500",
        )  # fmt: skip
    finally:
        cluster.shutdown()
    lines = progress(tmp_path / "run")
    assert lines[-1]["queries"] >= 1500


@pytest.mark.parametrize("name", ["rllib.pt", "sensitivity.pt"])
@pytest.mark.parametrize("damage", ["cut", "pickle", "gone"])
def test_a_damaged_checkpoint_is_named_and_nothing_in_it_is_run(tmp_path, name, damage) -> None:
    newest = tmp_path / "iteration_000001"
    newest.mkdir()
    (newest / "state.json").write_text("{}")
    palette = Palette(brighten, BoundConfig(), GameConfig())
    tables = SensitivityTables(Moves(GameConfig(), palette, 8), 1.0)
    also, algo = {"sensitivity.pt": tables.load}, Stateless()
    torch.save({"metrics_logger": {}}, newest / "rllib.pt")
    tables.save(newest / "sensitivity.pt")
    restore(algo, tmp_path, also)  # type: ignore[arg-type]
    if damage == "cut":
        (newest / name).write_bytes((newest / name).read_bytes()[:100])
    elif damage == "pickle":
        torch.save({"tables": Touch(tmp_path / "HIT")}, newest / name)
    else:
        (newest / name).unlink()
    with pytest.raises(CheckpointError, match=r"iteration_000001 cannot be read \(.*: delete it"):
        restore(algo, tmp_path, also)  # type: ignore[arg-type]
    assert not (tmp_path / "HIT").exists()


class Stateless:
    """An algorithm of RLlib's that has nothing to restore."""

    @property
    def metrics(self) -> "Stateless":
        return self

    def set_state(self, state: dict) -> None:
        return None


def test_resume_without_a_checkpoint_says_so(tmp_path) -> None:
    process = start("train.py", f"run_dir={tmp_path}", "resume=true")
    output, _ = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "error: " in output and "holds no run: start without resume=true" in output
    assert "Traceback" not in output


def test_a_folder_that_holds_a_run_is_not_written_over(tmp_path) -> None:
    (tmp_path / "config.yaml").write_text("{}")
    (tmp_path / "checkpoints/iteration_000001").mkdir(parents=True)
    (tmp_path / "checkpoints/iteration_000001/state.json").write_text("{}")
    process = start("train.py", f"run_dir={tmp_path}")
    output, _ = process.communicate(timeout=120)
    assert process.returncode != 0 and "holds a run" in output and "Traceback" not in output
