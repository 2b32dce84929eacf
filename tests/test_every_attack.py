"""Protects the comparison: every attack that ships keeps the budget, the bound and the count, as a
victim with a meter of its own sees them, and is the same again with the same seed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.attack_toys import LinearVictim, darken, grey_clip, rules
from video_attack.agents.attacks.base import Attack, AttackResult
from video_attack.agents.core.build import build
from video_attack.envs.clip import Frames
from video_attack.envs.game.bound import Bound
from video_attack.envs.victims.base import Scores

CONF = Path(__file__).parents[1] / "conf/attack"
# The learned agents need a policy; `none` asks about nothing but the clean clip.
NAMES = sorted(path.stem for path in CONF.glob("*.yaml") if path.stem not in ("marl", "none"))
LABEL_ONLY = {"heuristic", "stde"}


class Meter(LinearVictim):
    """Keeps every clip that it is asked about."""

    def __init__(self, **keys: Any) -> None:
        super().__init__(**keys)
        self.seen: list[Frames] = []

    def answer(self, clips: Frames) -> Scores:
        self.seen += list(clips)
        return super().answer(clips)


def make(name: str, budget: int, eps: int | None, **game: Any) -> Attack:
    config = yaml.safe_load((CONF / f"{name}.yaml").read_text())
    attack: Attack = build("attack", config, rules(budget, eps, **game))
    return attack


def run(
    name: str, budget: int, eps: int | None = 10, seed: int = 0, share: float = 0.4, **game: Any
) -> tuple[Meter, AttackResult]:
    victim = Meter(share=share)
    victim.answers = "label" if name in LABEL_ONLY else "scores"
    result: AttackResult = make(name, budget, eps, **game).run(victim, grey_clip(), seed)
    return victim, result


@pytest.mark.parametrize("budget", [1, 2, 61, 1000])
@pytest.mark.parametrize("name", NAMES)
def test_the_budget_is_hard_and_the_count_is_true(name: str, budget: int) -> None:
    victim, result = run(name, budget, share=2.0)  # the label cannot be flipped
    assert result.attacked and result.ledger.best is None
    assert victim.clips == result.ledger.spent <= budget
    assert result.ledger.spent >= min(budget, 2)


@pytest.mark.parametrize("eps", [10, None])
@pytest.mark.parametrize("name", NAMES)
def test_no_clip_leaves_the_bound(name: str, eps: int | None) -> None:
    victim, result = run(name, 150, eps)
    clean = grey_clip().frames
    if eps is None:
        bound = Bound.between(clean, [darken(clean, 5, np.random.default_rng(0))])
    else:
        bound = Bound.linf(clean, eps)
    for frames in victim.seen:
        assert frames.dtype == np.uint8 and np.array_equal(bound.project(frames), frames)
    assert victim.clips == result.ledger.spent
    if result.ledger.best is not None:
        assert victim.scores(result.ledger.best[None])[0].argmax() != 0
        assert result.ledger.first_success is not None


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_asks_the_same(name: str) -> None:
    (one, _), (two, _) = run(name, 60, seed=3), run(name, 60, seed=3)
    assert np.array_equal(one.seen, two.seen)


@pytest.mark.parametrize("name", NAMES)
def test_a_targeted_attack_ends_with_its_target_or_its_budget(name: str) -> None:
    _, result = run(name, 120, target="1")
    assert result.ledger.spent <= 120
    if result.ledger.best_scores is not None:
        assert result.ledger.best_scores.argmax() == 1
