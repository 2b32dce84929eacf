"""Protects the comparison: a run that was killed, resumed, or spread over workers has the same records
as an undisturbed one; the victim's own meter agrees; files hold what the records say; one failing
attack costs no other its results."""

import csv
import json
import os
import signal
import sys
import time

import numpy as np
import pytest

from tests.arena_toys import (
    CLIPS,
    RAMP,
    RANDOM,
    SlowVictim,
    plain,
    read,
    run,
    setup,
    timeless,
)
from tests.toys import BrightnessVictim, DarkClips, TornClips
from video_attack.agents.core.errors import ConfigError, IncompleteError
from video_attack.agents.evaluation import runner as evaluation
from video_attack.agents.evaluation.arena import Contender, attack_configs, contenders, outcomes
from video_attack.agents.report.clips import safe_name
from video_attack.agents.setup.attack_setup import check_setup
from video_attack.envs.datasets.base import DatasetError


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Pictures are drawn once, in `whole`."""
    monkeypatch.setattr(evaluation, "write_report", lambda folder: folder)
    monkeypatch.setattr(evaluation, "success_curve_picture", lambda *args: None)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An undisturbed run, and the victim that it asked."""
    folder, victim = tmp_path_factory.mktemp("whole"), BrightnessVictim()
    run(folder, victim, examples=1)
    return folder, victim


def test_the_victims_meter_agrees_with_the_records(whole):
    folder, victim = whole
    records = timeless(folder)
    assert [(r["attack"], r["index"]) for r in records] == [
        (name, i) for name in ("ramp", "random") for i in range(CLIPS)
    ]
    assert victim.clips == sum(r["queries"] + r["file_check_queries"] for r in records)
    assert {r["file_check_queries"] for r in records if r["success"]} == {4}
    assert 0 < sum(r["success"] for r in records if r["attack"] == "random") < 8


def test_the_files_hold_what_the_records_say(whole):
    folder, victim = whole
    found = [record for record in timeless(folder) if record["success"]]
    for record in found:
        clip, clean = read(folder / record["clip_file"]), read(folder / record["clean_file"])
        assert np.array_equal(clean, DarkClips()[record["index"]].frames)
        assert victim.answer(clip[None])[0].argmax() == record["prediction"] == 1
        assert np.abs(clip.astype(int) - clean).max() / 255 == pytest.approx(record["linf"])
        assert record["delivered"]["ffv1"] is True
        assert (record["notes_file"] is None) == (record["attack"] == "ramp")
        if record["notes_file"]:
            notes = np.load(folder / record["notes_file"])
            assert notes["mask"].shape == notes["sensitivity"].shape == (8, 4, 4)
    assert len(list(folder.rglob("*.mkv"))) == len(found) + len({r["id"] for r in found})
    rows = list(csv.DictReader((folder / "records.csv").open()))
    assert [row["id"] for row in rows[:CLIPS]] == [f"dark-{i}" for i in range(CLIPS)]
    assert rows[-2]["delivered.h264_23"] == "True" and "delivered" not in rows[0]
    assert (folder / "report.html").exists() and (folder / "success.png").exists()
    assert "| random" in (folder / "table.md").read_text()
    assert len(list((folder / "examples").glob("*.mp4"))) == 1  # ramp leaves no notes


def kill_after(seconds, folder, resume):
    """Run in a process of its own and kill it; tells whether it was still at work."""
    child = os.fork()
    if not child:
        try:
            run(folder, SlowVictim(), resume=resume)
        finally:
            os._exit(0)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_killed_three_times_and_resumed_it_has_the_same_records(whole, tmp_path):
    folder, _ = whole
    rng, killed, halves = np.random.default_rng(), 0, []
    for resume in (False, True, True):
        killed += kill_after(rng.uniform(0.1, 0.9), tmp_path, resume)
        lines = (tmp_path / "records.jsonl").read_text().splitlines()
        halves.append(len(lines))
    victim = BrightnessVictim()
    run(tmp_path, victim, resume=True)
    assert timeless(tmp_path) == timeless(folder), (killed, halves)
    assert not list(tmp_path.rglob(".*.part"))
    for record in timeless(tmp_path):
        if record["success"]:
            for key in ("clip_file", "clean_file"):
                assert np.array_equal(read(tmp_path / record[key]), read(folder / record[key]))
    assert killed and victim.clips > 0


