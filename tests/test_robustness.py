"""Robustness without an attacker is what one counts by hand: accuracy at each severity, mPC, rPC;
every clip is counted, and a clip's figures depend on its id and the seed alone."""

import json
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from toys import BrightnessVictim, QuadrantClips, QuadrantVictim, TornClips, brighten

from video_attack.agents.evaluation.corruptions import (
    CorruptionRobustness,
    classify_clips,
    describe,
    measure,
)
from video_attack.agents.report.figures.confusion import (
    confused_pairs,
    confusion,
    confusion_picture,
)
from video_attack.agents.report.figures.robustness import accuracy, corrupted, right, tables
from video_attack.agents.report.layout import lay_out
from video_attack.agents.setup.attack_setup import AttackSetup
from video_attack.envs.clip import Clip
from video_attack.envs.datasets.base import ClipDataset, DatasetError
from video_attack.envs.game.config import GameConfig
from video_attack.envs.game.threat import visible

ROOT = Path(__file__).parents[1]
LEVELS = (1, 2, 3, 4, 5)


class GreyClips(ClipDataset):
    """Clips of one grey each, which BrightnessVictim calls dark below 128."""

    classes = BrightnessVictim.classes
    # (grey, label): with 40 more a severity, right up to severity 3, 2, 1, 0, never, always.
    greys = ((0, 0), (30, 0), (60, 0), (100, 0), (200, 0), (200, 1))

    def __len__(self):
        return len(self.greys)

    def __getitem__(self, index):
        grey, label = self.greys[index]
        return Clip(np.full((8, 32, 32, 3), grey, np.uint8), label, f"grey-{index}")


def lighten(clip, severity, rng):
    return np.minimum(clip.astype(int) + 40 * severity, 255).astype(np.uint8)


def setup(victim, dataset, distort=lighten):
    config = {"distortion": {"_target_": "package.lighten"}}
    return AttackSetup(config, victim, distort, 5, GameConfig(), _datasets={"test": dataset})


def run(victim, dataset, distort=lighten, severities=LEVELS, clips=0, seed=0, width=4):
    config = {"clips": clips, "seed": seed, "side_by_side": width}
    return list(classify_clips(severities, setup(victim, dataset, distort), config))


