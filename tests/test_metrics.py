"""Protects the formulas and scales of the figures that are reported, by cases done by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import structural_similarity

from video_attack.envs.metrics.norms import norms
from video_attack.envs.metrics.quality import psnr, psnr_clip, ssim


def grey(T=4, H=2, W=5, value=100):
    return np.full((T, H, W, 3), value, np.uint8)


def noise(T=2, H=16, W=16, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (T, H, W, 3), dtype=np.uint8)


# Norms


def test_norms_by_hand():
    before = grey()  # 4 frames of 10 pixels, 120 values
    after = before.copy()
    after[1, 0, 0] = (103, 100, 96)  # +3, 0, -4: one pixel, two values
    after[1, 1, 4, 0] = 112  # +12: a second pixel of the same frame
    assert norms(before, after) == pytest.approx(
        {
            "l0_pixels": 2 / 40,
            "l0_frames": 1 / 4,
            "sparsity": 3 / 4,
            "l2": 13 / 255,  # 9 + 16 + 144 = 169
            "linf": 12 / 255,
            "map": 19 / 120,
            "roughness": 2 * 19 / 90,  # there and back, over three pairs of frames of 30 values
        }
    )


def test_norms_of_equal_clips_are_zero():
    figures = norms(noise(), noise())
    assert figures.pop("sparsity") == 1
    assert set(figures.values()) == {0.0}


def test_norms_of_black_against_white_do_not_wrap_around():
    black, white = grey(1, 2, 2, 0), grey(1, 2, 2, 255)
    for pair in ((black, white), (white, black)):
        figures = norms(*pair)
        assert figures["linf"] == 1 and figures["map"] == 255
        assert figures["l2"] == pytest.approx(12**0.5)
        assert figures["roughness"] == 0  # one frame has no neighbour


def test_roughness_sees_flicker_from_minus_255_to_255():
    before, after = grey(2, 1, 1), grey(2, 1, 1)
    before[0], before[1] = 0, 255
    after[0], after[1] = 255, 0
    assert norms(before, after)["roughness"] == 510


def test_a_constant_shift_has_no_roughness():
    assert norms(grey(value=100), grey(value=107))["roughness"] == 0


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), T=st.integers(1, 3), H=st.integers(1, 4))
def test_norms_keep_their_order(seed, T, H):
    before, after = noise(T, H, 3, seed), noise(T, H, 3, seed + 1)
    figures = norms(before, after)
    values = before.size
    assert figures["map"] / 255 <= figures["linf"] <= figures["l2"] + 1e-12
    assert figures["l2"] <= figures["linf"] * values**0.5 + 1e-9
    assert 0 <= figures["l0_pixels"] <= figures["l0_frames"] <= 1


@pytest.mark.parametrize("metric", [norms, ssim, psnr, psnr_clip])
def test_other_shapes_and_dtypes_are_refused(metric):
    with pytest.raises(ValueError, match="differ in shape"):
        metric(grey(2), grey(3))
    with pytest.raises(ValueError, match="adversarial clip must be a uint8"):
        metric(grey(), grey().astype(np.float32))


# Quality


def test_ssim_is_the_mean_of_scikit_image_over_frames():
    before, after = noise(), noise()
    after[1] = np.clip(after[1].astype(int) + noise(1, seed=1)[0] // 8, 0, 255)
    one = structural_similarity(before[1], after[1], channel_axis=2, data_range=255)
    assert 0.5 < one < 0.999
    assert ssim(before, after) == pytest.approx((1 + one) / 2)


def test_ssim_of_flat_frames_by_hand():
    # Without variance only the luminance term is left: (2ab + C1) / (a^2 + b^2 + C1).
    a, b, c1 = 100.0, 150.0, (0.01 * 255) ** 2
    expected = (2 * a * b + c1) / (a * a + b * b + c1)
    assert ssim(grey(2, 9, 9, 100), grey(2, 9, 9, 150)) == pytest.approx(expected)


@pytest.mark.parametrize("side", [3, 4, 5, 6, 7, 8])
def test_ssim_of_small_frames_takes_a_smaller_window(side):
    before, after = noise(2, side, 20), noise(2, side, 20, seed=1)
    assert ssim(before, before) == 1
    assert ssim(before, after) < 0.5


def test_ssim_of_frames_below_three_pixels_is_nan():
    assert np.isnan(ssim(grey(1, 1, 1), grey(1, 1, 1)))
    assert np.isnan(ssim(grey(1, 2, 30), grey(1, 2, 30)))


def test_psnr_by_hand():
    before, after = grey(2, 3, 3, 0), grey(2, 3, 3, 0)
    after[0] = 51  # a fifth of 255: 20 log10(5) dB
    after[1, 0, 0, 0] = 255  # mean squared error 255^2 / 27: 10 log10(27) dB
    assert psnr(before, after) == pytest.approx((13.9794 + 14.3136) / 2, abs=1e-4)
    assert psnr(grey(value=0), grey(value=255)) == 0


def test_psnr_counts_an_unchanged_frame_as_100():
    before, after = grey(2, 3, 3, 0), grey(2, 3, 3, 0)
    assert psnr(before, after) == pytest.approx(100)
    after[0] = 255
    assert psnr(before, after) == pytest.approx(50)
    assert psnr_clip(before, after) == pytest.approx(10 * np.log10(2))  # half of the clip
    assert psnr_clip(before, before) == pytest.approx(100)


def test_untouched_frames_are_left_out_if_asked():
    before, after = noise(4), noise(4)
    after[1] = noise(1, seed=1)[0]
    one = structural_similarity(before[1], after[1], channel_axis=2, data_range=255)
    assert ssim(before, after, changed_only=True) == pytest.approx(one)
    assert ssim(before, after) == pytest.approx((3 + one) / 4)
    assert ssim(before, before, changed_only=True) == 1
