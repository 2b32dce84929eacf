"""Protects what a record says: each figure is the ledger's, or the metric's of the two clips that are kept;
and the sentence on clips that were left out."""

import csv
import json
from itertools import pairwise

import pytest

from tests.arena_toys import RAMP, plain, setup
from video_attack.agents.evaluation.arena import Contender, outcomes
from video_attack.agents.evaluation.records import RecordFile, write_csv
from video_attack.agents.evaluation.runner import left_out
from video_attack.envs.metrics.norms import norms, sizes
from video_attack.envs.metrics.quality import psnr, psnr_clip, ssim

SHOWN = [3, 4, 5]  # of them, 4 is labelled wrongly


@pytest.fixture(scope="module")
def found():
    """Records with their results, and the setup."""
    config = plain()
    built = setup(config)
    contender = Contender("ramp", built.attack({**RAMP, "step": 9}), "h264:18")
    return built, list(outcomes(contender, built, "test", SHOWN, seed=3, width=2))


def test_a_record_says_what_the_ledger_says(found) -> None:
    built, both = found
    assert sorted(record["index"] for record, _ in both) == SHOWN
    for record, result in both:
        ledger, json_line = result.ledger, json.loads(json.dumps(record))
        assert json_line == record, "plain values only"
        assert record["id"] == f"dark-{record['index']}" == ledger.clip.id
        assert record["label"] == ledger.clip.label == int(record["index"] == 4)
        assert record["class"] == built.victim.classes[record["label"]]
        assert (record["attack"], record["seed"], record["budget"]) == ("ramp", 3, 30)
        assert (record["target"], record["reward"], record["codec_in_loop"]) == (
            None,
            None,
            "h264:18",
        )
        assert record["queries"] == ledger.spent
        assert record["attacked"] == record["clean_right"] == (record["index"] != 4)
        assert record["clean_prediction"] == ledger.clean_scores.argmax() == 0
        assert record["clean_gap"] == pytest.approx(ledger.goal.gap(ledger.clean_scores), rel=1e-5)
        assert (record["float32"], record["delivered"]) == (None, None)
        assert (record["float32_queries"], record["file_check_queries"]) == (0, 0)
        assert record["seconds"] >= 0


def test_a_success_is_measured_on_the_two_clips_that_are_kept(found) -> None:
    _, both = found
    wins = [(record, result.ledger) for record, result in both if record["success"]]
    assert len(wins) == 2
    for record, ledger in wins:
        clips = ledger.clip.frames, ledger.best
        assert record["first_success"] == ledger.first_success <= record["queries"]
        assert record["prediction"] == ledger.best_scores.argmax() == 1
        assert {key: record[key] for key in norms(*clips)} == norms(*clips)
        assert record["ssim"] == ssim(*clips) and record["psnr"] == psnr(*clips)
        assert record["ssim_changed"] == ssim(*clips, changed_only=True)
        assert record["psnr_clip"] == psnr_clip(*clips)
        assert record["gap"] == pytest.approx(-ledger.goal.gap(ledger.best_scores), rel=1e-5)
        largest = sizes(clips[0], clips[0])
        assert record["full"].keys() == largest.keys() and record["full"]["l2"] >= record["l2"]
        for name, curve in record["curves"].items():
            queries, values = zip(*curve, strict=True)
            assert queries[0] == record["first_success"] and list(queries) == sorted(queries)
            assert all(a > b for a, b in pairwise(values)), name
            assert values[-1] == pytest.approx(record[name], rel=1e-5)
    (lost,) = [record for record, _ in both if not record["success"]]
    assert lost["first_success"] is None and not {"l2", "curves", "prediction"} & lost.keys()


def test_the_file_has_each_record_once_and_gives_an_attacks_own(found, tmp_path) -> None:
    records = [record for record, _ in found[1]]
    other = [{**record, "attack": "other"} for record in records]
    with RecordFile(tmp_path / "r.jsonl", resume=False) as file:
        for record in [*reversed(records), *other]:
            file.add(record)
        assert [r["index"] for r in file.of("ramp", 99)] == SHOWN
        assert [r["index"] for r in file.of("ramp", 5)] == SHOWN[:2]
        file.in_order(["other"])
        file.add({**other[0], "attack": "late"})
    with RecordFile(tmp_path / "r.jsonl", resume=True) as again:
        assert [r["attack"] for r in again.records] == ["other"] * 3 + ["ramp"] * 3 + ["late"]
        assert [r["index"] for r in again.records[:6]] == SHOWN * 2
    with RecordFile(tmp_path / "r.jsonl", resume=False) as new:
        assert not new.records and not (tmp_path / "r.jsonl").read_text()


def test_the_table_of_records_gives_nested_keys_a_dot(tmp_path) -> None:
    write_csv(tmp_path / "r.csv", [{"id": "a", "full": None, "curves": {"l2": []}},
                                   {"id": "b", "full": {"l2": 2.0}, "more": 1}])  # fmt: skip
    with (tmp_path / "r.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert rows == [
        {"id": "a", "full.l2": "", "more": ""},
        {"id": "b", "full.l2": "2.0", "more": "1"},
    ]


def test_clips_that_were_left_out_are_counted_by_their_reason() -> None:
    right = {"clean_right": True, "attacked": True}
    wrong = {"clean_right": False, "attacked": False}
    there = {"clean_right": True, "attacked": False}
    assert left_out([right, wrong, wrong]) == "Left out: 2 of 3 clips, which the victim gets wrong."
    assert left_out([right, wrong, there]) == (
        "Left out: 1 of 3 clips, which the victim gets wrong, 1 that are of the target class."
    )
