"""Protects the contract that every shipped distortion and its yaml keep."""

import importlib
import inspect
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from omegaconf import OmegaConf

ROOT = Path(__file__).parents[1]
YAMLS = sorted((ROOT / "conf/distortion").glob("*.yaml"))
MODULES = sorted((ROOT / "envs/distortions").glob("[a-z]*.py"))
NAMES = [path.stem for path in MODULES if path.stem != "base"]
SEVERITIES = (1, 2, 3, 4, 5)
STOCHASTIC = {
    "texture",
    "gaussian_noise",
    "shot_noise",
    "impulse_noise",
    "dead_pixels",
    "motion_blur",
    "occlusion",
}
VARIANTS = [(name, {}) for name in NAMES] + [
    ("dead_pixels", {"kind": "stuck"}),
    ("occlusion", {"boxes": 1, "fill": "random"}),
]


def function(name):
    return getattr(importlib.import_module(f"video_attack.envs.distortions.{name}"), name)


def textured(T=24, H=96, W=112):
    """A moving texture, coarse and fine, away from black and white; read-only."""
    rng = np.random.default_rng(7)
    coarse = cv2.resize(
        rng.uniform(40, 180, (12, 14, 3)), (2 * W, H), interpolation=cv2.INTER_CUBIC
    )
    scene = coarse + rng.uniform(-30, 30, coarse.shape)
    frames = [np.roll(scene, 4 * t, axis=1)[:, :W] for t in range(T)]
    clip = np.clip(np.stack(frames), 5, 230).astype(np.uint8)
    clip.flags.writeable = False
    return clip


def grey(T=8, H=64, W=64, value=128):
    return np.full((T, H, W, 3), value, np.uint8)


def rng(seed=0):
    return np.random.default_rng(seed)


def change(before, after):
    return np.abs(after.astype(int) - before).mean()


def test_every_module_has_its_yaml_and_the_reverse():
    assert [path.stem for path in YAMLS] == NAMES
    assert len(NAMES) >= 12


@pytest.mark.parametrize("path", YAMLS, ids=lambda path: path.stem)
def test_yaml_names_the_function_and_only_its_arguments(path):
    config = OmegaConf.to_container(OmegaConf.load(path))
    module, _, name = config.pop("_target_").rpartition(".")
    target = getattr(importlib.import_module(module), name)
    assert name == path.stem and config["severity"] in SEVERITIES
    out = target(textured(2, 16, 16), config.pop("severity"), rng(), **config)
    assert out.shape == (2, 16, 16, 3)
    keywords = {
        n for n, p in inspect.signature(target).parameters.items() if p.kind is p.KEYWORD_ONLY
    }
    assert set(config) == keywords - {"variant"}, "the yaml shows every setting there is"


@pytest.mark.parametrize("path", YAMLS, ids=lambda path: path.stem)
def test_every_yaml_key_has_a_comment(path):
    for line in path.read_text().splitlines():
        assert re.fullmatch(r"[a-z_]+: \S+  # \S.*", line), line


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize(("name", "settings"), VARIANTS)
def test_new_uint8_clip_of_the_same_shape_reproducibly(name, settings, severity):
    clip = textured(6, 40, 44)
    before = clip.copy()
    first = function(name)(clip, severity, rng(3), **settings)
    again = function(name)(clip, severity, rng(3), **settings)
    assert first.dtype == np.uint8 and first.shape == clip.shape
    assert np.array_equal(clip, before) and not np.shares_memory(first, clip)
    assert first.flags.writeable
    assert np.array_equal(first, again)


@pytest.mark.parametrize("name", NAMES)
def test_another_draw_differs_where_there_is_chance_and_only_there(name):
    clip, source = textured(4), rng()
    first, second = (function(name)(clip, 3, source) for _ in range(2))
    assert np.array_equal(first, second) == (name not in STOCHASTIC)


@pytest.mark.parametrize(("name", "settings"), VARIANTS)
def test_severity_grows_the_change(name, settings):
    clip = textured()
    changes = [
        np.mean([change(clip, function(name)(clip, s, rng(seed), **settings)) for seed in range(3)])
        for s in SEVERITIES
    ]
    assert changes[0] > 0 and np.all(np.diff(changes) > 0), changes


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("severity", [0, 6, -1, 2.5])
def test_other_severities_are_refused(name, severity):
    with pytest.raises(ValueError, match="from 1 to 5"):
        function(name)(grey(1, 4, 4), severity, rng())


@pytest.mark.parametrize("name", NAMES)
def test_floats_are_refused(name):
    with pytest.raises(ValueError, match="uint8"):
        function(name)(np.zeros((2, 4, 4, 3)), 3, rng())


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 1, 1), (1, 33, 17), (5, 1, 9), (2, 7, 1)])
@pytest.mark.parametrize(("name", "settings"), VARIANTS)
def test_odd_and_tiny_clips_and_strided_views_work(name, settings, shape):
    clip = rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    for severity in SEVERITIES:
        out = function(name)(clip, severity, rng(), **settings)
        assert out.shape == clip.shape and out.dtype == np.uint8
        mirrored = function(name)(clip[:, ::-1, ::-1], severity, rng(), **settings)
        assert mirrored.shape == clip.shape
