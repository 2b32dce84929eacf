"""Protects endpoints that tell less than all scores: labels and best classes become rows of
probabilities, and an answer of another form is refused."""

import numpy as np
import pytest

from video_attack.envs.victims.answers import read_answer
from video_attack.envs.victims.base import VictimError

NAMES = ("cat", "dog", "cow")


def test_labels_are_names_or_indices() -> None:
    found = read_answer({"labels": ["dog", 2]}, 2, NAMES, "x", feedback="label")
    assert found.tolist() == [[0, 1, 0], [0, 0, 1]]


def test_the_best_classes_leave_zeros() -> None:
    told = {"top": [[["cow", 0.6], [0, 0.3]], [[1, 1.0], [2, 0.0]]]}
    for feedback in ("topk", "label"):
        found = read_answer(told, 2, NAMES, "x", feedback=feedback, top_k=2)
        assert np.allclose(found, [[0.3, 0, 0.6], [0, 1, 0]])
    whole = {"top": [[[0, 0.1], [1, 0.2], [2, 0.7]]]}
    assert np.allclose(read_answer(whole, 1, NAMES, "x"), [[0.1, 0.2, 0.7]])


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"labels": ["horse"]}, "'horse', which is neither"),
        ({"labels": [3]}, "'3', which is neither"),
        ({"labels": [-1]}, "neither"),
        ({"labels": [True]}, "neither"),
        ({"labels": [[1]]}, "neither"),
        ({"labels": [0, 1]}, "2 answers to 1 clips"),
        ({"labels": 0}, "no answers to 1 clips"),
        ({"top": [[]]}, "best classes"),
        ({"top": [[["cat"]]]}, "best classes"),
        ({"top": [7]}, "best classes"),
        ({"top": [[[0, 0.4], [0, 0.4]]]}, "best classes"),
        ({"top": [[[0, None]]]}, "best classes"),
        ({"top": [[[0, 0.9], [1, 0.9]]]}, "no probabilities"),
        ({"top": [[[0, -0.1]]]}, "no probabilities"),
        ({"top": [[["horse", 0.5]]]}, "neither"),
    ],
)
def test_partial_answers_that_do_not_fit(told: dict, words: str) -> None:
    with pytest.raises(VictimError, match=words):
        read_answer(told, 1, NAMES, "x", feedback="label")


def test_partial_answers_need_probabilities() -> None:
    with pytest.raises(VictimError, match=r"model\.outputs=probabilities"):
        read_answer({"top": [[[0, 4.2]]]}, 1, NAMES, "x", feedback="label", outputs="logits")
