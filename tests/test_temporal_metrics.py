"""Protects the warping error and LPIPS: cases with a known answer, signs and scales, and what is asked
of files that are not there."""

from importlib.util import find_spec

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from tests.lpips_files import LINEAR, write_lpips_files
from video_attack.envs.metrics.perceptual import Lpips
from video_attack.envs.metrics.summary import MEANS, MORE, summary
from video_attack.envs.metrics.temporal import sample, visible_pixels, warping_error
from video_attack.envs.victims.base import VictimError


def texture(H=48, W=64, seed=0):
    """A smooth random picture between 60 and 190."""
    noise = np.random.default_rng(seed).random((H, W, 3))
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    smooth = (smooth - smooth.min()) / (smooth.max() - smooth.min())
    return (60 + 130 * smooth).astype(np.uint8)


def still(T=5):
    return np.stack([texture()] * T)


def moving(T=5, step=2):
    """A window that moves over a larger picture by `step` pixels a frame, to the right."""
    wide = texture(W=64 + step * T)
    return np.stack([wide[:, t * step : t * step + 64] for t in range(T)])


def noisy(clip, sigma, seed=0):
    added = np.random.default_rng(seed).normal(0, sigma, clip.shape)
    return np.clip(np.rint(clip + added), 0, 255).astype(np.uint8)


# Warping error


def test_flicker_of_a_still_clip_by_hand():
    after = still()
    after[1::2] += 10  # each frame differs from the next by 10 levels
    assert warping_error(still(), after) == pytest.approx((10 / 255) ** 2, rel=1e-5)
    after = still()
    after[2] += 20  # two of four pairs differ, by 20
    assert warping_error(still(), after) == pytest.approx((20 / 255) ** 2 / 2, rel=1e-5)
    after = still()
    after[1::2, :, :32, 0] += 30  # half the pixels, one of three channels
    assert warping_error(still(), after) == pytest.approx((30 / 255) ** 2 / 6, rel=1e-5)


def test_equal_clips_and_a_constant_shift_add_nothing():
    assert warping_error(moving(), moving()) == 0
    assert warping_error(moving(), moving() + 40) == pytest.approx(0, abs=1e-6)


def test_a_pattern_that_moves_with_the_picture_flickers_less_than_one_that_stands():
    pattern = np.random.default_rng(1).integers(-8, 9, (48, 80, 3))
    pattern = cv2.GaussianBlur(pattern.astype(np.float32), (0, 0), 2) * 4
    clip = moving().astype(np.float32)
    along = np.stack([clip[t] + pattern[:, 2 * t : 2 * t + 64] for t in range(5)])
    standing = clip + pattern[:, :64]
    with_it, against_it = (
        warping_error(moving(), np.rint(x).astype(np.uint8)) for x in (along, standing)
    )
    assert abs(with_it) < against_it / 20


def test_independent_noise_of_a_still_clip_by_its_variance():
    # The difference of two independent draws has twice the variance, with rounding's 1/12 each.
    found = warping_error(still(9), noisy(still(9), 6))
    assert found == pytest.approx(2 * (36 + 1 / 12) / 255**2, rel=0.03)


def test_the_flow_is_the_original_clips():
    """Frames in disorder are not excused by the flow between them."""
    clip = moving()
    assert warping_error(clip, clip[::-1].copy()) > 20 * abs(warping_error(clip, noisy(clip, 1)))


def test_smoothing_a_flickering_clip_is_negative():
    assert warping_error(noisy(still(), 12), still()) < -0.001


def test_too_small_or_too_short_clips_are_nan():
    assert np.isnan(warping_error(still(1), still(1)))
    small = np.zeros((4, 11, 40, 3), np.uint8)
    assert np.isnan(warping_error(small, small))
    assert warping_error(small.repeat(2, axis=1), small.repeat(2, axis=1)) == 0


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), side=st.integers(12, 40))
def test_any_clip_stays_in_range(seed, side):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 256, (2, 3, side, side + 1, 3), dtype=np.uint8)
    found = warping_error(a, b)
    assert np.isnan(found) or -1 <= found <= 1
    assert warping_error(a, a) == 0 or np.isnan(found)


def test_sampling_along_a_flow_by_hand():
    picture = np.arange(12, dtype=np.float32).reshape(3, 4, 1)
    flow = np.zeros((3, 4, 2), np.float32)
    flow[..., 0], flow[..., 1] = 1, 0.5  # one to the right, half down
    assert sample(picture, flow)[0].ravel().tolist() == [3, 4, 5, 5]
    assert sample(picture, flow)[2].ravel().tolist() == [9, 10, 11, 11]


