"""Protects the way into a user's own model and out of it: clips reach it scaled and ordered as the
config says, in pieces that it takes, and its answers are checked."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.custom_models import MEAN, STD, normalised
from video_attack.envs.victims.base import VictimError
from video_attack.envs.victims.preprocess import Preprocess, probabilities, run_in_pieces

CLIPS = np.random.default_rng(0).integers(0, 256, (5, 8, 32, 32, 3), np.uint8)


@pytest.mark.parametrize("layout", ["NCTHW", "NTCHW", "NTHWC"])
def test_preprocessing_matches_the_formula(layout: str) -> None:
    x = normalised(CLIPS)  # NCTHW
    wanted = {"NCTHW": x, "NTCHW": x.transpose(1, 2), "NTHWC": x.permute(0, 2, 3, 4, 1)}[layout]
    found = Preprocess(layout, MEAN, STD)(CLIPS)
    assert found.is_contiguous()
    assert torch.allclose(found, wanted, atol=1e-5)


def test_bgr_swaps_channels_after_each_got_its_own_scale() -> None:
    assert torch.allclose(
        Preprocess("NCTHW", MEAN, STD, "bgr")(CLIPS), normalised(CLIPS).flip(1), atol=1e-5
    )


def test_raw_bytes_pass_as_they_are_and_read_only_clips_are_copied() -> None:
    clips = CLIPS.copy()
    clips.flags.writeable = False
    found = Preprocess("NTHWC", None)(clips)
    assert found.dtype == torch.uint8
    assert np.array_equal(found.numpy(), clips)
    found.zero_()
    assert np.array_equal(clips, CLIPS)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 9), st.integers(1, 6), st.integers(0, 6))
def test_pieces_are_of_the_wanted_size_and_change_no_answer(rows: int, low: int, more: int) -> None:
    high = low + more
    sizes = []

    def run(x: torch.Tensor) -> torch.Tensor:
        sizes.append(len(x))
        return x * 2

    x = torch.arange(rows * 2.0).reshape(rows, 2)
    assert torch.equal(run_in_pieces(run, x, low, high), x * 2)
    assert all(low <= size <= high for size in sizes)
    assert len(sizes) == -(-rows // high)


@pytest.mark.parametrize(
    ("answer", "outputs", "words"),
    [
        (np.zeros((2, 7)), "logits", "net.pt answers 7 classes, but 5 are configured"),
        (np.zeros((2, 5, 1)), "logits", r"shape \(2, 5, 1\) to 2 clips; it must answer \(2, 5\)"),
        (np.zeros(5), "logits", r"shape \(5,\)"),
        (np.full((2, 5), np.nan), "logits", "NaN or infinity"),
        (np.full((2, 5), np.nan), "probabilities", "NaN or infinity"),
        (np.full((2, 5), 0.3), "probabilities", "model.outputs=sigmoids"),
        (np.tile([1.2, -0.2, 0, 0, 0], (2, 1)), "probabilities", "model.outputs=logits"),
        ({"logits": 1}, "logits", "answered a dict"),
        ((torch.zeros(2, 5), torch.zeros(3)), "logits", "answered a tuple"),
        (None, "logits", "answered a NoneType"),
        ([[1.0], [1.0, 2.0]], "logits", "no table of numbers"),
    ],
)
def test_wrong_answers_are_named(answer, outputs: str, words: str) -> None:
    with pytest.raises(VictimError, match=words):
        probabilities(answer, 2, 5, outputs, "net.pt")


def test_softmax_is_exact_and_probabilities_are_left_alone() -> None:
    rows = np.array([[1000.0, 998.0], [-1e4, 0.0]])
    found = probabilities(rows, 2, 2, "logits", "x")
    assert found.dtype == np.float32
    assert np.allclose(found, [[1 / (1 + np.exp(-2)), 1 / (1 + np.exp(2))], [0, 1]])
    near = np.array([[0.5005, 0.5]])
    assert np.array_equal(probabilities(near, 1, 2, "probabilities", "x"), near.astype(np.float32))
