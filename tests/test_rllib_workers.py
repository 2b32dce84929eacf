"""Protects runs from their workers: what cannot be placed, is late, fails or has no GPU costs one sentence,
and a worker that dies comes back.

Reports of the kinds: ray 2541 (workers without room, and not a word); ray 45826 and 63302 (workers later
than sample_timeout_s); ray 43866 and 47364 (a GPU that is not there); ray 56709 (an env runner dies).
"""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import ray
from shells import ROOT, command, descendants, lives, run

from video_attack.agents.cluster.ray_start import need
from video_attack.agents.core.errors import ConfigError
from video_attack.agents.evaluation.workers import check_workers
from video_attack.agents.training.rllib_workers import check_cluster, iteration
from video_attack.envs.victims.base import VictimError

LOCAL = {"address": "local", "cpus": None, "runners": 0, "games_per_runner": 16, "runner_cpus": 1,
         "victim": "inline", "victim_gpus": 0, "learner_gpus": 0, "sample_timeout_s": 600}  # fmt: skip
SLOW = ["model._target_=tests.worker_toys.SlowVictim", "+model.seconds=0.7"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"victim_gpus": 0.5}, r"cluster\.victim_gpus=0\.5 .* cluster\.victim=actor"),
        ({"learner_gpus": 99}, r"cluster\.learner_gpus=99: PyTorch sees \d+ GPUs"),
        ({"cpus": 2, "address": "auto"}, r"cluster\.cpus=2 .* leave cluster\.cpus out"),
        ({"cpus": 0}, r"cluster\.cpus=0: must be at least 1"),
        ({"runners": -1}, r"cluster\.runners=-1: must be at least 0"),
        ({"games_per_runner": 0}, r"cluster\.games_per_runner=0: must be at least 1"),
        ({"sample_timeout_s": 0}, r"cluster\.sample_timeout_s=0: must be above 0"),
    ],
)
def test_a_cluster_that_cannot_be_is_refused_before_ray_starts(given, words) -> None:
    check_cluster(LOCAL)
    with pytest.raises(ConfigError, match=words):
        check_cluster({**LOCAL, **given})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"workers": -1}, "workers=-1: must be at least 0"),
        ({"worker_gpus": 0.5}, "worker_gpus=0.5 is of workers"),
        ({"ray_address": "auto"}, "ray_address=auto is of workers"),
    ],
)
def test_workers_that_cannot_be_are_refused(given, words) -> None:
    plain = {"workers": 0, "worker_gpus": 0, "ray_address": "local"}
    check_workers(plain)
    with pytest.raises(ConfigError, match=words):
        check_workers({**plain, **given})


@pytest.mark.parametrize(
    ("workers", "cpus", "gpus", "nodes", "room"),
    [
        (4, 1, 0, [{"CPU": 2}, {"CPU": 2}], 4),
        (5, 1, 0, [{"CPU": 2}, {"CPU": 2}], 4),
        (1, 3, 0, [{"CPU": 2}, {"CPU": 2}], 0),  # enough in all, but on no node
        (10, 0.3, 0, [{"CPU": 3}], 10),
        (3, 1, 0.5, [{"CPU": 8, "GPU": 1}, {"CPU": 8}], 2),
        (2, 0, 0, [{}], 2),  # they need nothing
    ],
)
def test_room_is_counted_node_by_node(workers, cpus, gpus, nodes, room, monkeypatch) -> None:
    found = [{"Alive": True, "Resources": node} for node in nodes]
    dead = {"Alive": False, "Resources": {"CPU": 99, "GPU": 99}}
    monkeypatch.setattr(ray, "nodes", lambda: [*found, dead])
    if workers <= room:
        need(workers, cpus, gpus, "x", "ask for fewer")
        return
    with pytest.raises(ConfigError, match=rf"x: Ray has .* room for {room} of {workers}: ask for"):
        need(workers, cpus, gpus, "x", "ask for fewer")


class Algorithm:
    """RLlib's, of which only the results and the number of living workers are read."""

    def __init__(self, results, alive) -> None:
        self.results, self.alive, self.env_runner_group = iter(results), iter(alive), self

    def train(self):
        return next(self.results)

    def num_healthy_remote_workers(self):
        return next(self.alive)


