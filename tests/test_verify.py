"""Protects the check of a finished run from its files: what is true passes, and each kind of false
record is found and named."""

import json
import re
import runpy
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.toys import BrightnessVictim, dark_frames
from video_attack.agents.audit import verify
from video_attack.agents.video.write import write_video
from video_attack.envs.metrics.norms import norms

TRUST = "trust=true"  # the victim is of tests
CONFIG = {
    "model": {"_target_": "tests.toys.BrightnessVictim", "feedback": "scores", "top_k": 5},
    "defence": {"_target_": None},
    "bound": {"eps": 200},
}


def record(id, attack="square", **changes):
    return {
        "attack": attack, "id": id, "label": 0, "class": "dark", "target": None, "attacked": True,
        "success": False, "queries": 50, "first_success": None, "budget": 50, **changes,
    }  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run of two attacks: two successes, a failure, a clip that was not attacked."""
    folder = tmp_path_factory.mktemp("run")
    records = [record("miss"), record("wrong", label=1, attacked=False, queries=1)]
    records[1]["class"] = "bright"
    for attack, by in (("square", 150), ("simba", 160)):
        (folder / "clips" / attack).mkdir(parents=True)
        clean = dark_frames(3, (8, 32, 32, 3))
        clip = clean.copy()
        clip[4:8, 8:16, 8:16] += by
        names = {"clean_file": "clips/hit-clean.mkv", "clip_file": f"clips/{attack}/hit.mkv"}
        write_video(folder / names["clean_file"], clean, codec="ffv1")
        write_video(folder / names["clip_file"], clip, codec="ffv1")
        flip = {"success": True, "queries": 20, "first_success": 7, "ffv1": True}
        records.append(record("hit", attack, **flip, **names, **norms(clean, clip)))
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    write_records(folder, records)
    return folder


def write_records(folder, records):
    (folder / "records.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))


@pytest.fixture
def run(made, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(made, folder)
    return folder


def falsify(folder, place=2, /, **changes):
    records = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    records[place] |= changes
    write_records(folder, records)


def test_a_true_run_passes(run, capsys):
    assert verify.main([str(run), TRUST]) == 0
    out = capsys.readouterr().out
    assert "all records agree" in out
    cells = [line.split() for line in out.splitlines()]
    assert ["square", "3", "2", "1", "1"] in cells and ["simba", "1", "1", "1", "1"] in cells


def test_the_victim_is_asked_once_about_each_file(run):
    victim = BrightnessVictim()
    assert verify.verify(run, victim, CONFIG)[1] == []
    assert victim.batches == [1, 1, 1]  # two attacked clips, and their one clean clip


@pytest.mark.parametrize(
    ("place", "changes", "words"),
    [
        (2, {"l2": 1.0}, "l2=1.0, but the files say"),
        (2, {"linf": 0.1}, "linf=0.1, but"),
        (2, {"map": 3.0}, "map=3.0, but"),
        (2, {"l0_frames": 0.25}, "l0_frames=0.25, but the files say 0.5"),
        (2, {"queries": 51}, "51 queries with a budget of 50"),
        (0, {"queries": 51}, "51 queries with a budget of 50"),
        (2, {"first_success": 21}, "first success is query 21 of 20"),
        (2, {"first_success": None}, "first success is query None"),
        (2, {"first_success": 1}, "first success is query 1 of"),  # that is the clean clip
        (2, {"clip_file": "clips/hit-clean.mkv"}, "takes the stored clip for 'dark': no success"),
        (2, {"target": 2}, "takes the stored clip for 'bright': no success"),
        (2, {"label": 1, "class": "bright"}, "takes the clean clip for 'dark', not 'bright'"),
        (2, {"class": "bright"}, "label 0 is not the class 'bright'"),
        (2, {"label": 7}, "label 7 is not the class"),
        (2, {"attacked": False}, "a success on a clip that was not attacked"),
        (2, {"ffv1": False}, "ffv1=False, but"),
        (2, {"delivered": {"ffv1": False}}, "ffv1=False, but"),
        (2, {"clip_file": "clips/none.mkv"}, "cannot be checked.*none.mkv"),
        (2, {"clip_file": None}, "a success without its files"),
        (0, {"success": True, "first_success": 9}, "the record lacks 'clean_file'"),
        (0, {"id": "hit"}, "has more than one record"),
    ],
)
def test_a_false_record_is_found_and_named(run, capsys, place, changes, words):
    falsify(run, place, **changes)
    assert verify.main([str(run), TRUST]) == 1
    lines = capsys.readouterr().out.splitlines()
    clip = changes.get("id", "miss" if place == 0 else "hit")
    found = [line for line in lines if line.startswith(f"square, clip {clip}: ")]
    assert found, lines
    assert re.search(words, "\n".join(found)), found
    assert not [line for line in lines if line.startswith("simba, clip")]


def test_a_targeted_success_passes(run):
    falsify(run, 2, target=1)
    assert verify.main([str(run), TRUST]) == 0


def test_a_changed_file_is_found(run, capsys):
    clip = dark_frames(3, (8, 32, 32, 3))
    clip[4:8, 8:16, 8:16] = 255  # flips the label too, by more than was said
    write_video(run / "clips/square/hit.mkv", clip, codec="ffv1")
    assert verify.main([str(run), TRUST]) == 1
    out = capsys.readouterr().out
    assert "l2=" in out and "levels, more than the bound of 200" in out and "no success" not in out


def test_a_clip_outside_an_l2_bound_is_found(run, capsys):
    own = {**CONFIG, "bound": {"kind": "l2", "eps": None, "radius": 1.0}}
    (run / "config.yaml").write_text(yaml.safe_dump(own))
    assert verify.main([str(run), TRUST]) == 1
    assert "(L2), more than the bound of 1.0" in capsys.readouterr().out
    own["bound"]["radius"] = 1000.0
    (run / "config.yaml").write_text(yaml.safe_dump(own))
    assert verify.main([str(run), TRUST]) == 0


def test_files_that_are_cut_off_or_of_another_size_are_named(run, capsys):
    file = run / "clips/square/hit.mkv"
    file.write_bytes(file.read_bytes()[:2000])
    write_video(run / "clips/simba/hit.mkv", dark_frames(3, (8, 16, 32, 3)), codec="ffv1")
    assert verify.main([str(run), TRUST]) == 1
    out = capsys.readouterr().out
    assert "square, clip hit: its files cannot be checked" in out
    assert "simba, clip hit: its files cannot be checked (clips/simba/hit.mkv has not the 8" in out


def test_a_success_through_a_codec_is_asked_through_it(run, capsys):
    # So faint that H.264 at CRF 51 wipes it out.
    clean = dark_frames(3, (8, 32, 32, 3))
    rng = np.random.default_rng(0)
    clip = clean.copy()
    watched = clip[4:8, 8:16, 8:16]
    watched[:] = rng.integers(0, 2, watched.shape) * 255
    while BrightnessVictim().scores(clip[None]).argmax() == 0:
        watched[rng.integers(4), rng.integers(8), rng.integers(8)] = 255
    write_video(run / "clips/square/hit.mkv", clip, codec="ffv1")
    falsify(run, 2, **norms(clean, clip))
    (run / "config.yaml").write_text(yaml.safe_dump({**CONFIG, "bound": {"eps": None}}))
    assert verify.main([str(run), TRUST]) == 0
    falsify(run, 2, codec_in_loop="h264:51")
    assert verify.main([str(run), TRUST]) == 1
    out = capsys.readouterr().out
    assert "no success" in out and "ffv1=" not in out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"attack": "a"\n', "line 1 of records.jsonl is no JSON"),
        ('{"attack": "a"}\n', "line 1 of records.jsonl lacks attacked, id, success"),
    ],
)
def test_broken_records_are_named(run, text, words):
    (run / "records.jsonl").write_text(text)
    with pytest.raises(SystemExit, match=words):
        verify.main([str(run), TRUST])


def test_no_record_is_no_success(run, capsys):
    (run / "records.jsonl").write_text("")
    assert verify.main([str(run), TRUST]) == 1
    assert "holds no record" in capsys.readouterr().out


def test_a_folder_without_a_run_is_one_sentence(tmp_path):
    with pytest.raises(SystemExit, match=r"error: .*config.yaml"):
        verify.main([str(tmp_path)])


@pytest.mark.filterwarnings(
    "ignore:'video_attack.agents.audit.verify' found in sys.modules:RuntimeWarning"
)
@pytest.mark.parametrize(("l2", "status"), [({}, 0), ({"l2": 0.5}, 1)])
def test_the_command_ends_with_a_status(run, monkeypatch, capsys, l2, status):
    falsify(run, 2, **l2)
    monkeypatch.setattr(sys, "argv", ["verify", str(run), TRUST])
    with pytest.raises(SystemExit) as end:
        runpy.run_module("video_attack.agents.audit.verify", run_name="__main__")
    assert end.value.code == status
    assert ("square, clip hit: l2=0.5" in capsys.readouterr().out) == bool(status)


def test_it_shares_nothing_with_what_it_checks():
    source = Path(verify.__file__).read_text()
    imports = [line for line in source.splitlines() if line.startswith(("from ", "import "))]
    own = [line for line in imports if "agents" in line or "envs" in line]
    assert own == [
        "from video_attack.agents.core.errors import USER_ERRORS",
        "from video_attack.agents.core.renamed import refuse_old_keys",
        "from video_attack.agents.core.trust import inside, vet",
        "from video_attack.agents.evaluation.codec_in_loop import parse_codec",
        "from video_attack.agents.setup.attack_setup import make_victim",
        "from video_attack.envs.metrics.record import Record, read_records",
        "from video_attack.envs.victims.base import Victim",
    ]


def curve(made, **changes):
    """The curve of the first success, whose last value is the stored clip's, with places changed."""
    lines = [json.loads(line) for line in (made / "records.jsonl").read_text().splitlines()]
    found = [[7, 3 * lines[2]["l2"]], [9, 2 * lines[2]["l2"]], [15, lines[2]["l2"]]]
    for place, pair in changes.items():
        step = found[int(place[1:])]
        step[:] = [old if new is None else new for new, old in zip(pair, step, strict=True)]
    return {"curves": {"l2": found}}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, None),
        ({"_0": [6, None]}, "does not run from query 7 to 20"),
        ({"_2": [21, None]}, "does not run from query 7 to 20"),
        ({"_1": [15, None]}, "queries of its curve of l2 do not rise"),
        ({"_1": [None, 1000.0]}, "curve of l2 does not fall"),
        ({"_2": [None, 0.001]}, "curve of l2 ends at 0.001, the stored clip has"),
    ],
)
def test_a_false_curve_is_found(run, changes, words):
    falsify(run, **curve(run, **changes))
    problems = verify.verify(run, BrightnessVictim(), {**CONFIG, "env": {"norm": "l2"}})[1]
    assert ([words is not None]) == [bool(problems)]
    assert words is None or words in problems[0]


def test_a_curve_of_another_norm_may_end_below_but_not_above_the_stored_clip(run):
    falsify(run, **curve(run, _2=[None, 0.001]))
    assert verify.verify(run, BrightnessVictim(), {**CONFIG, "env": {"norm": "linf"}})[1] == []
    falsify(run, **curve(run, _0=[None, 2000.0], _1=[None, 1500.0], _2=[None, 1000.0]))
    problems = verify.verify(run, BrightnessVictim(), CONFIG)[1]
    assert "ends at 1000.0, above the stored clip's" in problems[0]
