"""Protects the defences: each does to a clip what it says, keeps its shape, draws from the given
generator only, and names a wrong key when the victim is built."""

import functools
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from toys import BrightnessVictim

from video_attack.agents.core.build import build
from video_attack.envs.victims.defences.bit_depth import bit_depth
from video_attack.envs.victims.defences.blur import blur
from video_attack.envs.victims.defences.chain import chain
from video_attack.envs.victims.defences.gaussian_noise import gaussian_noise
from video_attack.envs.victims.defences.h264 import h264
from video_attack.envs.victims.defences.jpeg import jpeg
from video_attack.envs.victims.defences.median import median
from video_attack.envs.victims.defences.random_resize import random_resize
from video_attack.envs.victims.defences.temporal_shuffle import temporal_shuffle
from video_attack.envs.victims.defended import Defended

ROOT = Path(__file__).parents[1]
YAMLS = {path.stem: yaml.safe_load(path.read_text()) for path in ROOT.glob("conf/defence/*.yaml")}
NAMES = sorted(YAMLS.keys() - {"none"})
RANDOM = {"random_resize", "temporal_shuffle", "gaussian_noise", "chain"}
few = settings(max_examples=15, deadline=None)
clip_shapes = st.tuples(st.integers(1, 9), st.integers(1, 40), st.integers(1, 40))


def shipped(name):
    """A defence with the keys of its yaml."""
    keys = {key: value for key, value in YAMLS[name].items() if key not in ("votes", "seed")}
    return build("defence", keys)


def rng(seed=0):
    return np.random.default_rng(seed)


def noise(shape=(8, 32, 32), seed=0):
    return rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)


def picture(shape=(8, 32, 32)):
    """A smooth picture that moves: what codecs are made for."""
    T, H, W = shape
    x, y, t = np.arange(W), np.arange(H)[:, None], np.arange(T)[:, None, None]
    wave = 128 + 90 * np.sin((x + 2 * t) / 5) * np.cos(y / 7)
    return np.stack([wave, wave[:, ::-1], 255 - wave], axis=-1).astype(np.uint8)


def error(a, b):
    return float(np.square(a.astype(float) - b).mean())


@pytest.mark.parametrize("name", NAMES)
@given(shape=clip_shapes, seed=st.integers(0, 99))
@few
def test_each_defence_keeps_the_contract(name, shape, seed):
    clip = noise(shape, seed)
    before = clip.copy()
    clip.flags.writeable = False
    out, again = (shipped(name)(clip, rng(seed)) for _ in range(2))
    assert out.shape == clip.shape and out.dtype == np.uint8
    assert np.array_equal(out, again) and np.array_equal(clip, before)
    assert not np.shares_memory(out, clip)


@pytest.mark.parametrize("name", NAMES)
def test_only_random_defences_draw(name):
    clip, generator = picture(), rng(1)
    first, other = shipped(name)(clip, generator), shipped(name)(clip, rng(2))
    assert np.array_equal(first, other) == (name not in RANDOM)
    drew = generator.bit_generator.state != rng(1).bit_generator.state
    assert drew == (name in RANDOM)
    assert not np.array_equal(first, clip)


@pytest.mark.parametrize("quality", [1, 60, 100])
def test_jpeg_is_that_of_opencv(quality):
    clip = picture((2, 31, 17))
    for frame, out in zip(clip, jpeg(clip, rng(), quality=quality), strict=True):
        coded = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        assert np.array_equal(out, cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1])


def test_h264_loses_more_the_higher_the_crf():
    clip = picture((8, 48, 64))[..., [0, 0, 0]]  # grey: yuv420p keeps it sharp
    errors = [error(h264(clip, rng(), crf=crf), clip) for crf in range(0, 52, 3)]
    assert errors == sorted(errors) and errors[0] < 5 and errors[-1] > 50 * errors[0]


