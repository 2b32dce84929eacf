"""Protects the comparison: every attack that ships keeps the budget, the bound and the count, as a
victim with a meter of its own sees them, and is the same again with the same seed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.attack_toys import BOUNDS, LinearVictim, darken, grey_clip, rules
from video_attack.agents.attacks.base import Attack, AttackResult
from video_attack.agents.core.build import build
from video_attack.envs.clip import Frames
from video_attack.envs.victims.base import Scores

CONF = Path(__file__).parents[1] / "conf/attack"
# The learned agents need a policy, the yardstick gradients; `none` asks about the clean clip only. Those
# of other libraries, which may be missing, are in test_robustness_libraries.py.
LEFT_OUT = {"marl", "none", "whitebox", "outside", "art", "foolbox"}
NAMES = sorted({path.stem for path in CONF.glob("*.yaml")} - LEFT_OUT)
LABEL_ONLY = {"heuristic", "hopskipjump", "rays", "stde", "surfree"}


class Meter(LinearVictim):
    """Keeps every clip that it is asked about."""

    def __init__(self, **keys: Any) -> None:
        super().__init__(**keys)
        self.seen: list[Frames] = []

    def answer(self, clips: Frames) -> Scores:
        self.seen += list(clips)
        return super().answer(clips)


def make(name: str, budget: int, bound: str, **game: Any) -> Attack:
    config = yaml.safe_load((CONF / f"{name}.yaml").read_text())
    config.pop("defaults", None)  # the surrogate of some, null
    if "network" in config:
        config["network"] = "resnet18"  # without weights: the oriented filters, which are quick
    attack: Attack = build("attack", config, rules(budget, bound=BOUNDS[bound], **game))
    return attack


def run(
    name: str, budget: int, bound: str = "linf", seed: int = 0, share: float = 0.4, **game: Any
) -> tuple[Meter, AttackResult]:
    victim = Meter(share=share)
    victim.feedback = "label" if name in LABEL_ONLY else "scores"
    result: AttackResult = make(name, budget, bound, **game).run(victim, grey_clip(), seed)
    return victim, result


@pytest.mark.parametrize("budget", [1, 2, 61, 1000])
@pytest.mark.parametrize("name", NAMES)
def test_the_budget_is_hard_and_the_count_is_true(name: str, budget: int) -> None:
    victim, result = run(name, budget, share=2.0)  # the label cannot be flipped
    assert result.attacked and result.ledger.best is None
    assert victim.clips == result.ledger.spent <= budget
    assert result.ledger.spent >= min(budget, 2)


@pytest.mark.parametrize("kind", BOUNDS)
@pytest.mark.parametrize("name", NAMES)
def test_no_clip_leaves_the_bound(name: str, kind: str) -> None:
    victim, result = run(name, 150, kind, cleanup=60)
    clean = grey_clip().frames
    bound = BOUNDS[kind].around(clean, [darken(clean, 5, np.random.default_rng(0))])
    assert len(victim.seen) > 1 and (np.stack(victim.seen[1:]) != clean).any()
    for frames in victim.seen:
        assert frames.dtype == np.uint8 and np.array_equal(bound.project(frames[None])[0], frames)
    if kind == "l2":
        away = np.stack(victim.seen).astype(float) - clean
        assert (np.sqrt(np.square(away).sum((1, 2, 3, 4))) / 255 <= 2.0).all()
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
