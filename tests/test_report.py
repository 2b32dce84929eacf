"""Report files say what the records say: videos read back, pictures are drawn, tables are exact."""

import math
import resource
import subprocess
import sys
import warnings
from pathlib import Path

import av
import numpy as np
import pytest

from video_attack.agents.report.compare import compare
from video_attack.agents.report.figures.heat import headline
from video_attack.agents.report.figures.pictures import (
    learning_curve_picture,
    sensitivity_picture,
    success_curve_picture,
)
from video_attack.agents.report.table import format_table, row
from video_attack.agents.video.write import side_by_side, write_video
from video_attack.envs.metrics.summary import FILES, MEANS

REAL = Path(__file__).parents[2] / "shared" / "realdata" / "UCF-101"


def noise(T=5, H=33, W=31, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (T, H, W, 3), dtype=np.uint8)


def read(path):
    with av.open(str(path)) as file:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)])


@pytest.mark.parametrize("suffix", [".mkv", ".avi"])
def test_ffv1_reads_back_bit_for_bit(tmp_path, suffix):
    frames = noise()
    write_video(tmp_path / f"clip{suffix}", frames, codec="ffv1")
    assert np.array_equal(read(tmp_path / f"clip{suffix}"), frames)


def test_h264_is_what_browsers_play_and_keeps_colours(tmp_path):
    colours = [(200, 40, 90), (20, 180, 60), (30, 60, 220), (255, 255, 255)]
    frames = np.empty((4, 35, 33, 3), np.uint8)
    frames[:] = np.array(colours)[:, None, None]
    write_video(tmp_path / "clip.mp4", frames, fps=8, crf=4)
    with av.open(str(tmp_path / "clip.mp4")) as file:
        context = file.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert file.streams.video[0].average_rate == 8
    back = read(tmp_path / "clip.mp4")
    assert back.shape == (4, 36, 34, 3)
    assert np.abs(back[:, :35, :33].astype(int) - frames).max() <= 6


def test_side_by_side_shows_every_frame_in_every_loop(tmp_path):
    original = noise(T=3)
    scores = np.array([0.2, 0.8])
    arguments = (original, original[::-1], np.ones((3, 2, 2)), scores[::-1], scores)
    side_by_side(tmp_path / "s.mp4", *arguments, ("run", "jump"), 0, loops=2)
    assert len(read(tmp_path / "s.mp4")) == 3 * 2


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "ffv1"), ("a.mkv", "h264"), ("a.mp4", "x")])
def test_a_name_that_does_not_suit_the_codec_is_refused(tmp_path, name, codec):
    with pytest.raises(ValueError, match="name it"):
        write_video(tmp_path / name, noise(), codec=codec)
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(OSError, match="does not exist; create it first"):
        write_video(tmp_path / "none" / "clip.mkv", noise(), codec="ffv1")


def test_a_write_that_fails_half_way_leaves_the_old_file_and_no_rest(tmp_path):
    path = tmp_path / "clip.mkv"
    write_video(path, noise(T=1, H=4, W=4), codec="ffv1")
    old = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))  # stands for a full disk
    try:
        with pytest.raises(OSError, match="free some space"):
            write_video(path, noise(), codec="ffv1")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [*tmp_path.iterdir()] == [path] and path.read_bytes() == old


def picture(path):
    return read(path)[0]


