"""The embedded data set: clips are reproducible to the bit, splits disjoint, labels the victim's."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from video_attack.envs.clip import Frames, Sampling
from video_attack.envs.datasets.actions import Actions
from video_attack.envs.datasets.actions.motions import (
    LEFT_LEG,
    PITCH,
    PROGRAMS,
    RIGHT_LEG,
    UPPER,
    Motion,
)
from video_attack.envs.datasets.actions.skeleton import ANKLE, Skeleton
from video_attack.envs.datasets.base import DatasetError

SMALL = Sampling(frames=8, size=64)


@settings(deadline=None, max_examples=10)
@given(index=st.integers(0, 999), seed=st.integers(0, 2**70))
def test_a_clip_depends_on_its_arguments_alone(index: int, seed: int) -> None:
    data = Actions("test", SMALL, seed)
    data[(index + 1) % 1000]  # whatever was rendered before leaves no trace
    again = Actions("test", SMALL, seed)[index]
    first = data[index]
    assert first.id == again.id and first.label == again.label
    assert np.array_equal(first.frames, again.frames)


def test_parts_and_seeds_and_indices_give_different_clips() -> None:
    clips = [
        Actions(split, SMALL, seed)[index]
        for split in ("train", "validation", "test")
        for seed in (0, 1, 2**32)
        for index in (0, 12, 24)
    ]
    assert len({clip.frames.tobytes() for clip in clips}) == len(clips)
    assert len({clip.id for clip in clips}) == len(clips)


def test_the_length_of_a_part_does_not_change_its_clips() -> None:
    few, many = Actions("test", SMALL, test_clips=20), Actions("test", SMALL, test_clips=30)
    assert np.array_equal(few[7].frames, many[7].frames)


@pytest.mark.parametrize(("frames", "size"), [(16, 112), (8, 64), (1, 32), (5, 97)])
def test_clips_have_the_size_asked_for(frames: int, size: int) -> None:
    clip = Actions("train", Sampling(frames=frames, size=size))[3]
    assert clip.frames.shape == (frames, size, size, 3) and clip.frames.dtype == np.uint8


def test_all_actions_take_turns() -> None:
    data = Actions("test", Sampling(frames=1, size=32), test_clips=48)
    counts = Counter(data[i].label for i in range(len(data)))
    assert counts == dict.fromkeys(range(len(PROGRAMS)), 4)
    assert data[5].id.startswith(data.classes[data[5].label])


def test_labels_index_the_victims_classes() -> None:
    victim = ("juggling", "squat", "run")
    data = Actions("test", SMALL, classes=victim)
    assert data.classes == victim
    assert {data[i].label for i in range(6)} == {1, 2}


def test_a_victim_of_other_classes_is_refused() -> None:
    with pytest.raises(DatasetError, match="none of the actions"):
        Actions("test", classes=("juggling",))


@pytest.mark.parametrize("bad", [{"seed": -1}, {"test_clips": 0}, {"split": "dev"}])
def test_bad_arguments_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        Actions(**({"split": "test"} | bad))  # type: ignore[arg-type]  # the point of the test


@pytest.mark.parametrize("index", [-1, 1000])
def test_an_index_out_of_range_is_refused(index: int) -> None:
    with pytest.raises(IndexError, match="1000"):
        Actions("test", SMALL)[index]


def test_iteration_ends() -> None:
    assert len(list(Actions("test", Sampling(frames=1, size=16), test_clips=13))) == 13


def _motion(action: str, seed: int) -> Motion:
    return PROGRAMS[action](np.linspace(0, 1, 16), np.random.default_rng(seed))


@pytest.mark.parametrize(
    ("there", "back"), [("sit_down", "stand_up"), ("raise_arms", "lower_arms"), ("push", "pull")]
)
def test_opposite_actions_are_one_movement_in_two_directions(there: str, back: str) -> None:
    forwards, backwards = _motion(there, 3), _motion(back, 3)
    assert np.allclose(forwards.limbs, backwards.limbs[::-1])
    assert not np.allclose(forwards.limbs, backwards.limbs)


def test_running_has_more_steps_than_walking() -> None:
    def turns(action: str, seed: int) -> int:
        thigh = _motion(action, seed).limbs[:, LEFT_LEG, UPPER, PITCH]
        return int((np.diff(np.sign(np.diff(thigh))) != 0).sum())

    assert max(turns("walk", s) for s in range(50)) < min(turns("run", s) for s in range(50)) + 1


@settings(deadline=None, max_examples=20)
@given(action=st.sampled_from(sorted(PROGRAMS)), seed=st.integers(0, 1000))
def test_feet_touch_the_ground_unless_the_figure_jumps(action: str, seed: int) -> None:
    motion = _motion(action, seed)
    in_the_air = action in ("run", "jump")
    assert (motion.lift.max() > 0.03) == in_the_air
    body = Skeleton(motion, legs=1.0)
    ankles = np.minimum(*(body.limbs[leg][2][:, 1] for leg in (LEFT_LEG, RIGHT_LEG)))
    assert np.allclose(ankles, ANKLE + motion.lift)
    assert (body.hips[:, 1] > 0.1).all() and (body.head[:, 1] > body.hips[:, 1] + 0.2).all()


def _activity(frames: Frames) -> float:
    return float(np.abs(np.diff(frames.astype(np.int16), axis=0)).mean())


def test_clips_move() -> None:
    data = Actions("test", SMALL)
    assert min(_activity(data[i].frames) for i in range(24)) > 1


def _poses(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """All that a perfect eye could see of a figure: float (count, 16, 19), and the actions."""
    poses = []
    for i in range(count):
        m = _motion(list(PROGRAMS)[i % len(PROGRAMS)], i)
        rest = np.stack([m.lean / 20, m.lift * 8, np.full(16, float(m.seat))], axis=1)
        poses.append(np.concatenate([m.limbs.reshape(16, 16) / 60, rest], axis=1))
    return torch.tensor(np.array(poses), dtype=torch.float32), torch.arange(count) % len(PROGRAMS)


def _accuracy(x: torch.Tensor, y: torch.Tensor, known: int) -> float:
    """Share of right answers after the first `known` rows, of a small net trained on those."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Linear(x.shape[1], 96), torch.nn.ReLU(), torch.nn.Linear(96, len(PROGRAMS))
    )
    optimiser = torch.optim.AdamW(net.parameters(), 4e-3)
    for _ in range(600):
        some = torch.randint(0, known, (256,))
        loss = torch.nn.functional.cross_entropy(net(x[some]), y[some])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return float((net(x[known:]).argmax(1) == y[known:]).float().mean())


def test_one_moment_is_not_enough_even_for_a_perfect_eye() -> None:
    x, y = _poses(4200)
    torch.manual_seed(0)
    moment = x[torch.arange(len(x)), torch.randint(0, 16, (len(x),))]
    assert _accuracy(moment, y, 3600) < 0.8
    assert _accuracy(x.flatten(1), y, 3600) > 0.97
