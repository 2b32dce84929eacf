"""No attack can cheat: the base class counts, bounds and decides, alike at every width."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from toys import (
    TOY_GAME,
    BrightnessVictim,
    CountingVictim,
    DarkClips,
    QuadrantClips,
    QuadrantVictim,
    brighten,
)

from video_attack.agents.attacks.base import Attack, ThreatModel
from video_attack.agents.attacks.play.marl import Marl
from video_attack.agents.attacks.play.random_moves import RandomMoves
from video_attack.agents.core.errors import PolicyError
from video_attack.agents.policy.acting import Policy
from video_attack.envs.clip import Clip
from video_attack.envs.distortions.texture import texture
from video_attack.envs.game.bound import BoundConfig
from video_attack.envs.game.config import ALL, GameConfig
from video_attack.envs.game.mask import perturbation_norm
from video_attack.envs.game.moves import Moves
from video_attack.envs.game.palette import Palette


def rules(classes=3, **kwargs):
    game = GameConfig(**{**TOY_GAME, "strengths": [0.25, 0.5, 1.0], **kwargs})  # few queries do
    return ThreatModel(game, brighten, severity=5, classes=classes, frames=8)


def moves_of(given, game=None, distort=brighten):
    game = game or given.game
    return Moves(game, Palette(distort, given.bound, game), given.frames)


def marl(given):
    torch.manual_seed(0)
    return Marl(given, Policy.fresh(moves_of(given), hidden=8))


class Greedy(Attack):
    """Asks about clips of growing light in batches, for ever, and never looks at the answers."""

    name = "greedy"
    batch = 7

    def moves(self, task):
        light = 0
        while True:
            clips = [
                np.minimum(task.ledger.clip.frames.astype(int) + light + i, 255)
                for i in range(self.batch)
            ]
            yield np.stack(clips).astype(np.uint8)
            light += self.batch


ATTACKS = {"random": RandomMoves, "marl": marl, "greedy": Greedy}


@pytest.mark.parametrize("width", [1, 4, 16])
@pytest.mark.parametrize("budget", [1, 2, 61])
@pytest.mark.parametrize("name", ATTACKS)
def test_the_victims_count_equals_the_ledgers_and_no_budget_is_exceeded(name, budget, width):
    victim, attack = BrightnessVictim(), ATTACKS[name](rules(budget=budget, cleanup=5))
    results = dict(attack.run_many(victim, iter(DarkClips(17)), seed=3, width=width))
    assert sorted(results) == list(range(17))
    spent = [results[i].ledger.spent for i in range(17)]
    assert victim.clips == sum(spent)
    assert max(spent) <= budget
    for i, result in results.items():
        assert result.attacked == (i % 5 != 4)
        assert result.ledger.clip.id == f"dark-{i}"
        if not result.attacked:
            assert result.ledger.spent == 1
        if result.ledger.best is not None and result.attacked:
            assert victim.answer(result.ledger.best[None])[0].argmax() != 0


@pytest.mark.parametrize("target", ["none", "random"])
@pytest.mark.parametrize("name", ["random", "marl"])
def test_side_by_side_gives_the_same_results_clip_by_clip(name, target):
    attack = ATTACKS[name](rules(6, cleanup=3, variants=2, target=target))
    clips = list(QuadrantClips(20))

    def outcome(result):
        ledger = result.ledger
        notes = {key: value.tobytes() for key, value in result.notes.items()}
        best = None if ledger.best is None else ledger.best.tobytes()
        return ledger.spent, ledger.first_success, ledger.best_norm, best, notes

    alone = {i: outcome(r) for i, r in attack.run_many(QuadrantVictim(), clips, 5, width=1)}
    assert len({first for _, first, *_ in alone.values()}) > 2, (
        "some are solved, at different times"
    )
    for width in (4, 16):
        together = attack.run_many(QuadrantVictim(), clips, 5, width=width)
        assert {i: outcome(r) for i, r in together} == alone
    for i in (0, 13):
        assert outcome(attack.run(QuadrantVictim(), clips[i], 5)) == alone[i]
    backwards = dict(attack.run_many(QuadrantVictim(), clips[::-1], 5, width=3))
    assert {19 - i: outcome(r) for i, r in backwards.items()} == alone


def test_another_seed_gives_another_attack():
    attack = RandomMoves(rules(6, cleanup=20))
    clip = QuadrantClips()[0]
    first, second = (attack.run(QuadrantVictim(), clip, seed).notes["mask"] for seed in (0, 1))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("width", [1, 4, 16])
def test_the_number_of_victim_calls_is_the_number_of_rounds(width):
    victim = CountingVictim()  # never gives in
    clips = [Clip(DarkClips()[i].frames, 0, f"clip-{i}") for i in range(16)]
    list(RandomMoves(rules(budget=10)).run_many(victim, clips, width=width))
    assert victim.batches == [width] * (10 * 16 // width)


@pytest.mark.parametrize("cleanup", [0, 3])
@pytest.mark.parametrize("name", ["random", "marl"])
def test_an_attack_ends_after_the_clean_up(name, cleanup):
    attack = ATTACKS[name](rules(budget=60, cleanup=cleanup))
    solved = 0
    for _, result in attack.run_many(BrightnessVictim(), DarkClips(), width=8):
        ledger = result.ledger
        if result.attacked and ledger.first_success:
            solved += 1
            assert ledger.spent == min(ledger.first_success + cleanup, 60)
        elif result.attacked:
            assert ledger.spent == 60
    assert solved > 4


def test_more_clean_up_never_gives_a_worse_norm():
    norms = []
    for cleanup in (0, 10, 50):
        attack = RandomMoves(rules(budget=60, cleanup=cleanup))
        results = dict(attack.run_many(BrightnessVictim(), DarkClips(), 7, width=8))
        norms.append([results[i].ledger.best_norm for i in range(20)])
    for less, more in itertools.pairwise(norms):
        assert all(a >= b for a, b in zip(less, more, strict=True))
    assert norms[0] != norms[2]


@pytest.mark.parametrize("cleanup", [0, 3])
@pytest.mark.parametrize("batch", [1, 8])
def test_requests_after_the_flip_never_pass_more_than_the_clean_up_has_left(batch, cleanup):
    class Flips(Attack):
        name = "flips"

        def moves(self, task):
            bright = np.full((batch, *task.ledger.clip.frames.shape), 255, np.uint8)
            yield bright[:1]
            while True:
                yield bright

    attack = Flips(rules(budget=60, cleanup=cleanup))
    ledger = attack.run(BrightnessVictim(), DarkClips()[0]).ledger
    assert (ledger.first_success, ledger.spent) == (2, 2 + cleanup)


@pytest.mark.parametrize("name", ["random", "marl"])
def test_the_noted_mask_is_that_of_the_best_success(name):
    attack = ATTACKS[name](rules(budget=40, cleanup=39, strengths=[32.0, 64.0], windows=[8]))
    checked = 0
    for _, result in attack.run_many(BrightnessVictim(), DarkClips()):
        if not result.attacked or result.ledger.best is None:
            continue
        ledger, mask = result.ledger, result.notes["mask"]
        changed = (ledger.best != ledger.clip.frames).any(-1).reshape(8, 4, 8, 4, 8).any((2, 4))
        assert np.array_equal(changed, mask > 0)
        assert ledger.best_norm == perturbation_norm(ledger.clip.frames, ledger.best)
        assert result.notes["sensitivity"].shape == mask.shape
        checked += 1
    assert checked > 4


@pytest.mark.parametrize("target", ["random", "2"])
def test_targeted_success_means_the_target_class(target):
    attack = RandomMoves(rules(6, target=target, budget=80))
    victim, solved = QuadrantVictim(), 0
    for i, result in attack.run_many(victim, QuadrantClips(24), width=8):
        ledger = result.ledger
        if target == "2" and i % 6 == 2:
            assert not result.attacked and ledger.spent == 1
            continue
        assert result.attacked and ledger.goal.target != i % 6
        if ledger.best is not None:
            solved += 1
            assert victim.answer(ledger.best[None])[0].argmax() == ledger.goal.target
            assert ledger.best_scores.argmax() == ledger.goal.target
    assert solved > 2


def test_a_proposal_that_is_no_clip_is_an_error():
    class Floats(Attack):
        name = "floats"

        def moves(self, task):
            yield task.ledger.clip.frames[None] / 255

    with pytest.raises(ValueError, match="a query must be uint8"):
        Floats(rules()).run(BrightnessVictim(), DarkClips()[0])


def test_clips_are_read_only_as_they_are_needed():
    read = []

    def clips():
        for clip in DarkClips():
            read.append(clip.id)
            yield clip

    results = RandomMoves(rules()).run_many(BrightnessVictim(), clips(), width=2)
    next(results)
    assert len(read) <= 4


def learned(given, **game):
    """A fresh policy for a game of its own, with textures as its distortion."""
    torch.manual_seed(0)
    own = {
        "_target_": "video_attack.envs.distortions.texture.texture", "severity": 4, "eps": 30,
    }  # fmt: skip
    moves = moves_of(given, GameConfig(**game), texture)
    return Policy.fresh(moves, hidden=8, distortion=own)


def linf(given):
    return replace(given, bound=BoundConfig("linf", eps=10))


@pytest.mark.parametrize("method", [Marl, RandomMoves])
def test_a_policy_brings_its_game_and_under_an_linf_bound_its_distortion(method):
    given = linf(rules())
    attack = method(given, learned(given, grid=2, sizes=[1.0], windows=[8], variants=3))
    seen = []

    class Watched(CountingVictim):
        def answer(self, clips):
            seen.extend(clips)
            return super().answer(clips)

    victim = Watched()  # never gives in
    result = attack.run(victim, DarkClips()[0], 0)
    assert result.ledger.spent == victim.clips == given.game.budget
    assert result.notes["mask"].shape == (8, 2, 2)
    moved = np.abs(np.array(seen).astype(int) - seen[0])
    assert 0 < moved.max() <= 10


@pytest.mark.parametrize("cleanup", [0, ALL])
@pytest.mark.parametrize("name", ["random", "marl"])
def test_after_the_flip_the_agents_go_on_to_the_end_of_the_budget_or_stop(name, cleanup):
    class GivesIn(CountingVictim):
        def answer(self, clips):
            scores = super().answer(clips)
            return scores[:, [1, 0, 2]] if self.clips > 3 else scores

    ledger = ATTACKS[name](rules(budget=15, cleanup=cleanup)).run(GivesIn(), DarkClips()[0]).ledger
    assert (ledger.first_success, ledger.spent) == (4, 15 if cleanup == ALL else 4)


def test_a_policy_that_cannot_play_here_is_refused_by_name():
    given = rules()
    with pytest.raises(PolicyError, match=r"bound=.*distortion="):
        Marl(given, learned(given, variants=3))