@pytest.mark.parametrize("cut", [1, 30, -1])
def test_a_line_that_was_not_written_to_its_end_is_dropped(whole, tmp_path, cut):
    lines = (whole[0] / "records.jsonl").read_text().splitlines(keepends=True)
    torn = lines[7][:cut]
    (tmp_path / "records.jsonl").write_text("".join(lines[:7]) + torn)
    victim = BrightnessVictim()
    run(tmp_path, victim, resume=True)
    assert timeless(tmp_path) == timeless(whole[0])
    done = [json.loads(line) for line in lines[:7]]
    before = sum(record["queries"] + record["file_check_queries"] for record in done)
    assert victim.clips == whole[1].clips - before


def test_a_finished_run_only_makes_its_report_again(tmp_path, monkeypatch):
    run(tmp_path)
    before, table = (tmp_path / "records.jsonl").read_bytes(), (tmp_path / "table.txt").read_text()
    (tmp_path / "table.txt").unlink()
    victim = BrightnessVictim()
    run(tmp_path, victim, resume=True, workers=2)  # which are not even started
    assert victim.clips == 0 and "ray" not in vars(
        sys.modules["video_attack.agents.evaluation.workers"]
    )
    assert (tmp_path / "records.jsonl").read_bytes() == before
    assert (tmp_path / "table.txt").read_text() == table


def test_more_clips_may_be_asked_of_a_run_that_goes_on(whole, tmp_path):
    run(tmp_path, clips=4)
    assert [r["index"] for r in timeless(tmp_path)] == [0, 1, 2, 3] * 2
    run(tmp_path, clips=CLIPS, resume=True)
    assert timeless(tmp_path) == timeless(whole[0])
    found = run(tmp_path, clips=3, resume=True)
    assert [len(records) for records in found.values()] == [3, 3]


def test_records_do_not_depend_on_how_many_clips_run_side_by_side(whole, tmp_path):
    run(tmp_path, side_by_side=1, file_check=False)
    checked = {"delivered": None, "file_check_queries": 0}
    assert timeless(tmp_path) == [record | checked for record in timeless(whole[0])]


@pytest.mark.parametrize("resumed", [False, True])
def test_an_attack_that_fails_is_named_and_costs_no_other_its_results(whole, tmp_path, resumed):
    attacks = {"bad": {**RAMP, "fails_at": "dark-6"}, "random": RANDOM}
    with pytest.raises(IncompleteError, match=r"bad failed on clip 'dark-6': ZeroDivisionError"):
        run(tmp_path, attacks=attacks)
    if resumed:
        with pytest.raises(IncompleteError, match="bad failed"):
            run(tmp_path, attacks=attacks, resume=True)
    records = timeless(tmp_path)
    done = [record["index"] for record in records if record["attack"] == "bad"]
    assert done and 6 not in done
    others = [record for record in timeless(whole[0]) if record["attack"] == "random"]
    assert [record for record in records if record["attack"] == "random"] == others
    assert "bad" in (tmp_path / "table.txt").read_text()


def test_clips_that_cannot_be_read_are_left_out_and_none_at_all_is_an_error(tmp_path):
    found = run(tmp_path / "a", dataset=TornClips({1, 3}, clips=6))
    assert [r["index"] for r in found["random"]] == [0, 2, 4, 5]
    run(tmp_path / "a", dataset=TornClips({1, 3}, clips=6), resume=True)
    with pytest.raises(DatasetError, match="no test clip could be read"):
        run(tmp_path / "b", dataset=TornClips({0, 1}, clips=2))


def test_names_of_files_are_safe_and_distinct():
    names = [safe_name(clip) for clip in ("a/b", "a b", "a_b", "../x", "v_Archery_g01")]
    assert len(set(names)) == 5 and names[2:] == ["a_b", names[3], "v_Archery_g01"]
    assert all("/" not in name and " " not in name for name in names)


def test_a_codec_in_the_loop_is_each_attacks_own():
    config = plain(attacks={"random": RANDOM, "ramp": {**RAMP, "codec_in_loop": "h264:28"}})
    built = setup(config)
    through = {attack.name: attack for attack in contenders(built, config)}
    assert [attack.codec_in_loop for attack in through.values()] == [None, "h264:28"]
    assert through["random"].through(built.victim) is built.victim
    (record, _), *_ = outcomes(through["ramp"], built, "test", [0], seed=0, width=1)
    assert record["codec_in_loop"] == "h264:28"
    with pytest.raises(ConfigError, match="codec_in_loop='mp4'"):
        contenders(built, {**config, "codec_in_loop": "mp4"})
    assert config["attacks"]["ramp"]["codec_in_loop"] == "h264:28"  # what is recorded stays


