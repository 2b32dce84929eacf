"""Attacks that play the game: whatever chooses the moves."""

from abc import abstractmethod
from pathlib import Path
from typing import Any

import numpy as np

from agents.attacks.base import Attack, Proposals, Rules, Task
from agents.build import build_distort
from agents.policy import Policy, PolicyError
from envs.clip import Frames
from envs.episode import Episode, distorted_draws
from envs.game_config import GameConfig
from envs.moves import Moves

THROWS = 20  # of a move that would change nothing, before it is made all the same


class PlayAttack(Attack):
    """Plays video_attack_v0; a subclass chooses both agents' actions.

    A move that would change nothing, whose answer is known, is not asked about but chosen anew.

    Args:
        rules: the comparison's rules.
        policy: play the game that this policy was trained in (its boxes, levels, draws ...), with
            the comparison's budget, clean-up, norm and goal; a policy, the path of its file, or of
            the folder of its run. Under an Linf bound its distortion is what the moves paint with,
            which the bound cuts; else that is the comparison's. None: the comparison's game.

    Raises:
        PolicyError: no such policy, or one that does not fit.
    """

    def __init__(self, rules: Rules, policy: Policy | str | Path | None = None) -> None:
        super().__init__(rules)
        self.policy, self.game = policy, rules.game
        if isinstance(policy, str | Path):
            self.policy = Policy.load(Path(policy))
        if isinstance(self.policy, Policy):
            self.game = self._learned_game(self.policy)
        self.move_space = Moves(self.game, rules.frames)

    def _learned_game(self, policy: Policy) -> GameConfig:
        rules = self.rules
        if policy.frames != rules.frames:
            raise PolicyError(
                f"the policy was trained with clips of {policy.frames} frames, these have "
                f"{rules.frames}: train one for this victim"
            )
        game = policy.game_under(rules.game)
        if rules.eps is None and game.draws != rules.game.draws:
            raise PolicyError(
                f"the policy was trained with env.draws={game.draws}, here it is {rules.game.draws}: "
                "the bound is a distortion, so set the same"
            )
        return game

    @abstractmethod
    def act(self, episode: Episode, task: Task) -> dict[str, Any]:
        """Actions of both agents."""

    def moves(self, task: Task) -> Proposals:
        """One joint move a query, until the episode is over."""
        ledger = task.ledger
        if not ledger.left:
            return
        versions = self._versions(task)
        episode = Episode(ledger, task.clean, versions, self.game, self.move_space, task.rng)
        best, task.reward = float("inf"), 0.0
        while not any(episode.over):
            for _ in range(THROWS):
                frames = episode.begin(self.act(episode, task))
                if not episode.idle:
                    break
            answers = yield frames
            task.reward += episode.finish(answers[0])
            if ledger.best_norm < best or ledger.first_success is None:
                best = ledger.best_norm
                task.notes["mask"] = episode.masked.mask
        task.notes["sensitivity"] = episode.memory.picture()

    def _versions(self, task: Task) -> list[Frames]:
        """The distorted clips that moves paint with, inside the bound."""
        policy, found = self.policy, task.distorted
        if self.rules.eps is not None and isinstance(policy, Policy) and policy.distortion:
            own = policy.distortion
            found = distorted_draws(
                build_distort(own), task.bound.clean, own["severity"], self.game.draws, task.rng
            )
        return list(task.bound.project(np.stack(found)))
