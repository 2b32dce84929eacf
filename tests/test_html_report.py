"""report.html says what a run's files say, loads nothing from elsewhere and survives gaps in them."""

import json
import re
from collections import Counter
from html.parser import HTMLParser

import numpy as np
import pytest
import yaml

from video_attack.agents.report.html.cases import choose_cases, small_mp4, triple
from video_attack.agents.report.html.maps import average, change_map
from video_attack.agents.report.html.markup import Markup, join, table, tag
from video_attack.agents.report.html.page import write_report
from video_attack.agents.report.html.sheets import attacks_table
from video_attack.agents.report.html.words import strongest
from video_attack.agents.report.run_files import read_run
from video_attack.agents.report.victim_name import victim_name
from video_attack.agents.video.write import write_video
from video_attack.envs.metrics.norms import norms

T, SIDE, GRID = 4, 28, 7
VOID = {"meta", "br", "img", "path", "use", "rect", "image"}
CONFIG = {
    "dataset": {"_target_": "my.Clips"},
    "model": {"_target_": "my.Net", "feedback": "scores", "weights": "https://example.org/w.pt"},
    "distortion": {"_target_": "my.gaussian_noise", "severity": 5},
    "env": {"budget": 100, "target": "none"},
    "bound": {"eps": 10},
    "attacks": {"alpha": {"_target_": "my.Alpha"}, "beta": {"_target_": "my.Beta"}},
    "seed": 0,
}


class Page(HTMLParser):
    """Elements, ids, addresses and text of a page; fails where tags do not match."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.addresses, self.names = [], Counter(), [], Counter()
        self.said = []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, name, attrs):
        attrs = dict(attrs)
        self.names[name] += 1
        self.ids.update([attrs["id"]] if "id" in attrs else [])
        self.addresses += [v for k, v in attrs.items() if k in ("src", "href", "xlink:href")]
        self.addresses += re.findall(r"url\(([^)]*)\)", " ".join(v or "" for v in attrs.values()))
        if name not in VOID:
            self.open.append(name)

    def handle_startendtag(self, name, attrs):
        self.handle_starttag(name, attrs)
        if name not in VOID:
            self.open.pop()

    def handle_endtag(self, name):
        if name not in VOID:
            assert self.open.pop() == name

    def handle_data(self, text):
        self.said.append(text)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.said))


def record(attack, number, flipped, size=10, attacked=True, **more):
    found = {
        "attack": attack, "id": f"clip-{number}", "label": number % 3, "class": "abc"[number % 3],
        "target": None, "attacked": attacked, "success": flipped,
        "queries": 10 + number if flipped else 100 if attacked else 1,
        "first_success": 10 + number if flipped else None, "budget": 100, "seed": 0,
        "clean_prediction": number % 3, "clean_right": attacked,
    }  # fmt: skip
    if flipped:
        clean, clip = clips(number, size)
        found |= {"prediction": (number + 1) % 3, **norms(clean, clip), "ssim": 0.9, "psnr": 30.0}
    return found | more


def clips(number, size):
    clean = np.random.default_rng(number).integers(20, 200, (T, SIDE, SIDE, 3), dtype=np.uint8)
    clip = clean.copy()
    clip[1, :4, :8] += np.uint8(size)
    return clean, clip


def make_run(folder, records, files=True, config=CONFIG):
    """A run's folder; clips and notes of each success beside its record."""
    for made in records if files else []:
        if not made["success"]:
            continue
        number, attack = int(made["id"].rsplit("-", 1)[1]), made["attack"]
        size = round(255 * (made["linf"] or 0.04))
        made |= {
            "clip_file": f"clips/{attack}/{number}.mkv",
            "clean_file": f"clips/clean/{number}.mkv",
        }
        made["delivered"] = {"ffv1": True, "h264_18": True, "h264_23": False, "h264_28": False}
        for name, frames in zip(("clean_file", "clip_file"), clips(number, size), strict=True):
            path = folder / made[name]
            path.parent.mkdir(parents=True, exist_ok=True)
            write_video(path, frames, codec="ffv1")
        notes = folder / "notes" / attack
        notes.mkdir(parents=True, exist_ok=True)
        values = np.full((T, GRID, GRID), 0.1, np.float32)
        np.savez(notes / f"{number}.npz", mask=values, sensitivity=values)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    (folder / "run.json").write_text(
        json.dumps({"victim": "f00dfeed", "versions": {"torch": "2.x"}})
    )
    (folder / "records.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    return folder


def two_attacks():
    alpha = [record("alpha", n, n < 4, size=4 + n, attacked=n != 5) for n in range(6)]
    beta = [record("beta", n, n < 1, size=9, attacked=n != 5) for n in range(6)]
    return beta + alpha  # the order of the configuration counts, not that of the file


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


def test_the_strongest_flips_most_and_then_asks_least():
    found = {
        "few": [record("few", n, n < 1) for n in range(4)],
        "slow": [record("slow", n, n < 2, queries=90) for n in range(4)],
        "fast": [record("fast", n, n < 2) for n in range(4)],
    }
    assert strongest(found) == "fast"


def test_the_best_of_a_column_is_marked_but_not_of_attacks_that_hardly_flip():
    def column(text):
        rows = re.findall(r"<tr>.*?</tr>", text.split("<tbody>")[1])
        return [re.findall(r'<td class="best">([^<]*)', row) for row in rows]

    many = [record("many", n, n < 4, size=20) for n in range(4)]
    few = [record("few", n, n < 1, size=5) for n in range(4)]
    first, second = column(attacks_table({"many": many, "few": few}))
    assert "100.0 %" in first and not second
    assert not any(column(attacks_table({"many": many, "same": many})))


def test_cases_are_the_least_the_middle_and_the_largest_norm():
    records = [record("a", n, True, size=4 + n, clip_file="x") for n in (3, 0, 4, 1, 2)]
    chosen = [(title, found["id"]) for title, found in choose_cases(records)]
    assert chosen == [("best", "clip-0"), ("median", "clip-2"), ("worst", "clip-4")]
    assert [title for title, _ in choose_cases(records[:2])] == ["best", "worst"]
    assert [title for title, _ in choose_cases(records[:1])] == ["only"]


def test_the_difference_is_amplified_around_grey_without_overflow():
    clean, clip = clips(0, 40)
    frames, gain = triple(clean, clip)
    assert gain == 3 and frames.shape == (T, SIDE, 3 * SIDE + 8, 3)
    assert (
        frames[1, 0, -SIDE:][:8].tolist() == [[248] * 3] * 8 and (frames[0, :, -SIDE:] == 128).all()
    )
    assert triple(clean, clean)[0][0, 0, -1].tolist() == [128] * 3


def test_maps_average_what_is_there():
    clean, clip = clips(0, 14)
    cells = change_map(clean, clip)
    assert (
        cells.shape == (T, 7, 7) and cells[1, 0, 0] == 14 and cells[1, 0, 2] == cells[0].max() == 0
    )
    one, two = np.array([[[1.0, np.nan]]]), np.array([[[3.0, np.nan]]])
    assert average([one, two, np.zeros((2, 5, 5))]).tolist()[0][0][0] == 2
    assert np.isnan(average([one, two])[0, 0, 1]) and average([]) is None


def test_markup_escapes_all_but_markup():
    assert tag("b", "<&>", class_='"x"', hidden=True, lang=None) == (
        '<b class="&quot;x&quot;" hidden>&lt;&amp;&gt;</b>'
    )
    assert join(["<", Markup("<i>")]) == "&lt;<i>"
    assert "<th>a</th><td>&lt;b</td>" in table([], [["a", "<b"]])
