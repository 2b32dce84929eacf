"""Protects the report's sections: the strongest attack, marked columns, chosen cases, pictures, maps."""

import re

import numpy as np

from tests.report_runs import SIDE, T, clips, record
from video_attack.agents.report.html.cases import choose_cases, triple
from video_attack.agents.report.html.maps import average, change_map
from video_attack.agents.report.html.markup import Markup, join, table, tag
from video_attack.agents.report.html.sheets import attacks_table
from video_attack.agents.report.html.words import strongest


def test_the_strongest_flips_most_and_then_asks_least():
    found = {
        "few": [record("few", n, n < 1) for n in range(4)],
        "slow": [record("slow", n, n < 2, queries=90, first_success=90) for n in range(4)],
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