def test_accuracy_mpc_and_rpc_are_those_counted_by_hand(tmp_path):
    config = {"clips": 0, "seed": 0, "side_by_side": 4}
    records = measure(LEVELS, setup(BrightnessVictim(), GreyClips()), config, tmp_path)
    hits = right(records)
    assert hits.sum(axis=0).tolist() == [5, 4, 3, 2, 1, 1]
    values = [value for value, *_ in accuracy(hits)]
    assert values == pytest.approx([5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6, 1 / 6])
    assert accuracy(hits)[0][1:] == pytest.approx((0.3588, 0.9958), abs=1e-4)  # Clopper-Pearson
    (mpc, low, high), (rpc, *_) = corrupted(hits)
    assert (mpc, rpc) == pytest.approx((11 / 30, 11 / 25))
    assert low < mpc < high
    text = (tmp_path / "table.txt").read_text()
    lines = [" ".join(line.split()) for line in text.splitlines()]
    for line in (
        "clean 6 83.3 % [35.9, 99.6] -",
        "lighten 5 6 16.7 % [0.4, 64.1] -",
        f"mPC 6 36.7 % [{100 * low:.1f}, {100 * high:.1f}] -",
        "dark -> bright 1 20.0 %",
        "dark 5 80.0 % 60.0 % 40.0 % 20.0 % 0.0 % 0.0 %",
        "bright 1" + 6 * " 100.0 %",
    ):
        assert line in lines, text
    assert "rPC 6 44.0 %" in " ".join(lines)
    assert "never" not in text  # a class without a clip
    assert [json.loads(line) for line in (tmp_path / "records.jsonl").open()] == records
    assert "| clean     |     6 |" in (tmp_path / "table.md").read_text()
    assert {"confusion.png", "robustness.png"} <= {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize("width", [1, 4, 16])
@pytest.mark.parametrize("severities", [(), (3,), LEVELS])
def test_every_clip_is_counted_and_side_by_side_clips_share_a_call(severities, width):
    victim = BrightnessVictim()
    records = run(victim, GreyClips(), severities=severities, width=width)
    assert [record["queries"] for record in records] == [1 + len(severities)] * 6
    assert victim.clips == 6 * (1 + len(severities))
    full, rest = divmod(6, width)
    calls = ([width] * full + [rest] * bool(rest)) * (1 + len(severities))
    assert sorted(victim.batches) == sorted(calls)


def test_a_clips_figures_depend_on_its_id_and_the_seed_alone():
    victim, clips = BrightnessVictim(), GreyClips()
    alone = run(victim, clips, brighten, width=1)
    assert run(victim, clips, brighten, width=16) == alone
    assert run(victim, clips, brighten, clips=2) == alone[:2]
    (some, *_) = run(victim, clips, brighten, severities=(4,))
    assert some["answers"] == [alone[0]["answers"][0], alone[0]["answers"][4]]
    other = run(victim, clips, brighten, seed=1)
    assert other[0]["answers"][0] == alone[0]["answers"][0]
    assert other[0]["answers"][1] != alone[0]["answers"][1]


def test_a_clip_that_cannot_be_read_is_left_out():
    records = run(BrightnessVictim(), TornClips({1, 3}, clips=5), severities=(1,))
    assert [record["id"] for record in records] == ["dark-0", "dark-2", "dark-4"]


def test_no_clips_is_said(tmp_path):
    config = {"clips": 0, "seed": 0, "side_by_side": 4}
    with pytest.raises(DatasetError, match="holds no clip"):
        measure((), setup(BrightnessVictim(), TornClips(set(), clips=0)), config, tmp_path)


@pytest.mark.parametrize(
    ("answers", "top_k", "five", "told"),
    [
        ("scores", 5, [4, 0, 2, 5, 1], True),
        ("topk", 5, [4, 0, 2, 5, 1], True),
        ("topk", 3, None, True),
        ("topk", 1, None, False),
        ("label", 5, None, False),
    ],
)
def test_records_hold_what_the_victim_tells(answers, top_k, five, told):
    scores = np.array([[0.2, 0.1, 0.17, 0.05, 0.35, 0.13]], np.float32)
    victim = SimpleNamespace(feedback=answers, top_k=top_k)
    found = describe(visible(scores, answers, top_k)[0], 2, victim)
    probability = pytest.approx(0.17) if told else None
    assert found == {"prediction": 4, "top5": five, "probability": probability}


def test_top_five_is_left_open_where_the_victim_does_not_tell():
    victim = QuadrantVictim()
    told = run(victim, QuadrantClips(12))
    assert right(told, top=5)[:, 0].mean() == 1.0
    line = next(
        line for line in tables(told, victim.classes, "lighten")[0].splitlines() if "mPC" in line
    )
    assert line.count("%") == 2
    victim.feedback = "label"
    untold = run(victim, QuadrantClips(12))
    assert right(untold, top=5) is None
    assert np.array_equal(right(untold), right(told))
    assert tables(untold, victim.classes, "lighten")[0].splitlines()[2].endswith(" -")


def test_the_most_confused_pairs_come_first():
    labels, predictions = [0, 0, 0, 1, 1, 2, 2, 2, 2], [0, 1, 1, 1, 2, 2, 2, 0, 0]
    counts = confusion(labels, predictions, 4)
    assert counts.tolist() == [[1, 2, 0, 0], [0, 1, 1, 0], [2, 0, 2, 0], [0] * 4]
    pairs = confused_pairs(counts)
    assert pairs == [(0, 1, 2, 2 / 3), (2, 0, 2, 0.5), (1, 2, 1, 0.5)]
    assert confused_pairs(counts, most=1) == pairs[:1]


@pytest.mark.parametrize("classes", [1, 6, 101, 400])
def test_confusion_pictures_of_all_sizes_are_drawn_without_a_warning(tmp_path, classes):
    rng = np.random.default_rng(0)
    labels = np.arange(2 * classes) % classes
    predictions = np.where(rng.random(len(labels)) < 0.8, labels, rng.integers(0, classes))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        names = [f"a class with the number {i}" for i in range(classes)]
        confusion_picture(tmp_path / "c.png", confusion(labels, predictions, classes), names)
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")


def test_a_confusion_of_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="of 0 clips"):
        confusion_picture(tmp_path / "c.png", confusion([], [], 2), "ab")
    assert not list(tmp_path.iterdir())


def test_severities_are_one_to_five_each_once():
    assert CorruptionRobustness(severities=[5, 1]).severities == (1, 5)
    for wrong in ([0, 1], [6], [2, 2]):
        with pytest.raises(ValueError, match="from 1 to 5, each once"):
            CorruptionRobustness(severities=wrong)


def test_tables_align_or_are_markdown():
    lines = [["a", "bb"], ["ccc", "d"]]
    assert lay_out(lines) == "a    bb\n---  --\nccc   d"
    assert lay_out(lines, markdown=True) == "| a   | bb |\n| --- | -: |\n| ccc |  d |"


def test_the_command_reports_robustness(tmp_path):
    options = ["attack=none", "attack.severities=[2]", "clips=3", "checkpoint=null", "threads=1"]
    options += ["model=tiny3d", "dataset=actions", f"run_dir={tmp_path}/run"]
    done = subprocess.run(
        [sys.executable, str(ROOT / "evaluate.py"), *options],
        capture_output=True, text=True, cwd=tmp_path, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "gaussian_noise 2" in done.stdout and "mPC" in done.stdout
    records = [json.loads(line) for line in (tmp_path / "run/records.jsonl").open()]
    assert [len(record["answers"]) for record in records] == [2, 2, 2]
