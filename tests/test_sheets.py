"""Protects the columns of the report's table of attacks: those that were measured, and no others."""

import math
import re

import pytest

from video_attack.agents.report.html.sheets import attacks_table
from video_attack.envs.metrics.summary import MEANS

FIGURES = {"psnr_clip": 31.26, "psnr": 77.6, "roughness": 0.789, "warping_error": 0.00296}


def record(clip=0, success=True, **more):
    found = {"id": clip, "attacked": True, "success": success, "queries": 5, "budget": 50}
    return {**found, **(dict.fromkeys(MEANS, 0.5) if success else {}), **more}


def columns(found):
    """Group and title of each column of figures, and the cells of each attack."""
    text = attacks_table(found)
    groups, titles, *rows = re.findall(r"<tr>(.*?)</tr>", text)
    spans = re.findall(r'<th colspan="(\d+)">([^<]*)', groups)
    names = [name for span, name in spans for _ in range(int(span))]
    heads = re.findall(r"<th>([^<]*)", titles)[2:]
    cells = [re.findall(r"<td[^>]*>([^<]*)", row)[1:] for row in rows]
    assert all(len(names) == len(heads) == len(line) for line in cells)
    return {(n, h): list(c) for n, h, *c in zip(names, heads, *cells, strict=True)}


def test_quality_and_steadiness_are_shown_with_two_or_three_digits():
    shown = columns({"a": [record(**FIGURES)]})
    assert shown["size of the change", "PSNR"] == ["31.3"]
    assert shown["size of the change", "PSNR, frame mean"] == ["77.6"]
    assert shown["steadiness in time", "roughness"] == ["0.79"]
    assert shown["steadiness in time", "warping error x 1000"] == ["2.96"]


@pytest.mark.parametrize("absent", [{}, {"lpips": None}])
def test_lpips_shows_only_where_it_was_measured(absent):
    key = ("size of the change", "LPIPS")
    without, measured = [record(**FIGURES, **absent)], [record(lpips=0.1234)]
    assert key not in columns({"a": without, "b": without})
    shown = columns({"a": without, "b": measured})
    assert shown[key] == ["-", "0.123"]
    assert shown["steadiness in time", "roughness"] == ["0.79", "-"]


def test_a_group_without_a_column_is_left_out():
    everywhere = {"flipped", "queries"}
    assert {group for group, _ in columns({"a": [record(ssim=math.nan)]})} == {
        *everywhere, "size of the change"
    }  # fmt: skip
    assert ("size of the change", "SSIM") not in columns({"a": [record(ssim=math.nan)]})
    # Without a success nothing has a size, and no share of the clips survives in a file.
    failed = columns({"a": [record(success=False)]})
    assert {group for group, _ in failed} == {*everywhere, "flipped, read from a file"}


def test_steadiness_of_an_attack_that_hardly_flips_is_not_the_best():
    many = [record(n, roughness=2.0, warping_error=0.002) for n in range(4)]
    few = [record(n, n < 1, roughness=1.0, warping_error=0.001) for n in range(4)]
    for name, other in (("2.00", few), ("1.00", [{**r, "roughness": 1.0} for r in many])):
        text = attacks_table({"many": many, "other": other})
        best = re.findall(r'<td class="best">([^<]*)', text)
        assert name in best and len({"1.00", "2.00"} & set(best)) == 1
