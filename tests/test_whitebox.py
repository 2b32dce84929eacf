"""Protects the yardstick: on a linear network it comes to the known limit in L2, Linf and L0, on whole
levels, through the ledger; it says so where it cannot work."""

import numpy as np
import pytest

from tests.attack_toys import BOUNDS, shipped
from tests.toys import CountingVictim
from tests.whitebox_toys import Linear, held, linear_rules
from video_attack.agents.attacks.gradient.whitebox import WhiteBox
from video_attack.agents.core.build import build
from video_attack.agents.core.errors import ConfigError
from video_attack.envs.clip import Frames
from video_attack.envs.victims.base import Scores
from video_attack.envs.victims.defended import Defended


class Watched(Linear):
    """Keeps every clip that it is asked about."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Frames] = []

    def predict(self, clips: Frames) -> Scores:
        self.seen += list(clips)
        return super().predict(clips)


def attack(bound: str = "none", budget: int = 400, **game: object) -> WhiteBox:
    rules = linear_rules(budget, BOUNDS[bound], **{"cleanup": budget, **game})
    made: WhiteBox = build("attack", shipped("whitebox"), rules)
    return made


@pytest.fixture(scope="module")
def found():
    """What flipped: changes (N, T, H, W, 3) in levels; and the victim."""
    victim = Watched()
    result = attack().run(victim, held(victim))
    assert result.ledger.spent == len(victim.seen) <= 400
    clips = np.stack(victim.seen)
    flipped = victim.logits(clips).argmax(1).numpy() != 0
    return clips[flipped].astype(int) - clips[0], victim


def limits(victim: Watched) -> tuple[float, float]:
    """The least L2 on [0, 1] and the least Linf in levels of a change of any real values."""
    logits = victim.logits(victim.seen[0][None])[0].detach().numpy()
    weight = victim.net[1].weight.detach().numpy() / 255  # by level
    rivals = [(logits[0] - logits[k], weight[0] - weight[k]) for k in (1, 2)]
    least_l2 = min(gap / np.linalg.norm(slope) for gap, slope in rivals) / 255
    return least_l2, min(gap / np.abs(slope).sum() for gap, slope in rivals)


def test_the_smallest_l2(found):
    changes, victim = found
    sizes = np.sqrt(np.square(changes).sum((1, 2, 3, 4))) / 255
    assert limits(victim)[0] <= sizes.min() < 1.15 * limits(victim)[0]


def test_the_smallest_linf(found):
    changes, victim = found
    assert np.abs(changes).max((1, 2, 3, 4)).min() == np.ceil(limits(victim)[1])


def test_the_smallest_l0(found):
    changes, victim = found
    logits = victim.logits(victim.seen[0][None])[0].detach().numpy()
    weight = victim.net[1].weight.detach().numpy() / 255
    least = []
    for k in (1, 2):
        slope = np.moveaxis((weight[0] - weight[k]).reshape(3, 4, 8, 8), 0, 3)
        ends = np.where(slope > 0, victim.seen[0], 255 - victim.seen[0].astype(int))
        gains = np.sort((np.abs(slope) * ends).sum(3).ravel())[::-1]
        least.append(1 + np.searchsorted(np.cumsum(gains), logits[0] - logits[k]))
    assert min(least) <= changes.any(4).sum((1, 2, 3)).min() <= min(least) + 1


def test_its_answers_are_those_of_the_defended_victim():
    victim = Watched()
    lifted = Defended(victim, lambda clip, rng: clip // 2 * 2)
    result = attack().run(lifted, held(victim))
    assert result.ledger.best is not None
    assert lifted.scores(result.ledger.best[None]).argmax() != 0


@pytest.mark.parametrize("bound", BOUNDS)
def test_it_keeps_budget_and_bound(bound):
    victim = Watched()
    clip = held(victim)
    result = attack(bound, 61, target="1").run(victim, clip)
    own = BOUNDS[bound].around(
        clip.frames, [np.maximum(clip.frames.astype(int) - 16, 0).astype(np.uint8)]
    )
    assert result.ledger.spent == len(victim.seen) <= 61
    for frames in victim.seen:
        assert np.array_equal(own.project(frames[None])[0], frames)
    if result.ledger.best_scores is not None:
        assert result.ledger.best_scores.argmax() == 1


def test_a_victim_without_gradients_is_named():
    with pytest.raises(ConfigError, match="CountingVictim shows none"):
        attack().run(CountingVictim(4, 8), held(Linear()))
