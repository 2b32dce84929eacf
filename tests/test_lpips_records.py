"""Protects LPIPS in evaluations: records say what the kept files say, nothing is attacked when a file
is missing, and nothing is asked of the files when there is nothing to measure."""

import json
import sys

import pytest

from tests.arena_toys import RAMP, RANDOM, plain, read, run, timeless
from tests.lpips_files import lpips_keys, write_lpips_files
from tests.toys import BrightnessVictim, DarkClips
from video_attack.agents.configs.command_line import refuse_changes
from video_attack.agents.core.errors import CheckpointError, ConfigError
from video_attack.agents.evaluation import runner as evaluation
from video_attack.agents.setup.attack_setup import check_setup
from video_attack.envs.metrics.perceptual import Lpips
from video_attack.envs.victims.base import VictimError


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(evaluation, "write_report", lambda folder: folder)
    monkeypatch.setattr(evaluation, "success_curve_picture", lambda *args: None)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_lpips_files(tmp_path_factory.mktemp("lpips"))


def successes(folder):
    return [record for record in timeless(folder) if record["success"]]


def titles(folder):
    """Of the columns of the table of sizes."""
    lines = (folder / "table.md").read_text().splitlines()
    (head,) = (line for line in lines if line.startswith("| attack") and "Linf" in line)
    return [cell.strip() for cell in head.split("|")]


def test_each_success_has_the_distance_of_its_kept_files_and_nothing_else_changes(files, tmp_path):
    game = {**plain()["env"], "sizes": [0.5, 1.0]}  # large enough for random to flip some
    run(tmp_path / "without", clips=3, env=game)
    run(tmp_path / "with", clips=3, env=game, **lpips_keys(files))
    metric = Lpips(files / "alexnet.pth", files / "alex.pth")
    found = successes(tmp_path / "with")
    for record in found:
        clean, clip = (
            read(tmp_path / "with" / record[f"{kind}_file"]) for kind in ("clean", "clip")
        )
        assert (
            record["lpips"] == pytest.approx(metric(clean, clip), rel=1e-6) and record["lpips"] > 0
        )
        touched = (clean != clip).any((1, 2, 3)).mean()
        assert record["lpips_changed"] == pytest.approx(record["lpips"] / touched, rel=1e-5)
    assert {record["attack"] for record in found} == {"ramp", "random"}
    records = timeless(tmp_path / "with")
    assert [r for r in records if "lpips" in r] == found
    less = [
        {k: v for k, v in record.items() if k not in ("lpips", "lpips_changed")}
        for record in records
    ]
    assert less == timeless(tmp_path / "without")
    assert "LPIPS" in titles(tmp_path / "with") and "LPIPS" not in titles(tmp_path / "without")


def test_of_clips_too_small_for_it_a_record_says_null(files, tmp_path):
    small = DarkClips(size=28)
    run(
        tmp_path,
        BrightnessVictim(size=28),
        small,
        clips=1,
        attacks={"ramp": RAMP},
        **lpips_keys(files),
    )
    (line,) = (tmp_path / "records.jsonl").read_text().splitlines()
    record = json.loads(line, parse_constant=pytest.fail)
    assert record["success"] and record["lpips"] is None
    assert "LPIPS" not in titles(tmp_path)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("key", ["lpips", "lpips_linear"])
def test_a_missing_file_is_named_before_any_query(files, tmp_path, monkeypatch, key, workers):
    monkeypatch.setitem(sys.modules, "ray", None)  # nor is Ray started
    victim, keys = BrightnessVictim(), {**lpips_keys(files), key: str(tmp_path / "none.pth")}
    with pytest.raises(VictimError, match=r"^no weights at .*none\.pth: give the path"):
        run(tmp_path / "run", victim, workers=workers, **keys)
    assert victim.clips == 0 and not (tmp_path / "run" / "records.jsonl").read_text()


def test_a_finished_run_makes_its_report_again_without_the_files(tmp_path):
    files = write_lpips_files(tmp_path)
    run(tmp_path / "run", clips=2, **lpips_keys(files))
    before = (tmp_path / "run" / "table.txt").read_text()
    (files / "alexnet.pth").unlink()
    run(tmp_path / "run", clips=2, resume=True, **lpips_keys(files))
    assert (tmp_path / "run" / "table.txt").read_text() == before


def test_it_may_not_be_switched_on_or_off_or_changed_when_a_run_goes_on():
    off, on = plain(lpips=None, lpips_linear=None), plain(lpips="a.pth", lpips_linear=None)
    for new, old in ((on, off), (off, on), (on, plain(lpips="b.pth")), (on, plain())):
        with pytest.raises(CheckpointError, match="run to resume had lpips="):
            refuse_changes(new, old)
    refuse_changes(off, plain())  # a run from before there was LPIPS


def test_a_calibration_without_its_network_is_refused():
    with pytest.raises(ConfigError, match=r"lpips_linear=alex\.pth: .* lpips=\.\.\."):
        check_setup(plain(lpips=None, lpips_linear="alex.pth"))
    check_setup(plain(lpips="alexnet.pth", lpips_linear="alex.pth"))


@pytest.mark.slow
def test_workers_measure_the_same(files, tmp_path):
    for workers in (0, 2):
        keys = {"attacks": {"random": RANDOM}, "clips": 4, "workers": workers, **lpips_keys(files)}
        run(tmp_path / str(workers), **keys)
    alone, shared = (successes(tmp_path / name) for name in ("0", "2"))
    assert [r["id"] for r in shared] == [r["id"] for r in alone] and alone
    assert [r["lpips"] for r in shared] == pytest.approx([r["lpips"] for r in alone], rel=1e-5)
