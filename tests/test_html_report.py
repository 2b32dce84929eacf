"""report.html says what a run's files say, loads nothing from elsewhere and survives gaps in them."""

import json
import re

import numpy as np
import pytest

from tests.report_runs import CONFIG, Page, make_run, record, two_attacks
from video_attack.agents.report.html.cases import small_mp4, triple
from video_attack.agents.report.html.page import write_report
from video_attack.agents.report.run_files import read_run
from video_attack.agents.report.victim_name import victim_name


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("run"), two_attacks())


@pytest.fixture(scope="module")
def text(run_folder):
    return write_report(run_folder).read_text()


def test_the_page_is_well_formed_and_loads_nothing(text):
    page = Page(text)
    assert page.ids and set(page.ids.values()) == {1} and page.addresses
    assert {a[1:] for a in page.addresses if a.startswith("#")} <= page.ids.keys()
    assert all(address.startswith(("#", "data:")) for address in page.addresses)
    assert page.names["script"] == 0 and "@import" not in text
    assert "default-src &#x27;none&#x27;" in text


def test_everything_is_there(text):
    page = Page(text)
    for said in ("How robust is Net?", "alpha", "beta", "f00dfeed", "torch", "https://example.org/w.pt",
                 "gaussian_noise", "alpha against the others", "clips/alpha/0.mkv"):  # fmt: skip
        assert said in page.text, said
    assert page.names["svg"] == 2 + 2 + 2  # norm against queries, two curves, a map an attack
    assert page.names["video"] == 3 + 1  # best, median, worst; the only one


def test_the_opening_names_the_best_attack_and_what_may_be_claimed(text):
    said = Page(text).text
    assert "shown 6 clips of Clips, answering with all scores, and got 5 of them right" in said
    assert "2 attacks (alpha, beta)" in said and "more than 10 of 255 levels" in said
    assert (
        "alpha was the strongest: it flipped 4 of 5 (80 %), half of them within 11 queries" in said
    )
    # 4 of 5, one-sided: p with p ** 5 + 5 p ** 4 (1 - p) = 0.05 is 0.34259, rounded down.
    assert (
        "At least 34.2 % of such clips can be flipped within 100 queries and Linf 10/255, 95 % confidence "
        "(alpha flipped 4 of 5); no attack proves" in said
    )
    assert "Within 30 queries alpha is ahead (optimality" in said and "after AttackBench" in said


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ({"name": "our gate"}, "our gate"),
        ({"function": "shop.nets.classify"}, "shop.nets.classify"),
        ({"path": "/a/b/net.onnx"}, "net.onnx"),
        ({"url": "http://localhost:8000/x"}, "http://localhost:8000/x"),
        ({"network": "r3d_18"}, "Function r3d_18"),
        ({"name": None}, "Function"),
    ],
)
def test_a_victim_is_called_as_its_user_calls_it(model, name):
    assert victim_name({"model": {"_target_": "a.b.Function", **model}}, "it") == name
    assert victim_name({}, "it") == "it"


def test_figures_that_smell_are_pointed_out(tmp_path):
    records = [record(name, n, name != "dead") for name in ("a", "dead") for n in range(12)]
    text = write_report(make_run(tmp_path, records, files=False)).read_text()
    assert "dead flipped nothing where others did" in Page(text).text and 'class="hint"' in text


def test_doubts_about_the_victim_itself_are_on_the_page(tmp_path):
    records = [
        record("alpha", n, False, attacked=n % 3 == 0) | {"clean_prediction": 0} for n in range(9)
    ]
    folder = make_run(tmp_path / "run", records, files=False)
    origin = json.loads((folder / "run.json").read_text())
    for classes, told in ((["a", "b", "c"], True), (["a"], False), (None, False)):
        (folder / "run.json").write_text(json.dumps(origin | {"classes": classes}))
        page = Page(write_report(folder).read_text()).text
        assert ("answers a to all 9 clips" in page) == ("model.labels" in page) == told, classes


def test_the_same_files_give_the_same_page(run_folder, text):
    assert write_report(run_folder).read_text() == text


def test_three_attacks_at_full_size_stay_below_eight_megabytes():
    clean = np.random.default_rng(0).integers(0, 200, (16, 112, 112, 3), dtype=np.uint8)
    clip = clean + np.random.default_rng(1).integers(0, 30, clean.shape, dtype=np.uint8)
    frames, _ = triple(clean, clip)  # noise: nothing is larger
    assert 9 * len(small_mp4(frames)) * 4 / 3 < 7e6


def test_names_are_shown_and_not_obeyed(tmp_path):
    evil = "<img src=http://x/y onerror=alert(1)>\"'&"
    records = [record(evil, n, n == 0, **{"class": evil}) for n in range(2)]
    records[0] |= {"clip_file": f"{evil}.mkv", "clean_file": "nowhere.mkv", "id": evil}
    config = {
        **CONFIG,
        "model": {"_target_": f"my.{evil}"},
        "attacks": {},
        "note": "</pre><script>",
    }
    text = write_report(make_run(tmp_path, records, files=False, config=config)).read_text()
    page = Page(text)
    assert page.names["img"] == page.names["script"] == 0 and evil in page.text
    assert all(address.startswith(("#", "data:")) for address in page.addresses)


@pytest.mark.parametrize(
    "records",
    [
        [record("alpha", n, False) for n in range(3)],  # none flips
        [record("alpha", n, False, attacked=False) for n in range(3)],  # none is attacked
        [record("alpha", 0, True)],  # one clip
        [record("alpha", n, n != 2, attacked=n != 2) for n in range(3)],  # a class left out
        [record("alpha", 0, True), *[record("beta", n, False) for n in range(2)]],  # other clips
        [record("alpha", 0, True, l2=None, linf=None, ssim=None, first_success=None)],
    ],
)
def test_gaps_leave_a_whole_page(tmp_path, records):
    folder = make_run(tmp_path, [dict(r) for r in records], config={})
    (folder / "run.json").unlink()
    page = Page(write_report(folder).read_text())
    assert "alpha" in page.text and not re.search(r"\bnan\b", page.text)
    shown = [r for r in records if r["success"] and r["l2"] is not None]
    assert page.names["video"] == len(shown)


def test_a_run_that_kept_no_clips_has_a_report(tmp_path):
    page = Page(write_report(make_run(tmp_path, two_attacks(), files=False)).read_text())
    assert page.names["video"] == 0 and "its clips were not kept" in page.text


def test_clips_that_cannot_be_read_are_left_out(tmp_path):
    folder = make_run(tmp_path, two_attacks())
    for file in (folder / "clips").glob("alpha/*"):
        file.write_bytes(b"torn")
    for file in (folder / "notes").glob("alpha/*"):
        file.write_bytes(b"torn")
    page = Page(write_report(folder).read_text())
    assert page.names["video"] == 1 and "its clips were not kept" in page.text


def test_a_torn_last_line_and_a_repeated_clip_are_no_records(tmp_path):
    folder = make_run(tmp_path, two_attacks(), files=False)
    with (folder / "records.jsonl").open("a") as lines:
        lines.write(json.dumps(record("beta", 0, False)) + "\n" + '{"attack": "alp')
    run = read_run(folder)
    assert list(run.records) == ["alpha", "beta"]
    assert [len(found) for found in run.records.values()] == [6, 6]
    assert not run.records["beta"][0]["success"]


def test_a_folder_without_records_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="give the folder of an evaluation run"):
        write_report(tmp_path)
