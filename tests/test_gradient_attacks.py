"""Protects NES, V-BAD and EARL: their estimates point the right way on a victim whose optimum is
known, they ask what the papers ask, and their constants are the published ones."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.attack_toys import (
    BLOCK,
    FRAMES,
    SIZE,
    LinearVictim,
    darken,
    grey_clip,
    make,
    rules,
    watch_requests,
)
from video_attack.agents.attacks.base import Attack, Task
from video_attack.agents.attacks.gradient.earl import Earl, FrameAgent, _likeliest
from video_attack.agents.attacks.gradient.estimate import (
    Plateau,
    pair_slopes,
    probe_pairs,
    spread,
    stalled,
    theta_size,
)
from video_attack.agents.attacks.gradient.nes import Nes
from video_attack.agents.attacks.gradient.vbad import Vbad
from video_attack.agents.core.build import accepted
from video_attack.envs.clip import Frames
from video_attack.envs.game.bound import Bound
from video_attack.envs.game.ledger import Ledger
from video_attack.envs.game.observation import cell_means
from video_attack.envs.game.threat import Goal
from video_attack.envs.victims.base import Scores

CONF = Path(__file__).parents[1] / "conf/attack"
SHARED = {"lr": 1e-2, "published_eps": 0.05}
VBAD = {**SHARED, "patches": 8, "samples": 48, "sigma": 1e-6, "min_lr": 1e-3, "window": 20,
        "give_up": 200, "random_start": True}  # fmt: skip
PUBLISHED: dict[str, dict[str, Any]] = {
    "nes": {**SHARED, "samples": 50, "sigma": 1e-3, "min_lr": 5e-5, "window": 5, "drop": 2.0,
            "momentum": 0.9},
    "vbad": VBAD,
    "earl": {**VBAD, "key_frames": 2, "selections": 5, "hidden": 128, "agent_lr": 1e-5,
             "baseline": 0.9},
}  # fmt: skip
CLASSES: dict[str, type[Attack]] = {"nes": Nes, "vbad": Vbad, "earl": Earl}


class Watched(LinearVictim):
    """Remembers the lowest sum, and how many clips each request held. Its label never flips."""

    max_batch = 1000

    def __init__(self, share: float = 1.1, **keys: Any) -> None:
        super().__init__(share, **keys)
        self.lowest = float("inf")

    def answer(self, clips: Frames) -> Scores:
        self.lowest = min(self.lowest, float(self.total(clips).min()))
        return super().answer(clips)


def progress(attack: Attack, victim: Watched | None = None, seed: int = 0) -> float:
    """Share of the way to the optimum that an attack went."""
    victim, clip = victim or Watched(), grey_clip(seed)
    attack.run(victim, clip, seed)
    clean = float(victim.total(clip.frames[None])[0])
    return (clean - victim.lowest) / (clean - victim.optimum(Bound.linf(clip.frames, 10)))


def random_corners(queries: int) -> float:
    """The same share for the best of as many random corners of the bound."""
    victim, clip, rng = Watched(), grey_clip(), np.random.default_rng(0)
    bound = Bound.linf(clip.frames, 10)
    clean = float(victim.total(clip.frames[None])[0])
    for _ in range(queries):
        victim.answer(bound.render(rng.choice([-1.0, 1.0], clip.frames.shape))[None])
    return (clean - victim.lowest) / (clean - victim.optimum(bound))


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_shipped_constants_are_the_published_ones(name: str) -> None:
    shipped = yaml.safe_load((CONF / f"{name}.yaml").read_text())
    for key, value in PUBLISHED[name].items():
        assert shipped[key] == value, key
    known = accepted(CLASSES[name]) or []
    assert set(shipped) - {"_target_"} == set(known) - {"threat_model"}
    attack = CLASSES[name](rules(), **{k: v for k, v in shipped.items() if k != "_target_"})
    assert vars(attack)["samples"] == vars(CLASSES[name](rules()))["samples"]


@pytest.mark.parametrize(
    ("name", "requests"),
    [("nes", [50, 1, 50, 1]), ("vbad", [1, 48, 1, 48]), ("earl", [1, 48, 6, 1, 48, 6])],
)
def test_an_iteration_asks_what_it_states(name: str, requests: list[int]) -> None:
    attack = CLASSES[name](rules(sum(requests) + 1))
    asked = watch_requests(attack)
    attack.run(Watched(), grey_clip())
    assert [len(request) for request in asked] == requests


def test_nes_descends_where_random_corners_do_not() -> None:
    reached = progress(make("video_attack.agents.attacks.gradient.nes.Nes", 1000))
    assert reached > 0.1 > 3 * random_corners(1000)


class TrueDirections:
    """Features whose directions are the victim's own, with a random sign a patch and frame."""

    source = "the victim's weights"

    def direction(self, frames: Frames, rng: np.random.Generator) -> np.ndarray:
        signs = rng.choice(np.float32([-1, 1]), (FRAMES, SIZE // BLOCK, SIZE // BLOCK))
        weights = np.sign(Watched().weights).astype(np.float32)
        return spread(signs, SIZE, SIZE) * weights

    def pooled(self, frames: Frames) -> torch.Tensor:
        return torch.from_numpy(frames.reshape(len(frames), -1)[:, :4].astype(np.float32))


def test_vbad_needs_only_signs_where_its_directions_are_right() -> None:
    attack = Vbad(rules(1000), patches=SIZE // BLOCK, random_start=False)
    attack.features = TrueDirections()  # type: ignore[assignment] # the two methods that count
    assert progress(attack) > 0.6


def test_vbad_descends_with_the_filters_too() -> None:
    attack = Vbad(rules(1000), network="resnet18")
    assert progress(attack) > 0.1 > 3 * random_corners(1000)


def test_vbad_gives_up_where_nothing_falls() -> None:
    victim = Watched(share=50)  # margins are cut: the victim answers the same to everything
    result = Vbad(rules(1000), network="resnet18", give_up=4).run(victim, grey_clip())
    assert result.ledger.spent == 1 + 4 * 49


def test_earl_starts_and_steps_in_few_frames() -> None:
    attack = Earl(rules(1 + 2 * 55 + 1), network="resnet18", key_frames=2)
    seen = watch_requests(attack)
    attack.run(Watched(), grey_clip())
    clean = grey_clip().frames
    checks = [request[0] for request in seen if len(request) == 1]
    changed = [int((check != clean).any((1, 2, 3)).sum()) for check in checks]
    assert changed[0] == 2 and 2 <= changed[1] <= 4 and changed[2] <= 6


def test_the_agent_of_earl_learns_which_frames_do_the_work() -> None:
    attack = Earl(rules(), network="resnet18", key_frames=3, agent_lr=0.01, hidden=16)
    victim, clip = Watched(), grey_clip()
    victim.weights[:6] = 0  # only the last two frames matter
    bound = Bound.linf(clip.frames, 10)
    game = rules().game
    ledger = Ledger(clip, Goal(0), game.budget, norm=lambda a, b: 0.0)
    clean = victim.scores(clip.frames[None])[0]
    task = Task(ledger, clean, [], bound, np.random.default_rng(0))
    agent = FrameAgent(attack, task)
    theta = np.zeros(clip.frames.shape, np.float32)
    step = -np.sign(victim.weights).astype(np.float32)
    for _ in range(60):
        choice = agent.choose(task, theta, step)
        request = next(choice)
        assert len(request) == 6
        with pytest.raises(StopIteration) as end:
            choice.send(victim.scores(request))
    assert end.value.value[6:].any()
    chances = agent.net(attack.features.pooled(clip.frames)).detach()
    assert chances[6:].mean() > chances[:6].mean() + 0.1


def test_the_likeliest_of_the_drawn_frames_are_kept() -> None:
    chances = np.array([0.1, 0.9, 0.5, 0.4])
    drawn = np.array([True, False, True, True])
    assert _likeliest(drawn, chances, 2).tolist() == [False, False, True, True]
    assert _likeliest(np.zeros(4, bool), chances, 2).tolist() == [False, True, False, False]


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.booleans())
@settings(deadline=None, max_examples=30)
def test_slopes_of_pairs_point_uphill(seed: int, pairs: int, ranked: bool) -> None:
    rng = np.random.default_rng(seed)
    slope, noises = rng.standard_normal(5), rng.standard_normal((pairs, 5))
    rises = noises @ slope
    found = pair_slopes(np.stack([rises, -rises], 1).ravel(), ranked)
    assert np.array_equal(np.sign(found), np.sign(rises))
    assert (found @ noises) @ slope > 0
    assert len(pair_slopes(np.append(rises, [1.0, 2.0, 3.0])[:3], ranked)) == 1


def test_equal_losses_have_no_slope() -> None:
    assert not pair_slopes(np.ones(8), ranked=True).any()
    assert len(pair_slopes(np.ones(1), ranked=True)) == 0


@pytest.mark.parametrize("distortion", [False, True])
def test_probes_are_mirrored_and_visible(distortion: bool) -> None:
    clean = grey_clip().frames
    if distortion:
        bound = Bound.between(clean, [darken(clean, 5, np.random.default_rng(0))])
    else:
        bound = Bound.linf(clean, 10)
    size = theta_size(1e-6, bound, published_eps=0.05, min_levels=1.0)
    middle = np.full(clean.shape, 0.5, np.float32)
    up, down = probe_pairs(bound, middle, [np.full(clean.shape, size, np.float32)]).astype(int)
    centre = bound.render(middle).astype(int)
    assert np.array_equal(up - centre, centre - down) and (up != centre).all()


def test_published_sizes_keep_their_scale() -> None:
    linf = Bound.linf(grey_clip().frames, 10)
    assert theta_size(0.01, linf, published_eps=0.05, min_levels=1) == pytest.approx(2.55 / 10)
    blend = Bound.between(grey_clip().frames, [darken(grey_clip().frames, 5, None)])  # type: ignore[arg-type] # draws nothing
    assert theta_size(0.01, blend, published_eps=0.05, min_levels=1) == pytest.approx(0.2)
    still = Bound.between(grey_clip().frames, [grey_clip().frames])
    assert theta_size(0.01, still, published_eps=0.05, min_levels=1) == 1


def test_the_step_is_divided_where_the_loss_stalls() -> None:
    steps = Plateau(1.0, 0.4, window=3, drop=2)
    for loss in (5.0, 4.0, 3.0, 3.0):
        steps.tell(loss)
    assert steps.rate == 1.0
    steps.tell(3.0)
    assert steps.rate == 0.5
    for loss in (3.0, 3.0):
        steps.tell(loss)
    assert steps.rate == 0.5  # the window began anew
    steps.tell(3.0)
    assert steps.rate == 0.4
    assert not stalled([1.0, 0.5], 2) and stalled([1.0, 1.0], 2) and not stalled([1.0], 2)


def test_pictures_show_the_cells_that_were_changed() -> None:
    values = np.zeros((2, 7, 9, 3), np.float32)
    values[1, :2, 7:] = 1
    picture = cell_means(values.mean(3), 4)
    assert picture.shape == (2, 4, 4) and picture[1, 0, 3] == 1 and picture.sum() == 1
    result = Nes(rules(300)).run(Watched(), grey_clip())
    for name in ("mask", "sensitivity"):
        assert result.notes[name].shape == (FRAMES, 4, 4) and result.notes[name].max() > 0


def test_probes_come_in_pairs() -> None:
    for attack in (Nes, Vbad):
        with pytest.raises(ValueError, match="pairs"):
            attack(rules(), samples=7)  # type: ignore[call-arg] # both take it
    with pytest.raises(ValueError, match="key_frames"):
        Earl(rules(), key_frames=0)
