"""Moves paint with the user's own distortion as it is, or with textures of a known kind."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import SIZE, DarkClips, brighten, sample, toy_env

from video_attack.envs.distortions.texture import (
    COLOURS,
    KINDS,
    ORIENTATIONS,
    SCALES,
    Kind,
    band_limited,
    kind_of,
    texture,
)
from video_attack.envs.game.bound import BoundConfig
from video_attack.envs.game.canvas import Region
from video_attack.envs.game.config import GameConfig
from video_attack.envs.game.palette import FLICKERS, Paint, Palette

WHOLE = Region(slice(0, 8, 1), slice(0, SIZE), slice(0, SIZE))
PLAIN = Paint(0, 0, 0, 0, 0)


def numbered(clip, severity, rng, *, variant=0):
    """A distortion whose variants differ by design; it clips nothing in dark clips."""
    return (clip.astype(int) + 20 * (variant + 1)).astype(np.uint8)


@pytest.mark.parametrize("kind", ["distortion", "none"])
@pytest.mark.parametrize("distort", [brighten, functools.partial(numbered), np.maximum])
def test_a_plain_distortion_is_painted_as_it_is(kind, distort):
    palette = Palette(distort, BoundConfig(kind), GameConfig())
    clean, rng = DarkClips()[0].frames, np.random.default_rng(0)
    versions = [brighten(clean, 5, rng)]
    whole = versions[0].astype(int) - clean
    assert palette.plain and palette.scales == (1 if kind == "none" else 1 + len(SCALES))
    block = palette.block(clean, versions, WHOLE, PLAIN, rng)
    assert block.dtype == np.float32 and np.array_equal(block, whole)
    patch = Region(slice(2, 7, 2), slice(4, 20), slice(0, SIZE))
    block = palette.block(clean, versions, patch, PLAIN, rng)
    assert block.shape == whole[patch].shape
    assert (np.abs(block) <= np.abs(whole[patch])).all(), "faded out, never made stronger"
    assert np.abs(block[:, 0]).mean() < 0.3 * np.abs(block[:, 8]).mean()
    assert block[:, 8] == pytest.approx(whole[patch][:, 8], rel=0.01)  # not along the frame's edge


def test_versions_are_named_where_they_are_numbered_and_drawn_by_chance_where_not():
    config, bound = GameConfig(variants=3), BoundConfig()
    assert Palette(functools.partial(numbered), bound, config).versions == 3
    clean, rng = DarkClips()[0].frames, np.random.default_rng(0)
    versions = [numbered(clean, 5, rng, variant=variant) for variant in range(3)]
    for distort, version, met in ((numbered, 1, {40}), (brighten, 0, {20, 40, 60})):
        palette, paint = Palette(distort, bound, config), PLAIN._replace(version=version)
        found = {float(palette.block(clean, versions, WHOLE, paint, rng).max()) for _ in range(30)}
        assert found == met


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 999), textures=st.booleans(), variants=st.integers(1, 2))
def test_under_the_distortions_bound_clips_lie_between_clean_and_distorted(
    seed, textures, variants
):
    env = toy_env(textures=textures, variants=variants, budget=10, acceptance="always")
    for agent in env.possible_agents:
        env.action_space(agent).seed(seed)
    env.reset(seed=seed)
    canvas, ends = env.episode.canvas, [env.episode.canvas.clean, *env.episode.versions]
    while env.agents:
        env.step(sample(env))
        assert (canvas.frames >= np.minimum.reduce(ends)).all()
        assert (canvas.frames <= np.maximum.reduce(ends)).all()


def test_textures_change_from_frame_to_frame_as_named():
    palette = Palette(texture, BoundConfig("none"), GameConfig())
    clean, rng = DarkClips()[0].frames, np.random.default_rng(0)
    assert not palette.plain and palette.scales == len(SCALES)
    same, alternating, fresh = (
        palette.block(clean, [clean], WHOLE, Paint(0, 2, 0, 0, FLICKERS.index(name)), rng)
        for name in ("same", "alternating", "fresh")
    )
    for t in range(1, 8):
        assert np.array_equal(same[t], same[0])
        assert np.array_equal(alternating[t], (-1) ** t * alternating[0])
        assert not np.allclose(fresh[t], fresh[0])


def test_each_draw_of_a_texture_is_another_kind():
    kinds = [kind_of(variant) for variant in range(KINDS)]
    assert len(set(kinds)) == KINDS == len(SCALES) * len(ORIENTATIONS) * len(COLOURS)
    assert kind_of(KINDS + 3) == kinds[3]


@pytest.mark.parametrize("scale", [i for i, wave in enumerate(SCALES) if 0 < wave < 0.2])
def test_a_texture_has_its_wavelength(scale):
    """Most of the power lies around waves of SCALES[scale] of the frame's side."""
    side, rng = 112, np.random.default_rng(0)
    fields = [band_limited(rng, side, side, side, Kind(scale, 0, 0))[..., 0] for _ in range(8)]
    spectrum = np.mean(np.abs(np.fft.fft2(fields)) ** 2, axis=0)
    waves = np.fft.fftfreq(side) * side  # waves a side
    radius = np.hypot(waves[:, None], waves[None]) * SCALES[scale]
    around = (radius > 0.35) & (radius < 1.5)
    assert spectrum[around].sum() / spectrum.sum() > 0.6


@pytest.mark.parametrize("scale", range(len(SCALES)))
def test_textures_have_about_unit_variance_and_any_size(scale):
    rng = np.random.default_rng(0)
    fields = [band_limited(rng, 40, 56, 112, Kind(scale, 0, 2)) for _ in range(60)]
    assert fields[0].shape == (40, 56, 3) and fields[0].dtype == np.float32
    assert np.mean(np.square(fields)) == pytest.approx(1, abs=0.5)
    for shape in ((2, 2), (1, 7), (200, 3)):
        assert np.isfinite(band_limited(rng, *shape, 112, Kind(scale, 1, 1))).all()


def test_orientations_and_colours_are_what_they_are_called():
    rng = np.random.default_rng(0)
    for name in ("rows", "columns"):
        field = band_limited(rng, 112, 112, 112, Kind(1, ORIENTATIONS.index(name), 0))
        down, across = (np.abs(np.diff(field, axis=axis)).mean() for axis in (0, 1))
        assert down > 2 * across if name == "rows" else across > 2 * down
    grey, one, free = (
        band_limited(rng, 64, 64, 64, Kind(2, 0, COLOURS.index(c))) for c in ("grey", "one", "free")
    )
    assert np.array_equal(grey[..., 0], grey[..., 1])
    assert np.linalg.matrix_rank(one.reshape(-1, 3), tol=1e-3) == 1
    assert np.linalg.matrix_rank(free.reshape(-1, 3), tol=1e-3) == 3


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 999), variant=st.integers(0, 2 * KINDS), eps=st.integers(0, 40))
def test_the_texture_distortion_keeps_to_its_bound(seed, variant, eps):
    clip = DarkClips()[seed % 20].frames
    found = texture(clip, 5, np.random.default_rng(seed), variant=variant, eps=eps)
    assert found.dtype == np.uint8 and found.shape == clip.shape
    assert np.abs(found.astype(int) - clip).max() <= eps
    again = texture(clip, 5, np.random.default_rng(seed), variant=variant, eps=eps)
    assert np.array_equal(found, again)
