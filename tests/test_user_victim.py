"""Protects the promise to strangers: a victim of their own is one .py and one .yaml outside the
repository, runs by the same command as the shipped ones, and its keys are checked like theirs."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.videos import write

ROOT = Path(__file__).parents[1]
MODULE = '''
import numpy as np

from video_attack.envs.clip import Sampling
from video_attack.envs.victims.base import Victim


class DayOrNight(Victim):
    """Tells day from night by the mean brightness."""

    classes = ("day", "night")

    def __init__(self, *, dusk: float, size: int = 32) -> None:
        self.dusk = dusk
        self.sampling = Sampling(frames=4, size=size, short_side=size, stride=1)

    def predict(self, clips):
        light = clips.mean(axis=(1, 2, 3, 4), dtype=np.float64) - self.dusk
        day = 1 / (1 + np.exp(-light / 10))
        return np.stack([day, 1 - day], axis=1).astype(np.float32)
'''
YAML = """
_target_: their_package.day_or_night.DayOrNight
dusk: 100  # mean brightness where night begins
size: 32  # side of the frames in pixels
"""


RUNS = {
    "plain": [],
    "label": ["model.feedback=label", "defence=none", "model.size=24"],
    "wrong key": ["model.dask=90"],
    "wrong file": ["model=misspelt"],
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stranger's folder: a package, a configuration, and videos a little lighter than dusk or a
    little darker."""
    home = tmp_path_factory.mktemp("stranger")
    for name, text in (("their_package/day_or_night.py", MODULE), ("conf/model/theirs.yaml", YAML)):
        (home / name).parent.mkdir(parents=True)
        (home / name).write_text(text)
    (home / "conf/model/misspelt.yaml").write_text(YAML.replace("dusk", "dask"))
    rng = np.random.default_rng(0)
    for index, (kind, light) in enumerate([("day", 110), ("night", 90)] * 2):
        pictures = rng.integers(light - 40, light + 40, (6, 36, 48, 3), np.uint8)
        write(home / f"videos/test/{kind}/{index}.mkv", pictures)
    return home


@pytest.fixture(scope="module")
def runs(home: Path) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """The command as a stranger types it in their own folder, several at once to save time."""
    command = [
        sys.executable, str(ROOT / "evaluate.py"), "--config-dir", "conf", "model=theirs",
        "attack=random", "dataset=folder", "dataset.root=videos", "distortion=brightness",
        "clips=4", "examples=0", "env.budget=20", "env.strengths=[1.0]", "threads=1",
    ]  # fmt: skip
    own = {"PYTHONPATH": str(home), "VIDEO_ATTACK_CACHE": str(home / "cache")}
    started = {
        name: subprocess.Popen(
            [*command, f"run_dir={name}", *overrides], cwd=home, env={**os.environ, **own},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for name, overrides in RUNS.items()
    }  # fmt: skip
    yield started
    for process in started.values():
        process.kill()
        process.communicate()


@pytest.mark.parametrize("name", ["plain", "label"])
def test_a_strangers_victim_is_attacked(name: str, home: Path, runs) -> None:
    errors = runs[name].communicate(timeout=120)[1]
    assert runs[name].returncode == 0, errors
    records = [json.loads(line) for line in (home / name / "records.jsonl").open()]
    # Light turns night into day, and never day into night.
    assert sorted((record["class"], record["success"]) for record in records) == [
        ("day", False), ("day", False), ("night", True), ("night", True)
    ]  # fmt: skip
    assert all(1 < record["queries"] <= 20 for record in records)
    used = yaml.safe_load((home / name / "config.yaml").read_text())["model"]
    assert (used["feedback"], used["size"]) == {"plain": ("scores", 32), "label": ("label", 24)}[
        name
    ]


@pytest.mark.parametrize("name", ["wrong key", "wrong file"])
def test_a_wrong_key_of_theirs_is_refused_with_the_right_ones(name: str, runs) -> None:
    errors = runs[name].communicate(timeout=120)[1]
    assert runs[name].returncode != 0 and "Traceback" not in errors
    last = errors.strip().splitlines()[-1]
    assert last.startswith("error: ") and "model.dask" in last
    allowed = last.partition("allowed")[2]
    assert "dusk" in allowed and "size" in allowed
