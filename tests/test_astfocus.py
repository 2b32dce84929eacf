"""Protects AstFocus as a competitor: its constants are the published ones, its agents are rewarded as
published, and on a victim whose optimum is known its steps go the right way."""

import itertools
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.attack_toys import FRAMES, SIZE, LinearVictim, darken, grey_clip, rules, watch_requests
from video_attack.agents.attacks.gradient.astfocus import (
    AstFocus,
    Choices,
    Team,
    odds,
    probes,
    relative_gain,
    representativeness,
)
from video_attack.agents.attacks.gradient.astfocus_windows import Windows, objectness
from video_attack.envs.clip import Frames
from video_attack.envs.game.bound import Bound
from video_attack.envs.game.threat import Goal
from video_attack.envs.victims.base import Scores

CONF = yaml.safe_load((Path(__file__).parents[1] / "conf/attack/astfocus.yaml").read_text())
PPO = {**CONF["ppo"], "hidden": 32}  # narrower than published: fast


def make(budget: int = 1000, eps: int | None = 10, target: str = "none", **keys: Any) -> AstFocus:
    config = {key: value for key, value in CONF.items() if key != "_target_"}
    return AstFocus(rules(budget, eps, target=target), **{**config, "ppo": PPO, **keys})


class Watched(LinearVictim):
    """Keeps the clips that it sees; cannot be flipped."""

    def __init__(self) -> None:
        super().__init__(share=2.0)
        self.seen: list[Frames] = []

    def answer(self, clips: Frames) -> Scores:
        self.seen += list(clips)
        return super().answer(clips)


def test_constants_are_the_published_ones() -> None:
    published = {
        "samples": 60, "sigma": 1e-3, "lr": 0.01, "min_lr": 1e-3, "grid": 7, "tries": 3,
        "published_eps": 0.05, "keep_scale": 1.1, "keep_max": 0.99, "spatial": 0.4,
        "temporal": 0.6, "common": 0.8,
    }  # fmt: skip
    assert {key: CONF[key] for key in published} == published
    learning = {"hidden": 512, "lr": 3e-3, "epochs": 10, "clip": 0.2, "gamma": 0.7}
    assert {key: CONF["ppo"][key] for key in learning} == learning
    frame = Windows.over((112, 112), CONF["window"], CONF["grid"])
    assert frame.size == (65, 65) and len(frame.corners) == 49
    assert tuple(share * 16 for share in CONF["kept_share"]) == (2, 10)


def test_an_iteration_is_sixty_probes_in_pairs_and_a_check_within_windows_of_few_frames() -> None:
    victim = Watched()
    attack = make(1 + 61)
    requests = watch_requests(attack)
    attack.run(victim, grey_clip())
    assert [len(request) for request in requests] == [60, 1]
    clean, probed = victim.seen[0].astype(int), np.array(victim.seen[1:61]).astype(int)
    side = round(CONF["window"] * SIZE)
    frames = {int(t) for t in np.nonzero((probed != clean).any((0, 2, 3, 4)))[0]}
    assert 1 <= len(frames) <= FRAMES * 10 / 16
    for t in frames:
        for axes in ((0, 2, 3), (0, 1, 3)):
            span = np.flatnonzero((probed[:, t] != clean[t]).any(axes))
            # Of 60 probes, some change each line of the window.
            assert span[-1] - span[0] + 1 == side
    up, down = probed[::2] - clean, probed[1::2] - clean
    assert np.array_equal(up, -down)
    spread = up[up.any(axis=(0, 4), keepdims=True).repeat(30, 0).repeat(3, 4)].std()
    assert spread == pytest.approx(CONF["min_levels"], rel=0.15)  # published: 0.255 levels


def test_the_end_of_the_budget_still_pays_for_a_check() -> None:
    attack = make(1 + 61 + 12)
    requests = watch_requests(attack)
    attack.run(Watched(), grey_clip())
    assert [len(request) for request in requests] == [60, 1, 10, 1, 1]


def test_steps_go_down_the_known_slope_and_not_at_random() -> None:
    totals, bound = {}, Bound.linf(grey_clip().frames, 10)

    class Deaf(Watched):
        """Answers that say nothing about the clip."""

        def answer(self, clips: Frames) -> Scores:
            super().answer(clips)
            noise = np.random.default_rng(len(self.seen)).random((len(clips), 1), np.float32)
            return np.concatenate([0.8 + noise / 100, 0.2 - noise / 100, 0 * noise], axis=1)

    for victim in (Watched(), Deaf()):
        make(1 + 8 * 61).run(victim, grey_clip())
        total = victim.total(np.array([victim.seen[0], victim.seen[8 * 61]]))
        totals[type(victim)] = (total[0] - total[1]) / (total[0] - victim.optimum(bound))
    # Of 24,576 directions only 30 are tried an iteration: a small share of the optimum.
    assert totals[Watched] > 0.03
    assert abs(totals[Deaf]) < 0.015


def test_a_targeted_attack_raises_the_target() -> None:
    victim = Watched()
    make(500, target="1").run(victim, grey_clip())
    first, last = victim.scores(np.array([victim.seen[0], victim.seen[8 * 61]]))
    assert last[1] > first[1]


def test_probabilities_become_loss_and_lead() -> None:
    scores = np.array([0.5, 0.3, 0.2], np.float32)
    assert odds(Goal(0), scores) == pytest.approx((0.2, np.exp(0.3) - np.exp(0.5)))
    assert odds(Goal(0, 2), scores) == pytest.approx((0.3, np.exp(0.2) - np.exp(0.5)))


