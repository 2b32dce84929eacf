"""Attacks that play the game: whatever chooses the moves."""

from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from video_attack.agents.attacks.base import Attack, Proposals, Rules, Task
from video_attack.agents.attacks.play.sweep import sweep, tidy
from video_attack.agents.core.build import build_distort
from video_attack.agents.core.errors import PolicyError
from video_attack.agents.policy.acting import Policy
from video_attack.envs.clip import Frames
from video_attack.envs.game.config import GameConfig
from video_attack.envs.game.episode import Episode, distorted_draws
from video_attack.envs.game.moves import Move, Moves

PATIENCE = 12  # queries; on clips that no table shows, 8 to 40 did about as well
THROWS = 20  # of a move that would change nothing, before it is made all the same


class PlayAttack(Attack):
    """Plays video_attack_v0; a subclass chooses both agents' actions.

    A move that would change nothing, whose answer is known, is not asked about but chosen anew.
    With `patience`, a clip that is not flipped by then is swept: boxes are toggled from coarse to
    fine from where the agents have brought it, and what lowers the margin stays. A clean-up, if the
    rules have one, undoes boxes in the same way, and what leaves the clip a success stays.

    Args:
        rules: the comparison's rules.
        policy: play the game that this policy was trained in (its boxes, levels, draws ...), with
            the comparison's budget, clean-up, norm and goal; a policy, the path of its file, or of
            the folder of its run. Under an Linf bound its distortion is what the moves paint with,
            which the bound cuts; else that is the comparison's. None: the comparison's game.
        patience: queries without a flip after which the sweep begins; 0: never, and the agents
            clean up themselves.

    Raises:
        PolicyError: no such policy, or one that does not fit.
        ValueError: patience below 0.
    """

    def __init__(
        self, rules: Rules, policy: Policy | str | Path | None = None, patience: int = PATIENCE
    ) -> None:
        super().__init__(rules)
        if patience < 0:
            raise ValueError(f"patience={patience}: must be 0 (never) or a number of queries")
        self.policy, self.game, self.patience = policy, rules.game, patience
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
        """One move a query, until the episode is over."""
        ledger = task.ledger
        if not ledger.left:
            return
        versions = self._versions(task)
        episode = Episode(ledger, task.clean, versions, self.game, self.move_space, task.rng)
        shortest = min(self.game.windows)
        rest = sweep(episode.masked, shortest, task.rng)
        clean_up = tidy(episode.masked, shortest, task.rng)
        best, task.reward = float("inf"), 0.0
        while not any(episode.over):
            late = episode.flipped or ledger.spent >= self.patience
            episode.insists = self.patience > 0 and late
            frames = self._changed(episode, task, clean_up if episode.flipped else rest)
            if frames is None:
                break
            answers = yield frames
            task.reward += episode.finish(answers[0])
            if ledger.best_norm < best or ledger.first_success is None:
                best = ledger.best_norm
                task.notes["mask"] = episode.masked.mask
        task.notes["sensitivity"] = episode.memory.picture()

    def _changed(self, episode: Episode, task: Task, swept: Iterator[Move]) -> Frames | None:
        """The clip after the agents' move, or one of the sweep; None if nothing is left to be undone."""
        for _ in range(THROWS):
            if not episode.insists:
                frames = episode.begin(self.act(episode, task))
            elif move := next(swept, None):
                frames = episode.make(move)
            else:
                return None
            if not episode.idle:
                break
        return frames

    def _versions(self, task: Task) -> list[Frames]:
        """The distorted clips that moves paint with, inside the bound."""
        policy, found = self.policy, task.distorted
        if self.rules.eps is not None and isinstance(policy, Policy) and policy.distortion:
            own = policy.distortion
            found = distorted_draws(
                build_distort(own), task.bound.clean, own["severity"], self.game.draws, task.rng
            )
        return list(task.bound.project(np.stack(found)))
