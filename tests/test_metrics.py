"""Protects the formulas and scales of the figures that are reported, by cases done by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import structural_similarity

from video_attack.envs.metrics.norms import norms
from video_attack.envs.metrics.quality import psnr, ssim
from video_attack.envs.metrics.rates import (
    clopper_pearson,
    paired_bootstrap_difference,
    paired_bootstrap_ratio,
)
from video_attack.envs.metrics.summary import MEANS, success_curve, summary


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


@pytest.mark.parametrize("metric", [norms, ssim, psnr])
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


# Rates


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (0, 10, 0.0, 0.308497),  # 1 - 0.025^(1/10)
        (10, 10, 0.691503, 1.0),
        (5, 10, 0.187086, 0.812914),  # tables of Clopper and Pearson
        (1, 1, 0.025, 1.0),
    ],
)
def test_clopper_pearson_by_hand(successes, n, low, high):
    assert clopper_pearson(successes, n) == pytest.approx((low, high), abs=1e-6)


def test_clopper_pearson_at_another_confidence():
    # One trial, one failure: high solves 1 - high = alpha / 2.
    assert clopper_pearson(0, 1, confidence=0.9) == pytest.approx((0, 0.95))


def test_clopper_pearson_without_trials_knows_nothing():
    assert np.isnan(clopper_pearson(0, 0)).all()


@pytest.mark.parametrize("wrong", [(3, 2), (-1, 2), (1, 2, 1.0), (1, 2, 95)])
def test_clopper_pearson_refuses_nonsense(wrong):
    with pytest.raises(ValueError, match="give"):
        clopper_pearson(*wrong)


@settings(max_examples=50, deadline=None)
@given(n=st.integers(1, 500), share=st.floats(0, 1))
def test_clopper_pearson_holds_the_rate_and_mirrors(n, share):
    successes = round(share * n)
    low, high = clopper_pearson(successes, n)
    assert 0 <= low <= successes / n <= high <= 1
    assert clopper_pearson(n - successes, n) == pytest.approx((1 - high, 1 - low))


def test_pairing_removes_what_clips_have_in_common():
    b = np.random.default_rng(0).uniform(10, 1000, 40)
    assert paired_bootstrap_ratio(b / 2, b) == pytest.approx((0.5, 0.5, 0.5))
    assert paired_bootstrap_difference(b - 7, b) == pytest.approx((-7, -7, -7))


def test_bootstrap_of_two_clips_by_hand():
    # Draws of two clips: both the first (1/4), both the second (1/4), one of each (1/2).
    a, b = [2, 6], [1, 2]
    assert paired_bootstrap_ratio(a, b) == pytest.approx((8 / 3, 2, 3))
    assert paired_bootstrap_difference(a, b) == pytest.approx((2.5, 1, 4))


def test_bootstrap_interval_is_that_of_the_mean():
    values = np.random.default_rng(1).normal(5, 2, 400)
    _, low, high = paired_bootstrap_difference(values, np.zeros(400))
    error = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - error, values.mean() + error), abs=0.03)


def test_bootstrap_is_reproducible_and_takes_its_seed():
    a, b = noise()[0, :, 0, 0].astype(float), noise(seed=1)[0, :, 0, 0].astype(float)
    assert paired_bootstrap_ratio(a, b, 300) == paired_bootstrap_ratio(a, b, 300)
    assert paired_bootstrap_ratio(a, b, 300) != paired_bootstrap_ratio(a, b, 300, seed=1)


def test_bootstrap_without_clips_or_without_a_denominator_is_nan():
    assert np.isnan(paired_bootstrap_ratio([], [])).all()
    assert np.isnan(paired_bootstrap_difference([], [])).all()
    assert np.isnan(paired_bootstrap_ratio([1, 2], [0, 0])).all()


def test_bootstrap_ratio_survives_draws_without_a_denominator():
    ratio, low, high = paired_bootstrap_ratio([1, 1], [0, 1])
    assert (ratio, low, high) == (2, 1, np.inf)


def test_bootstrap_refuses_unpaired_lists():
    with pytest.raises(ValueError, match="same clips in the same order"):
        paired_bootstrap_ratio([1, 2], [1, 2, 3])


# Summary


def record(id, queries=0, success=False, attacked=True, budget=100, **figures):
    return {
        "id": id,
        "label": 0,
        "attacked": attacked,
        "success": success,
        "queries": queries,
        "budget": budget,
        **figures,
    }


def figures(value):
    return dict.fromkeys(MEANS, value)


RECORDS = [
    record("a", queries=10, success=True, **figures(1.0)),
    record("b", queries=40, success=True, **figures(3.0)),
    record("c", queries=97, **figures(50.0)),  # a failure that stopped early, with figures
    record("d", queries=100),
    record("e", queries=1, attacked=False),
]


def test_summary_by_hand():
    result = summary(RECORDS)
    assert result["clips"] == 5 and result["attacked"] == 4 and result["successes"] == 2
    assert result["clean_accuracy"] == 0.8
    assert (result["clean_accuracy_low"], result["clean_accuracy_high"]) == clopper_pearson(4, 5)
    assert result["asr"] == 0.5
    assert (result["asr_low"], result["asr_high"]) == clopper_pearson(2, 4)
    assert result["aq"] == (10 + 40 + 100 + 100) / 4
    assert result["median_queries"] == 25
    assert {name: result[name] for name in MEANS} == figures(2.0)


@pytest.mark.parametrize("records", [[], RECORDS[-1:]])
def test_summary_without_attacked_clips_is_nan_not_zero(records):
    result = summary(records)
    assert (result["clips"], result["attacked"], result["successes"]) == (len(records), 0, 0)
    for name in ("asr", "asr_low", "asr_high", "aq", "median_queries", *MEANS):
        assert np.isnan(result[name]), name
    assert result["clean_accuracy"] == 0 if records else np.isnan(result["clean_accuracy"])


def test_summary_without_successes():
    result = summary(RECORDS[2:4])
    assert result["asr"] == 0 and result["aq"] == 100
    assert np.isnan([result[name] for name in ("median_queries", *MEANS)]).all()


def test_summary_names_the_record_that_lacks_a_figure():
    with pytest.raises(ValueError, match="'f', a success, lacks 'l2'"):
        summary([*RECORDS, record("f", queries=3, success=True)])


def test_success_curve_by_hand():
    queries, share = success_curve([*RECORDS, record("f", queries=10, success=True)])
    assert queries.tolist() == [0, 10, 40, 100]
    assert share.tolist() == pytest.approx([0, 2 / 5, 3 / 5, 3 / 5])


def test_success_curve_ends_at_the_success_rate_even_at_the_last_query():
    queries, share = success_curve([record("a", queries=100, success=True), record("b")])
    assert queries.tolist() == [0, 100] and share.tolist() == [0, 0.5]


def test_success_curve_without_attacked_clips_is_nan():
    queries, share = success_curve(RECORDS[-1:])
    assert queries.tolist() == [0] and np.isnan(share).all()
