"""The shipped victim: right on clips it never saw, independent of batches, honest about weights."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from video_attack.envs.clip import Frames
from video_attack.envs.datasets.actions import Actions
from video_attack.envs.victims.base import VictimError
from video_attack.envs.victims.tiny3d import SHIPPED, Tiny3D, Tiny3DNet
from video_attack.envs.victims.train_tiny3d import augment, main

UNSEEN = 17  # a seed that training never used


@pytest.fixture(scope="module")
def victim() -> Tiny3D:
    return Tiny3D(device="cpu")


def _clips(victim: Tiny3D, count: int) -> tuple[Frames, np.ndarray]:
    data = Actions("test", victim.sampling, UNSEEN, victim.classes, test_clips=count)
    clips = [data[i] for i in range(count)]
    return np.stack([c.frames for c in clips]), np.array([c.label for c in clips])


def test_it_is_right_on_unseen_clips(victim: Tiny3D) -> None:
    clips, labels = _clips(victim, 204)
    scores = victim.scores(clips)
    assert scores.dtype == np.float32 and np.allclose(scores.sum(axis=1), 1, atol=1e-5)
    assert (scores.argmax(axis=1) == labels).mean() >= 0.95


@pytest.mark.slow
def test_it_is_right_on_a_thousand_unseen_clips_and_knows_how_sure_it_is(victim: Tiny3D) -> None:
    clips, labels = _clips(victim, 1008)
    scores = victim.scores(clips)
    accuracy = (scores.argmax(axis=1) == labels).mean()
    assert accuracy >= 0.95
    assert abs(scores.max(axis=1).mean() - accuracy) < 0.1


@pytest.mark.slow
def test_the_order_of_the_frames_matters(victim: Tiny3D) -> None:
    clips, labels = _clips(victim, 504)
    pairs = [("sit_down", "stand_up"), ("raise_arms", "lower_arms"), ("push", "pull")]
    opposite = {victim.classes.index(a): victim.classes.index(b) for a, b in pairs}
    opposite |= {b: a for a, b in opposite.items()}
    chosen = np.isin(labels, list(opposite))
    turned = victim.scores(clips[chosen][:, ::-1]).argmax(axis=1)
    assert (turned == [opposite[k] for k in labels[chosen]]).mean() >= 0.9


@pytest.mark.slow
def test_single_frames_do_not_tell_the_actions(capsys: pytest.CaptureFixture[str]) -> None:
    # The same network and training, but without motion: about a minute on two cores.
    main(["--single-frame", "--clips", "4000", "--test-clips", "240"])
    found = re.search(r"test accuracy ([\d.]+)", capsys.readouterr().out)
    assert found and float(found[1]) < 0.75


def test_a_still_picture_does_not_tell_the_direction_of_a_movement(victim: Tiny3D) -> None:
    clips, labels = _clips(victim, 96)
    still = np.repeat(clips[:, 8:9], clips.shape[1], axis=1)
    assert (victim.scores(still).argmax(axis=1) == labels).mean() < 0.7


def test_scores_do_not_depend_on_the_batch(victim: Tiny3D) -> None:
    clips, _ = _clips(victim, 9)
    together = victim.scores(clips)
    alone = np.concatenate([victim.scores(clips[i : i + 1]) for i in range(len(clips))])
    assert np.allclose(together, alone, rtol=0, atol=1e-6)
    assert np.allclose(together[::-1], victim.scores(clips[::-1]), rtol=0, atol=1e-6)


def test_small_batches_give_the_same_scores(victim: Tiny3D) -> None:
    clips, _ = _clips(victim, 5)
    assert np.allclose(
        Tiny3D(device="cpu", max_batch=2).scores(clips), victim.scores(clips), atol=1e-6
    )


def test_mild_noise_seldom_changes_the_answer(victim: Tiny3D) -> None:
    clips, labels = _clips(victim, 48)
    noise = 20 * np.random.default_rng(0).standard_normal(clips.shape, np.float32)
    noisy = np.rint(clips + noise).clip(0, 255).astype(np.uint8)
    assert (victim.scores(noisy).argmax(axis=1) == labels).mean() >= 0.9


def test_bf16_agrees_with_float32(victim: Tiny3D) -> None:
    clips, _ = _clips(victim, 12)
    rough = Tiny3D(device="cpu", precision="bf16").scores(clips)
    assert np.allclose(rough, victim.scores(clips), atol=0.05)


def test_read_only_clips_are_accepted(victim: Tiny3D) -> None:
    clips, _ = _clips(victim, 2)
    clips.setflags(write=False)
    assert victim.scores(clips).shape == (2, len(victim.classes))


def test_the_shipped_file_is_small() -> None:
    assert SHIPPED.stat().st_size < 2e6


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(VictimError, match=r"nowhere\.pt"):
        Tiny3D(weights=str(tmp_path / "nowhere.pt"))


def test_weights_of_another_architecture_name_the_first_key(tmp_path: Path) -> None:
    state = torch.load(SHIPPED, weights_only=True)
    first = next(iter(state["state_dict"]))
    state["state_dict"]["other"] = state["state_dict"].pop(first)
    torch.save(state, tmp_path / "odd.pt")
    with pytest.raises(VictimError, match=rf"odd\.pt .*{first}.*other"):
        Tiny3D(weights=str(tmp_path / "odd.pt"))


def test_a_bare_state_dict_is_refused(tmp_path: Path) -> None:
    torch.save(Tiny3DNet(3).state_dict(), tmp_path / "bare.pt")
    with pytest.raises(VictimError, match="classes"):
        Tiny3D(weights=str(tmp_path / "bare.pt"))


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(ValueError, match="float32 or bf16"):
        Tiny3D(precision="fp8")  # type: ignore[arg-type]  # the point of the test


def test_augmentation_keeps_the_form_and_the_original() -> None:
    frames = Actions("train")[0].frames
    kept = frames.copy()
    for seed in range(20):
        harder = augment(frames, np.random.default_rng(seed))
        assert harder.shape == frames.shape and harder.dtype == np.uint8
        assert np.array_equal(harder, augment(frames, np.random.default_rng(seed)))
    assert np.array_equal(frames, kept)