def test_visible_pixels_by_hand():
    there = np.zeros((4, 6, 2), np.float32)
    there[..., 0] = 2  # to the right: the last two columns leave the frame
    assert visible_pixels(there, -there).tolist() == [[True] * 4 + [False] * 2] * 4
    back = -there
    back[:, 3, 0] = 0  # whoever arrives in column 3 is sent elsewhere: |F + B|^2 = 4 > 0.54
    assert visible_pixels(there, back)[0].tolist() == [True, False, True, True, False, False]


def test_a_summary_has_the_mean_of_what_every_success_was_measured_for():
    shared = {
        "attacked": True,
        "success": True,
        "queries": 2,
        "budget": 9,
        **dict.fromkeys(MEANS, 1),
    }
    hits = [{"id": i, "warping_error": i / 10, **shared} for i in (1, 3)]
    hits[0]["roughness"] = 2.0
    result = summary(hits)
    assert result["warping_error"] == pytest.approx(0.2)
    assert all(np.isnan(result[name]) for name in MORE if name != "warping_error")


# LPIPS


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_lpips_files(tmp_path_factory.mktemp("lpips"))


def by_the_formula(folder, a, b):
    """Distance of two pictures, layer by layer as the paper writes it."""
    net, rows = torch.load(folder / "alexnet.pth"), torch.load(folder / "alex.pth")
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    sides = [torch.tensor((p / 255 - mean) / std).permute(2, 0, 1)[None].float() for p in (a, b)]
    total = 0.0
    layers = [
        (0, 4, 2, False),
        (3, 1, 2, True),
        (6, 1, 1, True),
        (8, 1, 1, False),
        (10, 1, 1, False),
    ]
    for row, (at, stride, pad, pool) in zip(LINEAR, layers, strict=True):
        w, bias = net[f"features.{at}.weight"], net[f"features.{at}.bias"]
        sides = [F.max_pool2d(x, 3, 2) if pool else x for x in sides]
        sides = [F.relu(F.conv2d(x, w, bias, stride=stride, padding=pad)) for x in sides]
        x, y = (F.normalize(x, dim=1, eps=1e-10) for x in sides)
        total += float((rows[row] * (x - y) ** 2).sum(dim=1).mean())
    return total


def test_lpips_is_the_mean_over_frames_of_the_papers_formula(files):
    before, after = still(4), still(4)
    after[1], after[2] = noisy(after[1], 30), 255 - after[2]
    expected = sum(by_the_formula(files, before[t], after[t]) for t in (1, 2)) / 4
    metric = Lpips(files / "alexnet.pth", files / "alex.pth")
    assert metric(before, after) == pytest.approx(expected, rel=1e-4)
    assert metric(after, before) == pytest.approx(expected, rel=1e-4)
    assert expected > 1e-4


def test_lpips_of_equal_clips_is_zero_and_of_tiny_ones_nan(files):
    metric = Lpips(files / "alexnet.pth", files / "alex.pth")
    assert metric(still(), still()) == 0
    small = np.zeros((2, 30, 64, 3), np.uint8)
    assert np.isnan(metric(small, small + 1))
    least = np.zeros((2, 31, 31, 3), np.uint8)
    assert metric(least, noisy(least, 40)) > 0


def test_lpips_names_what_is_missing(files, tmp_path, monkeypatch):
    with pytest.raises(VictimError, match=r"no weights at .*none\.pth"):
        Lpips(tmp_path / "none.pth", files / "alex.pth")
    with pytest.raises(VictimError, match="no calibration of LPIPS"):
        Lpips(files / "alexnet.pth", files / "alexnet.pth")
    with pytest.raises(VictimError, match="does not fit"):
        Lpips(files / "alex.pth", files / "alex.pth")
    monkeypatch.setattr("video_attack.envs.metrics.perceptual.find_spec", lambda name: None)
    with pytest.raises(VictimError, match="pip install --no-deps lpips"):
        Lpips(files / "alexnet.pth")


@pytest.mark.skipif(find_spec("lpips") is None, reason="pip install --no-deps lpips")
def test_lpips_finds_the_packaged_calibration(files):
    assert Lpips(files / "alexnet.pth")(still(2), noisy(still(2), 30)) > 0
