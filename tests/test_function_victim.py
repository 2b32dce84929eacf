"""Protects a Python function as a victim: any importable one serves, and a name that means none ends
in one clear sentence."""

import numpy as np
import pytest
import torch

from tests.custom_models import CLASSES, KEYS, logits
from video_attack.envs.victims.base import VictimError
from video_attack.envs.victims.custom import CustomVictim
from video_attack.envs.victims.function import Function

CLIPS = np.random.default_rng(0).integers(0, 256, (5, 8, 32, 32, 3), np.uint8)


def own_table(clips: np.ndarray) -> list[list[float]]:
    """Nested lists; writes into its clips, which must harm nobody."""
    clips[:] = 0
    return [[1.0, 2.0, 3.0]] * len(clips)


class Model:
    def scores(self, clips: np.ndarray) -> torch.Tensor:
        return logits(clips).requires_grad_()


model = Model()


def test_a_function_gets_its_own_copy() -> None:
    clips = CLIPS.copy()
    victim = Function("tests.test_function_victim.own_table", **KEYS)
    assert len(victim.classes) == 3
    assert np.allclose(victim.scores(clips).sum(axis=1), 1)
    assert np.array_equal(clips, CLIPS)


def test_a_method_of_an_object_serves_too() -> None:
    victim = Function("tests.test_function_victim.model.scores", classes=CLASSES, **KEYS)
    assert np.abs(victim.scores(CLIPS) - logits(CLIPS).softmax(1).numpy()).max() < 1e-6


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no.such.function", "cannot be imported"),
        ("tests.custom_models.nothing", "cannot be imported.*nothing"),
        ("logits", "no dot"),
        ("tests.custom_models.KEYS", "is a dict"),
        ("tests.custom_models.TinyNet", "is a class"),
    ],
)
def test_names_that_are_no_function(name: str, words: str) -> None:
    with pytest.raises(VictimError, match=words):
        Function(name, **KEYS)


def test_nothing_is_asked_uncounted_where_the_classes_are_known(monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(CustomVictim, "try_out", lambda self: asked.append(self))
    Function("tests.custom_models.logits", classes=CLASSES, **KEYS)
    assert not asked
    Function("tests.custom_models.logits", **KEYS)
    assert asked