class Recorder:
    """In an agent's place: keeps what it is rewarded with."""

    def learn(self, choices: torch.Tensor, policy: torch.Tensor, rewards: torch.Tensor) -> None:
        self.rewards = rewards


def test_rewards_are_common_and_own() -> None:
    assert relative_gain(-0.8, -0.6) == pytest.approx(0.125)  # the lead grew: a reward
    spatial, temporal = Recorder(), Recorder()
    objects, likeness = torch.tensor([[0.1, 0.2], [0.3, 0.4]]), torch.tensor([0.5, 0.6])
    team = Team(spatial, temporal, objects, likeness, 0.8)  # type: ignore[arg-type] # recorders
    policy = torch.zeros(2, 2)
    team.learn(Choices(torch.tensor([1, 0]), torch.tensor([0, 1]), policy, policy, 2), 1.0)
    torch.testing.assert_close(spatial.rewards, torch.tensor([1.2, 1.3]))
    # One frame of two was kept, two were allowed: 0.8 * 1 - 0.2 * (-1 / 2) ** 2 = 0.75.
    torch.testing.assert_close(temporal.rewards, torch.tensor([0.75, 1.35]))


def test_agents_are_told_of_each_gain_less_the_mean_of_those_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[float] = []
    monkeypatch.setattr(Team, "learn", lambda self, choices, common: told.append(common))
    victim = Watched()
    make(1 + 3 * 61 + 1).run(victim, grey_clip())
    answers = victim.scores(np.array(victim.seen)[[0, 61, 122, 183]])
    leads = [odds(Goal(0), row)[1] for row in answers]
    gains = [relative_gain(a, b) for a, b in itertools.pairwise(leads)]
    expected = [gains[0], gains[1] - gains[0], gains[2] - (gains[0] + gains[1]) / 2]
    assert told == pytest.approx(expected) and gains[0] > 0


@settings(deadline=None, max_examples=15)
@given(
    st.integers(8, 60), st.integers(8, 60), st.floats(0.1, 1), st.integers(1, 7), st.integers(0, 9)
)
def test_windows_lie_inside_the_frame_and_reach_its_borders(
    height: int, width: int, share: float, grid: int, seed: int
) -> None:
    windows = Windows.over((height, width), share, grid)
    far = windows.corners + windows.size
    assert windows.corners.min() == 0 and (far <= (height, width)).all()
    if grid > 1:
        assert far.max(0).tolist() == [height, width]
    draw = torch.Generator().manual_seed(seed)
    places = torch.randint(grid * grid, (5,), generator=draw)
    part = windows.index(places, torch.tensor([0, 1, 0, 1, 1]))
    marked = np.zeros((5, height, width, 3), bool)
    marked[part] = True
    assert not marked[[0, 2]].any()
    for t in (1, 3, 4):
        (r, c), (h, w) = windows.corners[places[t]], windows.size
        assert marked[t, r : r + h, c : c + w].all()
        assert marked[t].sum() == h * w * 3


@pytest.mark.parametrize("eps", [10, None])
def test_probes_are_what_the_bound_renders(eps: int | None) -> None:
    clean, rng = grey_clip().frames, np.random.default_rng(0)
    dark = [darken(clean, 5, rng)]
    bound = Bound.linf(clean, eps) if eps else Bound.between(clean, dark)
    theta = rng.uniform(bound.low, 1, clean.shape).astype(np.float32)
    windows = Windows.over((SIZE, SIZE), 0.4, 7)
    part = windows.index(torch.arange(FRAMES), torch.tensor([1, 0] * (FRAMES // 2)))
    noise = rng.standard_normal((2, *theta[part].shape), np.float32)
    found = probes(bound, theta, part, noise)
    for i, sign in enumerate((1, -1, 1, -1)):
        moved = theta.copy()
        moved[part] += sign * noise[i // 2]
        assert np.array_equal(found[i], bound.render(moved))


def test_an_object_is_worth_more_inside_a_window_than_on_its_border() -> None:
    frame = np.full((112, 112, 3), 90, np.uint8)
    cv2.circle(frame, (36, 36), 20, (220, 190, 160), -1)  # in the upper left
    windows = Windows.over((112, 112), 65 / 112, 7)
    value = objectness(np.stack([frame, np.full_like(frame, 90)]), windows)
    assert value.shape == (2, 49) and value.dtype == np.float32
    assert value[0, 0] == pytest.approx(1, abs=0.02)  # all of it, in the first window
    assert value[0, 48] == 0 and 0 < value[0, 2] < value[0, 0]
    assert not value[1].any()  # nothing to see in a grey frame


def test_a_typical_frame_is_worth_more_than_an_odd_one() -> None:
    pooled = torch.zeros(4, 3)
    pooled[3, 0] = 8.0
    expected = [(3 + np.exp(-2)) / 4] * 3 + [(1 + 3 * np.exp(-2)) / 4]
    np.testing.assert_allclose(representativeness(pooled), expected, rtol=1e-6)


def test_pytorch_s_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    attack = make(130)
    first, second = Watched(), Watched()
    attack.run(first, grey_clip())
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(1)
    attack.run(second, grey_clip())
    assert np.array_equal(first.seen, second.seen)
    torch.set_rng_state(before)


def test_constants_out_of_range_are_refused() -> None:
    for keys, word in (
        ({"samples": 7}, "samples"),
        ({"window": 1.5}, "window"),
        ({"kept_share": [0.5, 0.2]}, "kept_share"),
        ({"ppo": {**PPO, "epochs": -1}}, "ppo.epochs"),
        ({"ppo": {**PPO, "gamma": 2}}, "ppo.gamma"),
    ):
        with pytest.raises(ValueError, match=word):
            make(**keys)
