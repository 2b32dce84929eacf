"""Protects what all ways of asking share: the bound holds whatever is proposed, a clip is opened in one
way, and an evaluation plays the very game that the environment is."""

import zlib
from typing import Any

import numpy as np
import pytest

from tests.attack_toys import BOUNDS, LinearVictim, grey_clip, rules
from tests.toys import QuadrantClips, QuadrantVictim, fresh_policy
from video_attack.agents.attacks.base import Attack, ThreatModel
from video_attack.agents.attacks.play.marl import Marl
from video_attack.envs.clip import Clip, Frames
from video_attack.envs.game.config import GameConfig
from video_attack.envs.game.environment import VideoAttackEnv
from video_attack.envs.game.episode import choose_goal
from video_attack.envs.game.ledger import run_batched
from video_attack.envs.game.opening import open_clip


class Wild(Attack):
    """Proposes the ends of the scale, two clips at a time, and keeps what it was asked to propose."""

    name = "wild"

    def moves(self, task):
        """Far outside of any bound but none."""
        while True:
            yield np.stack([np.zeros_like(task.bound.clean), np.full_like(task.bound.clean, 255)])


class Watched(LinearVictim):
    """Remembers what it sees."""

    def __init__(self) -> None:
        super().__init__(share=99.0)  # never flips
        self.seen: list[Frames] = []

    def answer(self, clips: Frames):
        """The scores."""
        self.seen += [clip.copy() for clip in clips]
        return super().answer(clips)


@pytest.mark.parametrize("kind", BOUNDS)
def test_whatever_is_proposed_is_moved_into_the_bound(kind: str) -> None:
    victim, threat_model = Watched(), rules(7, bound=BOUNDS[kind])
    result = Wild(threat_model).run(victim, grey_clip())
    clean, *asked = victim.seen
    assert len(asked) == 6 and np.array_equal(clean, grey_clip().frames)
    distorted = threat_model.distort(clean, 5, np.random.default_rng(0))
    bound = threat_model.bound.around(clean, [distorted])
    for clip in asked:
        assert np.array_equal(bound.project(clip[None])[0], clip), "outside"
        assert kind == "none" or np.abs(clip.astype(int) - clean).max() < 100
    assert result.ledger.spent == 7


@pytest.mark.parametrize("target", ["none", "1"])
def test_opening_a_clip_is_the_clean_query(target: str) -> None:
    victim, config = QuadrantVictim(), GameConfig(budget=9, target=target)
    for clip in list(QuadrantClips(6)):
        goal = choose_goal(clip.label, len(victim.classes), target, np.random.default_rng(0))
        before = victim.clips
        asking = open_clip(clip, goal, config, victim, margin=0.25)
        ((_, (ledger, clean, right)),) = run_batched(victim, [asking])
        scores = victim.answer(clip.frames[None])[0]
        assert (ledger.spent, ledger.budget, victim.clips - before) == (1, 9, 1)
        assert np.array_equal(clean, scores) and right == (scores.argmax() == clip.label)
        assert ledger.goal.target == (goal and goal.target)
        assert ledger.goal.beyond == (0.25 if goal else 0.0)


class Scripted(Marl):
    """The trained agents, whose actions are noted."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given, greedy=True)
        self.actions: list[dict[str, Any]] = []

    def act(self, episode, task):
        """The likeliest actions."""
        self.actions.append(super().act(episode, task))
        return self.actions[-1]


class Brightened(QuadrantVictim):
    """Remembers what it sees."""

    seen: list[bytes]

    def answer(self, clips: Frames):
        """The scores."""
        self.seen += [clip.tobytes() for clip in clips]
        return super().answer(clips)


def darker(clip: Frames, severity: int, rng: np.random.Generator) -> Frames:
    """A distortion without chance."""
    return np.minimum(clip.astype(int) + 30, 255).astype(np.uint8)


@pytest.mark.parametrize("margin", [0.0, 0.5])
def test_an_evaluation_plays_the_game_of_the_environment(margin: float) -> None:
    """The same moves, in one and in the other, ask about the same clips and are worth the same."""
    game = GameConfig(grid=4, budget=9, sizes=[0.25, 0.5], windows=[2, 4], textures=False)
    victim, clips = Brightened(), QuadrantClips(6)
    victim.seen = []
    frames = victim.sampling.frames
    threat_model = ThreatModel(game, darker, 5, len(victim.classes), frames, margin=margin)
    played: Clip = next(
        clip for clip in clips if victim.answer(clip.frames[None])[0].argmax() == clip.label
    )
    victim.seen.clear()
    attack = Scripted(threat_model, fresh_policy(game, darker))
    result = attack.run(victim, played)
    asked, victim.seen = victim.seen, []

    env = VideoAttackEnv(victim, clips, darker, config=game, margin=margin)
    env.reset(seed=0, options={"clip": [clip.id for clip in clips].index(played.id)})
    assert env.episode is not None
    # An attack draws from numbers of the clip's own, an environment from one stream.
    env.episode._rng = np.random.default_rng([0, zlib.crc32(played.id.encode())])
    total = 0.0
    for actions in attack.actions:
        _, rewards, *_ = env.step(actions)
        total += rewards["spatial"]
    assert victim.seen == asked and len(asked) > 3
    assert not env.agents
    ledger = env.episode.ledger
    assert total == pytest.approx(result.reward)
    assert (ledger.spent, ledger.first_success, ledger.best_norm) == (
        result.ledger.spent, result.ledger.first_success, result.ledger.best_norm,
    )  # fmt: skip