def test_a_single_attack_goes_by_its_own_name():
    assert list(attack_configs(plain(attack=RAMP, attacks={"bold": RAMP}))) == ["ramp", "bold"]
    with pytest.raises(ConfigError, match="no attack is named"):
        contenders(setup(plain()), plain(attacks={}))


def test_without_ray_one_process_does_it_and_workers_are_refused_in_a_sentence(
    tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "ray", None)
    run(tmp_path / "a", clips=2)
    with pytest.raises(ConfigError, match=r"workers=2 needs Ray.*workers=0"):
        run(tmp_path / "b", clips=2, workers=2)


@pytest.mark.slow
def test_workers_bring_the_same_records_and_their_faults(whole, tmp_path):
    run(tmp_path / "good", workers=2)
    assert timeless(tmp_path / "good") == timeless(whole[0])
    attacks = {"bad": {**RAMP, "fails_at": "dark-6"}, "random": RANDOM}
    with pytest.raises(IncompleteError, match="bad failed on clip 'dark-6'"):
        run(tmp_path / "bad", workers=2, attacks=attacks)
    done = [record["index"] for record in timeless(tmp_path / "bad") if record["attack"] == "bad"]
    assert {1, 3, 5, 7, 9} <= set(done)  # the other worker's share


def test_a_contender_adds_nothing_to_an_attack():
    config = plain()
    built = setup(config)
    attack = built.attack(RANDOM)
    bare = [result.ledger.spent for _, result in attack.run_many(built.victim, DarkClips(6))]
    named = Contender("x", attack)
    assert bare == [r.ledger.spent for _, r in named.run_many(built.victim, DarkClips(6))]


def test_the_records_stand_in_order_of_the_clips_though_they_end_in_another(tmp_path):
    run(tmp_path, attacks={"ramp": RAMP, "random": RANDOM})
    lines = [json.loads(line) for line in (tmp_path / "records.jsonl").read_text().splitlines()]
    assert [(r["attack"], r["index"]) for r in lines] == [
        (name, i) for name in ("ramp", "random") for i in range(CLIPS)
    ]
    assert "curves" not in (tmp_path / "records.csv").read_text().splitlines()[0]


class Rounded(BrightnessVictim):
    """In float32 it sees every clip a little darker, so that successes near the boundary are none."""

    def exact(self):
        self.twin = Darker()
        return self.twin


class Darker(BrightnessVictim):
    def answer(self, clips):
        return super().answer((clips * 0.98).astype(np.uint8))


def test_successes_of_a_rounding_victim_are_asked_again_in_float32(tmp_path):
    victim = Rounded()
    run(tmp_path, victim, attacks={"ramp": {**RAMP, "step": 7}})
    records = timeless(tmp_path)
    flips = [r for r in records if r["success"]]
    asked = sum(r["queries"] + r["file_check_queries"] for r in records)
    assert victim.clips == asked and victim.twin.clips == len(flips) > 0
    assert sum(r["float32_queries"] for r in records) == len(flips)
    still = [r["float32"] for r in flips]
    assert set(still) == {True, False}  # both answers occur
    table = (tmp_path / "table.md").read_text()
    assert (
        "float32" in table
        and f"{100 * sum(still) / sum(r['attacked'] for r in records):.1f} %" in table
    )


def test_a_margin_is_kept_by_all_attacks_and_not_asked_of_files(tmp_path):
    run(tmp_path, margin=0.8, attacks={"ramp": {**RAMP, "step": 8}, "random": RANDOM})
    flips = [r for r in timeless(tmp_path) if r["success"]]
    assert {r["attack"] for r in flips} == {"ramp", "random"}
    assert all(r["gap"] >= 0.8 and r["delivered"]["ffv1"] for r in flips)
    before = tmp_path / "none"
    run(before, attacks={"ramp": {**RAMP, "step": 8}})
    assert any(r["gap"] < 0.8 for r in timeless(before) if r["success"])


@pytest.mark.parametrize(
    "keys", [{"margin": -1.0}, {"margin": 0.5, "model": {"feedback": "label", "top_k": 5}}]
)
def test_a_margin_that_cannot_be_is_named(keys):
    with pytest.raises(ConfigError, match=r"attack\.margin="):
        check_setup(plain(**keys))