@pytest.mark.parametrize("shape", [(5, 33, 47), (1, 1, 1), (9, 2, 31)])
def test_h264_keeps_colours_and_frames_in_order_at_odd_sizes(shape):
    clip = np.empty((*shape, 3), np.uint8)
    clip[:] = (200, 30, 90)
    clip += np.arange(len(clip), dtype=np.uint8)[:, None, None, None] * 5
    out = h264(clip, rng(), crf=0)
    assert np.abs(out.astype(int) - clip).max() <= 3


def test_h264_answers_the_same_clip_in_the_same_way():
    generator = rng()
    for shape in [(6, 31, 25), (3, 33, 32), (9, 17, 34), (5, 20, 25)] * 10:
        clip = noise(shape, seed=generator.integers(99))
        first = h264(clip, rng(), crf=28)
        # Memory that the encoder gets to see next is filled with something else.
        junk = [np.full(size, generator.integers(256), np.uint8) for size in (5000, 50000, 150000)]
        assert np.array_equal(h264(clip, rng(), crf=28), first), len(junk)


def test_h264_sees_the_clip_as_a_whole():
    clip = picture()
    changed = clip.copy()
    changed[0] = 255 - changed[0]
    assert not np.array_equal(h264(clip, rng(), crf=35)[1:], h264(changed, rng(), crf=35)[1:])


@pytest.mark.parametrize("bits", range(1, 9))
def test_bit_depth_rounds_to_the_nearest_of_its_levels(bits):
    ramp = np.tile(np.arange(256, dtype=np.uint8)[None, None, :, None], (1, 1, 1, 3))
    out = bit_depth(ramp, rng(), bits=bits)
    levels = np.rint(np.linspace(0, 255, 2**bits))
    assert np.array_equal(np.unique(out), levels)
    distance = np.abs(np.arange(256)[:, None] - levels).min(axis=1)
    assert (np.abs(out[0, 0, :, 0].astype(int) - np.arange(256)) <= distance + 1).all()
    assert np.array_equal(bit_depth(out, rng(), bits=bits), out)