def sensitivity(T, G):
    values = np.full((T, G, G), 0.01)
    values[T // 2, G - 1, 0] = 0.5
    values[0] = np.nan
    return values


@pytest.mark.parametrize(("T", "H", "W", "G"), [(16, 56, 56, 4), (3, 40, 20, 9), (1, 24, 48, 1)])
def test_sensitivity_pictures_of_all_shapes_are_drawn_without_a_warning(tmp_path, T, H, W, G):
    clip, values = noise(T, H, W), sensitivity(T, G)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, shown in (("a", values), ("b", values * np.nan), ("c", -values)):
            mask = np.nan_to_num(values) > 0.1
            sensitivity_picture(tmp_path / f"{name}.png", clip, clip, mask, shown, title="t")
    pictures = [picture(tmp_path / f"{name}.png") for name in "abc"]
    assert all(image.shape[1] == 1200 and image.std() > 20 for image in pictures)
    assert T == 1 or not np.array_equal(pictures[0], pictures[1])


def test_the_headline_names_the_frame_and_the_patch_counted_from_one():
    line = headline(sensitivity(16, 4))
    assert "frame 9 of 16" in line and "row 4, column 1 of 4 x 4" in line and "94 %" in line
    assert headline(np.full((2, 2, 2), np.nan)) == "No cell was tried."
    assert headline(np.full((2, 2, 2), -0.1)).startswith("No cell lowered")


def test_sensitivity_and_mask_of_another_clip_are_refused(tmp_path):
    clip = noise(4)
    with pytest.raises(ValueError, match="must both be"):
        sensitivity_picture(
            tmp_path / "a.png", clip, clip, np.ones((4, 2, 2)), np.ones((3, 2, 2)), title="t"
        )
    assert not list(tmp_path.iterdir())


def test_curves_are_drawn_even_for_an_attack_without_clips(tmp_path):
    curves = {"ours": ([0, 10, 40], [0, 0.4, 0.9]), "none": ([0, 100], [math.nan, math.nan])}
    success_curve_picture(tmp_path / "s.png", curves, 100)
    learning_curve_picture(tmp_path / "l.png", range(3), [0.1, 0.2, 0.4], [90, 80, 60])
    assert picture(tmp_path / "s.png").std() > 10 and picture(tmp_path / "l.png").std() > 10
    with pytest.raises(ValueError, match="no curve"):
        success_curve_picture(tmp_path / "e.png", {}, 100)


def test_pictures_leave_pyplot_and_its_backend_alone():
    module = "video_attack.agents.report.figures.pictures"
    code = f"import sys, {module}; sys.exit('matplotlib.pyplot' in sys.modules)"
    root = Path(__file__).parents[1]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


OURS = {
    "attack": "ours", "attacked": 50, "clean_accuracy": 0.95, "asr": 0.72, "asr_low": 0.575,
    "asr_high": 0.838, "aq": 130.25, "median_queries": 88.0, "l2": 3.14159, "linf": 0.2,
    "map": 0.456, "l0_frames": 0.25, "l0_pixels": 0.0425, "ssim": 0.98765, "ffv1": 0.72,
    "h264_18": 0.611, "h264_23": 0.5, "h264_28": 0.0, "seconds": 1.234, "psnr_clip": 31.26, "psnr": math.nan,
    "ssim_changed": math.nan, "lpips_changed": math.nan, "float32": math.nan,
    "lpips": math.nan, "roughness": 0.789, "warping_error": 0.00296,
}  # fmt: skip
NONE = {**dict.fromkeys(OURS, math.nan), "attack": "square_root", "attacked": 0, "aq": None}

PLAIN = """\
attack       clips  clean acc.  ASR [95 % interval]     AQ  median q.    FFV1  CRF 18  CRF 23  \
CRF 28  s/clip
-----------  -----  ----------  -------------------  -----  ---------  ------  ------  ------  \
------  ------
ours            50      95.0 %  72.0 % [57.5, 83.8]  130.2         88  72.0 %  61.1 %  50.0 %  \
 0.0 %    1.23
square_root      0           -                    -      -          -       -       -       -  \
     -       -

attack         L2   Linf   MAP  frames changed  pixels changed   SSIM  PSNR  roughness  \
warping error x 1000
-----------  ----  -----  ----  --------------  --------------  -----  ----  ---------  \
--------------------
ours         3.14  0.200  0.46          25.0 %           4.2 %  0.988  31.3       0.79  \
                2.96
square_root     -      -     -               -               -      -     -          -  \
                   -"""

MARKDOWN = """\
| attack |   L2 |  Linf |  MAP | frames changed | pixels changed |  SSIM | PSNR | roughness | \
warping error x 1000 |
| ------ | ---: | ----: | ---: | -------------: | -------------: | ----: | ---: | --------: | \
-------------------: |
| ours   | 3.14 | 0.200 | 0.46 |         25.0 % |          4.2 % | 0.988 | 31.3 |      0.79 | \
                2.96 |"""


def test_the_tables_are_these():
    cost, size, legend = format_table([OURS, NONE])
    assert f"{cost}\n\n{size}" == PLAIN
    assert format_table([OURS], markdown=True)[1] == MARKDOWN
    assert all(len(line) <= 160 for part in (cost, size, legend) for line in part.splitlines())


def titles(rows):
    """Of the columns of each table, legend aside."""
    tables = format_table(rows, markdown=True)[:-1]
    return [[cell.strip() for cell in t.splitlines()[0].strip("|").split("|")] for t in tables]


def test_a_column_is_there_when_any_attack_has_a_figure_for_it():
    cost, size = titles([OURS, {**NONE, "lpips": 0.1234, "warping_error": -0.0005}])
    assert size[6:] == ["SSIM", "PSNR", "LPIPS", "roughness", "warping error x 1000"]
    measured = format_table([{**OURS, "lpips": 0.1234, "warping_error": -0.0005}])[1]
    assert measured.splitlines()[2].split()[-4:] == ["31.3", "0.123", "0.79", "-0.50"]
    unchecked = {**OURS, **dict.fromkeys(FILES, math.nan)}
    assert titles([unchecked]) == [
        [t for t in cost if t[:3] not in ("FFV", "CRF")],
        titles([OURS])[1],
    ]


def test_no_success_at_all_leaves_no_table_of_sizes():
    assert titles([{**NONE, "attacked": 3, "asr": 0.0}]) == [
        ["attack", "clips", "ASR [95 % interval]"]
    ]


def record(name="a", clip=0, attacked=True, success=True, queries=5, l2=2.0, **rest):
    return {
        "attack": name, "id": clip, "attacked": attacked, "success": success, "queries": queries,
        "budget": 50, "seconds": 1.0, "delivered": None, **dict.fromkeys(MEANS, l2), **rest,
    }  # fmt: skip


def test_a_row_counts_files_and_seconds_over_attacked_clips():
    kept = {"ffv1": True, "h264_18": True, "h264_23": True, "h264_28": False}
    lost = {**kept, "h264_23": False}
    records = [
        record(clip=0, delivered=kept, seconds=2.0), record(clip=1, delivered=lost, seconds=4.0),
        record(clip=2, success=False, queries=50, seconds=6.0),
        record(clip=3, attacked=False, success=False, queries=1, seconds=100.0),
    ]  # fmt: skip
    found = row("a", records)
    assert (found["ffv1"], found["h264_23"], found["h264_28"]) == pytest.approx((2 / 3, 1 / 3, 0))
    assert found["seconds"] == 4.0 and found["asr"] == pytest.approx(2 / 3)
    assert math.isnan(row("a", [record()])["ffv1"]) and math.isnan(row("a", [])["seconds"])


def test_a_summary_without_a_figure_is_named():
    with pytest.raises(ValueError, match="'ours' lacks asr, ssim"):
        format_table([{k: v for k, v in OURS.items() if k not in ("asr", "ssim")}])


@pytest.mark.skipif(not REAL.is_dir(), reason="no real clips: ../shared/realdata is absent")
def test_a_real_clip_survives_the_lossless_file(tmp_path):
    frames = read(sorted(REAL.glob("*/*.avi"))[0])[:4]
    write_video(tmp_path / "real.mkv", frames, codec="ffv1")
    assert np.array_equal(read(tmp_path / "real.mkv"), frames)


def test_comparison_counts_failures_at_the_budget_and_norms_on_common_clips_only():
    ours = [
        record(clip=0, l2=2.0), record(clip=1, l2=4.0),
        record(clip=2, attacked=False, success=False, queries=1),
    ]  # fmt: skip
    theirs = [
        record("b", 0, queries=10, l2=4.0), record("b", 1, success=False, queries=50),
        record("b", 2, attacked=False, success=False, queries=1),
    ]  # fmt: skip
    title, table = compare({"a": ours, "b": theirs, "c": theirs[1:2]})
    assert title.startswith("a minus, or divided by, each other attack")
    head, _, against, failing = table.splitlines()
    assert head.split()[:2] == ["against", "clips"] and len(against) <= 160
    cells = [cell for cell in against.split("  ") if cell]
    assert [cell.split(" [")[0].strip() for cell in cells] == [
        "b", "2", "+50.0", "-25.0", "0.17", "1", "-2.00", "0.50"
    ]  # fmt: skip
    assert failing.split()[:2] == ["c", "1"] and failing.split()[-3:] == ["0", "-", "-"]
    assert compare({"a": ours}) == []
    assert compare({"a": ours, "b": theirs}, markdown=True)[1].startswith("| against")