NOTHING = [{}, {"env_runners": {}}, {"env_runners": {"attack": {"asked": float("nan")}}}]
STEPS = {"env_runners": {"attack": {"asked": 5}}}


def test_an_iteration_without_steps_is_repeated_until_the_worker_is_back(monkeypatch) -> None:
    monkeypatch.setattr("video_attack.agents.training.rllib_workers.LOOK_EVERY_S", 0)
    cluster = {**LOCAL, "runners": 1}
    assert iteration(Algorithm([*NOTHING, *NOTHING, STEPS], [0] * 6), cluster) is STEPS
    assert iteration(Algorithm([*NOTHING[:2], STEPS], [1] * 6), cluster) is STEPS
    with pytest.raises(VictimError, match=r"within 600 s: raise cluster\.sample_timeout_s"):
        iteration(Algorithm(NOTHING, [1] * 6), cluster)
    monkeypatch.setattr("video_attack.agents.training.rllib_workers.BACK_WITHIN_S", -1)
    with pytest.raises(VictimError, match="1 of 1 workers died and did not come back"):
        iteration(Algorithm(NOTHING, [0] * 6), cluster)


def last_line(script: str, *words: str, folder: Path) -> str:
    done = run(script, f"run_dir={folder}/run", *words)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    return done.stderr.strip().splitlines()[-1]


@pytest.mark.slow
def test_more_runners_than_cpus(tmp_path) -> None:
    said = last_line("train.py", "cluster.runners=5", folder=tmp_path)
    assert "cluster.runners=5" in said and "2 CPUs" in said and "set cluster.cpus=5" in said


@pytest.mark.slow
def test_a_victim_that_is_slower_than_the_time_allowed(tmp_path) -> None:
    said = last_line("train.py", "cluster.runners=1", *SLOW, "cluster.sample_timeout_s=2",
                     folder=tmp_path)  # fmt: skip
    assert "within 2 s: raise cluster.sample_timeout_s" in said


def workers_of(process: subprocess.Popen, name: str) -> list[int]:
    found = [
        pid for pid in set(descendants(process.pid))
        if lives(pid) and Path(f"/proc/{pid}/comm").read_text().startswith(name)
    ]  # fmt: skip
    return sorted(found)


@pytest.mark.slow
def test_training_goes_on_when_its_only_worker_is_killed(tmp_path) -> None:
    process = subprocess.Popen(
        command("train.py", f"run_dir={tmp_path}", "cluster.runners=1", "queries=6000"), cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        lines = tmp_path / "progress.jsonl"
        end = time.monotonic() + 300
        while not (lines.exists() and lines.read_text()) and time.monotonic() < end:
            time.sleep(0.1)
        (worker,) = workers_of(process, "ray::AttackEnv")
        os.kill(worker, signal.SIGKILL)
        output, _ = process.communicate(timeout=500)
    finally:
        process.kill()
    assert process.returncode == 0, output
    done = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [line["iteration"] for line in done] == list(range(1, len(done) + 1))
    assert done[-1]["queries"] >= 6000 and all(line["asked"] > 0 for line in done)


@pytest.mark.slow
def test_an_evaluation_goes_on_when_a_worker_is_killed(tmp_path) -> None:
    process = subprocess.Popen(
        command("evaluate.py", f"run_dir={tmp_path}", "workers=2", "clips=20", "side_by_side=1",
                *SLOW[:1], "+model.seconds=0.05"),
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        lines = tmp_path / "records.jsonl"
        end = time.monotonic() + 300
        while not (lines.exists() and lines.read_text()) and time.monotonic() < end:
            time.sleep(0.1)
        os.kill(workers_of(process, "ray::Worker")[0], signal.SIGKILL)
        output, _ = process.communicate(timeout=500)
    finally:
        process.kill()
    assert process.returncode == 0, output
    assert output.count("another takes its place") == 1
    records = [json.loads(line)["index"] for line in lines.read_text().splitlines()]
    assert sorted(records) == list(range(20)), "each clip once"
