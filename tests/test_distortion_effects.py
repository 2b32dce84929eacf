"""Protects what each distortion says that it does: its formula, its shares, its bounds."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from video_attack.envs.distortions.base import BOUNDS
from video_attack.envs.distortions.brightness import SHIFTS, brightness
from video_attack.envs.distortions.contrast import FACTORS, contrast
from video_attack.envs.distortions.dead_pixels import SHARES as DEAD
from video_attack.envs.distortions.dead_pixels import dead_pixels
from video_attack.envs.distortions.frame_blur import frame_blur
from video_attack.envs.distortions.gaussian_blur import gaussian_blur
from video_attack.envs.distortions.gaussian_noise import SIGMAS, gaussian_noise
from video_attack.envs.distortions.impulse_noise import SHARES as IMPULSES
from video_attack.envs.distortions.impulse_noise import impulse_noise
from video_attack.envs.distortions.jpeg import jpeg
from video_attack.envs.distortions.motion_blur import motion_blur
from video_attack.envs.distortions.occlusion import SHARES as COVERED
from video_attack.envs.distortions.occlusion import occlusion
from video_attack.envs.distortions.shot_noise import PHOTONS, shot_noise
from video_attack.envs.distortions.signed_patch import signed_patch
from video_attack.envs.distortions.stripes import SHAPES, stripes

SEVERITIES = (1, 2, 3, 4, 5)


def rng(seed=0):
    return np.random.default_rng(seed)


def grey(T=8, H=64, W=64, value=128):
    return np.full((T, H, W, 3), value, np.uint8)


def noise(T=8, H=96, W=112):
    """Every value its own, away from black and white."""
    return rng(7).integers(20, 230, (T, H, W, 3), dtype=np.uint8)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_signed_patch_takes_its_bound_from_the_severity(severity):
    out = signed_patch(grey(), severity, rng(), variant=0b101).astype(int) - 128
    assert np.unique(out.reshape(-1, 3), axis=0).tolist() == [
        [BOUNDS[severity - 1], -BOUNDS[severity - 1], BOUNDS[severity - 1]]
    ]


@settings(max_examples=40, deadline=None)
@given(
    clip=arrays(np.uint8, st.tuples(*[st.integers(1, 4)] * 3, st.just(3))),
    eps=st.integers(0, 255),
    variant=st.integers(0, 20),
)
def test_signed_patch_never_leaves_its_bound(clip, eps, variant):
    delta = signed_patch(clip, 1, rng(), variant=variant, eps=eps).astype(int) - clip
    up = np.array([variant >> c & 1 for c in range(3)], bool)
    room = np.where(up, 255 - clip.astype(int), clip)
    assert np.array_equal(np.abs(delta), np.minimum(room, eps))
    assert (delta[..., up] >= 0).all() and (delta[..., ~up] <= 0).all()


def test_signed_patch_has_eight_variants():
    outs = [signed_patch(grey(2, 3, 3), 1, rng(), variant=variant) for variant in range(9)]
    assert len({out.tobytes() for out in outs}) == 8
    assert np.array_equal(outs[8], outs[0])


@settings(max_examples=25, deadline=None)
@given(
    clip=arrays(np.uint8, st.tuples(*[st.integers(1, 20)] * 3, st.just(3))),
    eps=st.integers(0, 255),
    variant=st.integers(0, 20),
)
def test_stripes_go_to_their_bound_and_depend_on_the_variant_alone(clip, eps, variant):
    out = stripes(clip, 1, rng(), variant=variant, eps=eps)
    delta = out.astype(int) - clip
    room = np.where(delta > 0, 255 - clip.astype(int), clip)
    assert (np.abs(delta) <= eps).all()
    assert ((np.abs(delta) == np.minimum(room, eps)) | (delta == 0)).all()
    plain = np.full_like(clip, 128)
    pattern = np.sign(
        stripes(plain, 1, np.random.default_rng(3), variant=variant).astype(int) - 128
    )
    assert (np.abs(pattern) == 1).all()
    assert ((np.sign(delta) == pattern) | (delta == 0)).all()


@pytest.mark.parametrize("variant", range(8))
def test_stripes_have_their_width_and_flicker(variant):
    share, chequered, hold = SHAPES[variant % len(SHAPES)]
    signs = stripes(grey(8, 112, 112), 4, rng(), variant=variant).astype(int)[..., 0] - 128
    rows, columns = (np.abs(np.diff(signs, axis=axis)).any(axis=(0, 3 - axis)) for axis in (1, 2))
    width = round(112 * share)
    assert {int(i) % width for i in np.flatnonzero(columns) + 1} == {0}
    assert rows.any() == chequered
    changes = np.abs(np.diff(signs, axis=0)).any(axis=(1, 2))
    assert {int(t) % hold for t in np.flatnonzero(changes) + 1} == {0}


@pytest.mark.parametrize("distortion", [signed_patch, stripes])
@pytest.mark.parametrize("eps", [-1, 256, 0.5])
def test_other_bounds_are_refused(distortion, eps):
    with pytest.raises(ValueError, match="0 to 255"):
        distortion(grey(1, 2, 2), 1, rng(), eps=eps)


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("kind", ["black", "stuck"])
def test_dead_pixels_are_the_same_in_all_frames(kind, severity):
    clip = noise()
    out = dead_pixels(clip, severity, rng(), kind=kind)
    dead = (out != clip).any(axis=(0, 3))
    assert dead.sum() == round(DEAD[severity - 1] * dead.size)
    assert (out[:, dead] == out[:1, dead]).all()
    colours = set(map(tuple, out[0, dead].tolist()))
    if kind == "black":
        assert colours == {(0, 0, 0)}
    else:
        assert (0, 0, 0) not in colours and len(colours) == 7
        assert set(np.unique(out[:, dead])) == {0, 255}


def test_dead_pixels_refuse_another_kind():
    with pytest.raises(ValueError, match="black or stuck"):
        dead_pixels(grey(1, 2, 2), 1, rng(), kind="red")


def test_frame_blur_averages_the_frames_around():
    clip = np.broadcast_to(np.arange(0, 100, 10, np.uint8)[:, None, None, None], (10, 2, 3, 3))
    out = frame_blur(clip, 1, rng())  # frames t-3 .. t+2
    assert (out == out[:, :1, :1, :1]).all()
    # t=0: mean(0,10,20); t=1: mean(0..30); t=4: mean(10..60); t=9: mean(60..90)
    assert out[[0, 1, 4, 9], 0, 0, 0].tolist() == [10, 15, 35, 75]


@pytest.mark.parametrize("severity", SEVERITIES)
def test_frame_blur_leaves_a_still_clip_and_a_single_frame(severity):
    still = np.repeat(noise(1), 9, axis=0)
    assert np.array_equal(frame_blur(still, severity, rng()), still)
    assert np.array_equal(frame_blur(still[:1], severity, rng()), still[:1])


@pytest.mark.parametrize("severity", SEVERITIES)
def test_gaussian_noise_has_its_sigma_and_is_new_in_every_frame(severity):
    out = gaussian_noise(grey(), severity, rng()).astype(float)
    expected = np.clip(rng(1).normal(128, 255 * SIGMAS[severity - 1], 200_000), 0, 255)
    assert out.mean() == pytest.approx(128, abs=1)
    assert out.std() == pytest.approx(expected.std(), rel=0.02)
    assert abs(np.corrcoef(out[0].ravel(), out[1].ravel())[0, 1]) < 0.05


@pytest.mark.parametrize("severity", SEVERITIES)
def test_shot_noise_is_poisson_and_spares_black(severity):
    photons = PHOTONS[severity - 1]
    out = shot_noise(grey(value=51), severity, rng()) / 255  # a fifth of white
    assert out.mean() == pytest.approx(0.2, rel=0.02)
    assert out.var() == pytest.approx(0.2 / photons, rel=0.05)
    assert not shot_noise(grey(value=0), severity, rng()).any()


@pytest.mark.parametrize("severity", SEVERITIES)
def test_impulse_noise_replaces_its_share_half_by_black_half_by_white(severity):
    out = impulse_noise(grey(), severity, rng())
    assert set(np.unique(out)) == {0, 128, 255}
    for value in (0, 255):
        assert (out == value).mean() == pytest.approx(IMPULSES[severity - 1] / 2, rel=0.05)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_brightness_raises_v_and_keeps_hue_and_saturation(severity):
    clip = noise(1)
    shift = SHIFTS[severity - 1]
    before, after = (
        cv2.cvtColor(frame.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)
        for frame in (clip[0], brightness(clip, severity, rng())[0])
    )
    assert np.abs(after[..., 2] - np.minimum(before[..., 2] + shift, 1)).max() <= 0.51 / 255
    assert np.abs(after[..., 1] - before[..., 1]).max() < 0.02
    assert np.median(np.abs(after[..., 0] - before[..., 0])) < 1
    assert (brightness(grey(value=0), severity, rng()) == round(255 * shift)).all()


@pytest.mark.parametrize("severity", SEVERITIES)
def test_contrast_shrinks_every_frame_towards_its_mean(severity):
    clip = noise(2)
    mean = clip.mean((1, 2), keepdims=True)
    expected = mean + FACTORS[severity - 1] * (clip - mean)
    assert np.abs(contrast(clip, severity, rng()) - expected).max() < 0.501


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("boxes", [1, 3, 20])
@pytest.mark.parametrize("fill", ["grey", "random"])
def test_occlusion_covers_its_share_at_the_same_place_in_all_frames(fill, boxes, severity):
    clip = noise()
    out = occlusion(clip, severity, rng(2), boxes=boxes, fill=fill)
    hidden = (out == out[:1]).all(axis=(0, 3))  # the noise is new in each frame, boxes stand still
    assert COVERED[severity - 1] <= hidden.mean() < COVERED[severity - 1] + 0.01
    assert np.array_equal(out[:, ~hidden], clip[:, ~hidden])
    colours = np.unique(out[0, hidden], axis=0)
    assert colours.tolist() == [[128] * 3] if fill == "grey" else len(colours) >= boxes


@pytest.mark.parametrize("settings", [{"boxes": 0}, {"fill": "blue"}])
def test_occlusion_refuses_other_settings(settings):
    with pytest.raises(ValueError, match="boxes >= 1 and fill grey or random"):
        occlusion(grey(1, 2, 2), 1, rng(), **settings)


def spread(blurred):
    """Second moments (2, 2) in pixels^2 of a blurred white point, rows before columns."""
    weights = blurred.astype(float) / blurred.sum()
    places = np.stack(np.indices(weights.shape)).reshape(2, -1)
    return np.cov(places, aweights=weights.ravel(), ddof=0)


def point(side=224):
    clip = np.zeros((1, side, side, 3), np.uint8)
    clip[0, side // 2, side // 2] = 255
    return clip


def blurred_edge(severity, side):
    """Standard deviation in pixels of the slope that a step edge becomes."""
    clip = np.zeros((1, side, side, 3), np.uint8)
    clip[:, :, side // 2 :] = 255
    slope = np.diff(gaussian_blur(clip, severity, rng())[0, side // 2, :, 0].astype(float)) / 255
    places = np.arange(side - 1)
    centre = (slope * places).sum()
    return np.sqrt((slope * (places - centre) ** 2).sum())


@pytest.mark.parametrize("severity", SEVERITIES)
def test_gaussian_blur_has_its_sigma_in_proportion_to_the_size(severity):
    sigma = (1, 2, 3, 4, 6)[severity - 1]
    assert blurred_edge(severity, 224) == pytest.approx(sigma, rel=0.05)
    assert blurred_edge(severity, 448) == pytest.approx(2 * sigma, rel=0.05)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_motion_blur_smears_along_one_line_and_keeps_flat_colour(severity):
    moments = np.linalg.eigvalsh(spread(motion_blur(point(), severity, rng(5))[0, ..., 0]))
    assert moments[1] > 10 * moments[0]
    flat = np.broadcast_to(np.array([10, 128, 250], np.uint8), (2, 50, 60, 3))
    assert np.array_equal(motion_blur(flat, severity, rng()), flat)


def test_motion_blur_turns_by_chance_but_not_within_a_clip():
    still = np.repeat(noise(1), 4, axis=0)
    out = motion_blur(still, 3, rng())
    assert (out == out[:1]).all()
    slants = [spread(motion_blur(point(), 3, rng(s))[0, ..., 0])[0, 1] for s in range(8)]
    assert min(slants) < 0 < max(slants)


def test_jpeg_keeps_colours_in_their_channels_and_loses_detail():
    red = np.broadcast_to(np.array([200, 30, 20], np.uint8), (2, 33, 47, 3))
    assert np.abs(jpeg(red, 1, rng()).astype(int) - red).max() < 25
    assert np.abs(jpeg(noise(2), 1, rng()).astype(int) - noise(2)).mean() > 3
