"""Protects LRCN: the architecture whose weights it takes, BGR, and labels known for real clips."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from video_attack.envs.clip import Sampling
from video_attack.envs.datasets.video import read_frames
from video_attack.envs.victims.lrcn import LRCN, LRCNNet

REAL = Path(__file__).parents[1] / "../shared/realdata"
real = pytest.mark.skipif(not REAL.is_dir(), reason="real clips are not beside the project")


def noise(count: int, frames: int = 20) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, frames, 64, 64, 3), np.uint8)


@pytest.fixture(scope="module")
def victim() -> LRCN:
    return LRCN(device="cpu")


def test_the_size_is_that_of_the_keras_network_with_a_second_bias() -> None:
    net = LRCNNet(50)
    assert sum(p.numel() for p in net.parameters()) - net.lstm.bias_hh_l0.numel() == 74_578


def test_it_asks_for_whole_pictures_in_steps(victim) -> None:
    assert victim.sampling == Sampling(20, 64, None, 1, "steps")
    assert len(victim.classes) == 50


def test_pixels_are_bgr_from_0_to_1(victim) -> None:
    clip = np.zeros((1, 20, 64, 64, 3), np.uint8)
    clip[..., 0], clip[:, 3, 5, 7, 1] = 255, 51
    x = victim.preprocess(clip)
    assert x.shape == (1, 20, 3, 64, 64) and x.dtype == torch.float32
    assert x.amax((0, 1, 3, 4)).tolist() == pytest.approx([0, 0.2, 1])
    assert x[0, 3, 1, 5, 7] == pytest.approx(0.2)


def test_the_last_state_of_the_textbook_lstm_is_classified() -> None:
    torch.manual_seed(0)
    net = LRCNNet(5).eval().double()
    x = torch.rand(2, 4, 3, 64, 64, dtype=torch.float64)
    per_frame = torch.nn.Sequential(
        *(
            layer
            for conv, pool in ((net.c1, 4), (net.c2, 4), (net.c3, 2), (net.c4, 2))
            for layer in (conv, torch.nn.ReLU(), torch.nn.MaxPool2d(pool))
        ),
        torch.nn.Flatten(),
    )
    h = c = torch.zeros(2, 32, dtype=torch.float64)
    lstm = net.lstm
    for t in range(4):  # gates in the order of Keras: input, forget, cell, output
        gates = per_frame(x[:, t]) @ lstm.weight_ih_l0.T + lstm.bias_ih_l0
        i, f, g, o = (gates + h @ lstm.weight_hh_l0.T + lstm.bias_hh_l0).chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
    torch.testing.assert_close(net(x), h @ net.fc.weight.T + net.fc.bias)


def test_a_clip_is_scored_alone_as_among_others(victim) -> None:
    clips = noise(3)
    together = victim.scores(clips)
    alone = np.concatenate([victim.scores(clip[None]) for clip in clips])
    np.testing.assert_allclose(alone, together, atol=1e-6)


def test_other_lengths_and_larger_frames_work_smaller_ones_are_refused() -> None:
    other = LRCN(frames=7, size=130, device="cpu")
    assert other.scores(np.zeros((1, 7, 130, 130, 3), np.uint8)).shape == (1, 50)
    with pytest.raises(ValueError, match="size=63: LRCN takes frames of at least 64"):
        LRCN(size=63)


def test_a_head_for_other_classes_replaces_the_last_layer(tmp_path: Path) -> None:
    head = {"weight": torch.zeros(2, 32), "bias": torch.tensor([0.0, 1.0]), "classes": ["a", "b"]}
    torch.save(head, tmp_path / "head.pt")
    victim = LRCN(head=str(tmp_path / "head.pt"), device="cpu")
    assert victim.classes == ("a", "b")
    assert victim.scores(noise(1))[0] == pytest.approx([1 / (1 + np.e), np.e / (1 + np.e)])


@real
@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_real_clips_get_the_labels_that_are_known(every: int) -> None:
    victim = LRCN(
        weights=str(REAL / "weights/lrcn_ucf50.pt"),
        labels=str(REAL / "labels/ucf50_slauva_order.txt"),
        device="cpu",
    )
    with (REAL / "manifest.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["dataset"] == "UCF-101"][::every]
    clips = np.stack([read_frames(REAL / row["file"], victim.sampling) for row in rows])
    found = [victim.classes[i] for i in victim.scores(clips).argmax(1)]
    differ = [
        row["file"] for row, name in zip(rows, found, strict=True) if name != row["lrcn_ucf50"]
    ]
    assert len(differ) <= 1, differ