@given(T=st.integers(1, 20), window=st.integers(0, 25), seed=st.integers(0, 99))
@few
def test_shuffled_frames_stay_near_their_places(T, window, seed):
    clip = np.broadcast_to(np.arange(T, dtype=np.uint8)[:, None, None, None], (T, 2, 2, 3))
    out = temporal_shuffle(clip, rng(seed), window=window)
    order = out[:, 0, 0, 0].astype(int)
    assert (out == order[:, None, None, None]).all(), "frames stay whole"
    assert sorted(order) == list(range(T))
    assert np.abs(order - np.arange(T)).max() <= (window or T) - 1
    assert np.array_equal(order // (window or T), np.arange(T) // (window or T))


@pytest.mark.parametrize("window", [0, 3, 5])
def test_every_order_of_a_window_comes_up(window):
    clip = np.broadcast_to(np.arange(3, dtype=np.uint8)[:, None, None, None], (3, 1, 1, 3))
    orders = {
        temporal_shuffle(clip, rng(s), window=window)[:, 0, 0, 0].tobytes() for s in range(60)
    }
    assert len(orders) == 6


@pytest.mark.parametrize("sigma", [0.7, 2.5])
def test_blur_is_gaussian_and_within_a_frame(sigma):
    clip = noise((3, 30, 40))
    wanted = ndimage.gaussian_filter(clip.astype(float), (0, sigma, sigma, 0), mode="mirror")
    assert np.abs(blur(clip, rng(), sigma=sigma) - wanted).max() < 3


def test_median_is_that_of_scipy_in_space_and_in_time():
    clip = noise((6, 14, 9))
    for size, frames in ((3, 1), (5, 1), (1, 3), (1, 5)):
        wanted = ndimage.median_filter(clip, (frames, size, size, 1), mode="nearest")
        assert np.array_equal(median(clip, rng(), size=size, frames=frames), wanted)


def test_a_median_of_nothing_is_a_copy():
    clip = noise()
    out = median(clip, rng(), size=1, frames=1)
    assert np.array_equal(out, clip) and not np.shares_memory(out, clip)


def test_a_temporal_median_removes_a_single_distorted_frame():
    clip = np.broadcast_to(noise((1, 8, 8)), (7, 8, 8, 3)).copy()
    attacked = clip.copy()
    attacked[3] = 255 - attacked[3]
    assert np.array_equal(median(attacked, rng(), size=1, frames=3), clip)


def test_random_resize_puts_one_whole_picture_on_black():
    clip, heights, places = np.full((3, 40, 60, 3), 200, np.uint8), set(), set()
    for seed in range(150):
        out = random_resize(clip, rng(seed), smallest=0.9)
        rows, columns = (np.flatnonzero(out[0].any(axis=axis).any(axis=-1)) for axis in (1, 0))
        assert (out[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] == 200).all()
        assert (out == 200).all(axis=-1).sum() == 3 * len(rows) * len(columns)
        assert len(columns) == round(1.5 * len(rows))
        heights.add(len(rows))
        places.add((rows[0], columns[0]))
    assert heights == {36, 37, 38, 39, 40}
    assert {row for row, _ in places} == set(range(5))
    assert np.array_equal(random_resize(clip, rng(), smallest=1), clip)


def test_gaussian_noise_has_its_deviation_and_differs_in_each_frame():
    clip = np.full((4, 60, 60, 3), 128, np.uint8)
    out = gaussian_noise(clip, rng(), sigma=0.1).astype(float) - 128
    assert abs(out.std() - 25.5) < 0.5 and abs(out.mean()) < 0.5
    assert abs(np.corrcoef(out[0].ravel(), out[1].ravel())[0, 1]) < 0.05
    assert np.array_equal(gaussian_noise(clip, rng(), sigma=0), clip)
    for end in (0, 255):
        clip[:] = end
        assert error(gaussian_noise(clip, rng(), sigma=0.1), clip) < 25.5**2, "nothing wraps around"


def test_a_chain_is_its_steps_one_after_another():
    clip, place = noise(), "video_attack.envs.victims.defences"
    steps = [
        {"_target_": f"{place}.random_resize.random_resize", "smallest": 0.5},
        {"_target_": f"{place}.gaussian_noise.gaussian_noise", "sigma": 0.1},
        {"_target_": f"{place}.bit_depth.bit_depth", "bits": 2},
    ]
    generator = rng(3)
    wanted = gaussian_noise(random_resize(clip, generator, smallest=0.5), generator, sigma=0.1)
    wanted = bit_depth(wanted, generator, bits=2)
    assert np.array_equal(chain(clip, rng(3), steps=steps), wanted)
    assert "_target_" in steps[0]


@pytest.mark.parametrize(
    ("defend", "keys", "words"),
    [
        (jpeg, {"quality": 0}, "quality=0.*1 to 100"),
        (h264, {"crf": 52}, "crf=52.*0 to 51"),
        (blur, {"sigma": 0}, "sigma=0.*above 0"),
        (bit_depth, {"bits": 9}, "bits=9.*1 to 8"),
        (median, {"size": 2, "frames": 1}, "size=2.*odd"),
        (median, {"size": 3, "frames": 0}, "frames=0.*odd"),
        (random_resize, {"smallest": 1.2}, r"smallest=1\.2.*at most 1"),
        (temporal_shuffle, {"window": -1}, "window=-1.*0 for the whole clip"),
        (gaussian_noise, {"sigma": -0.1}, r"sigma=-0\.1.*0 or more"),
        (chain, {"steps": []}, "empty.*defence=none"),
        (chain, {"steps": [{"_target_": "no.such.filter"}]}, "no.such.filter.*conf/defence"),
        (chain, {"steps": [{"bits": 3}]}, "None.*_target_"),
        (
            chain,
            {"steps": [{"_target_": "video_attack.envs.victims.defences.jpeg.jpeg", "qualty": 3}]},
            "qualty",
        ),
    ],
)
def test_a_wrong_key_is_named_when_the_victim_is_built(defend, keys, words):
    with pytest.raises(ValueError, match=words):
        Defended(BrightnessVictim(), functools.partial(defend, **keys))
