"""Attacks that play the game: whatever chooses the moves."""

from abc import abstractmethod
from pathlib import Path
from typing import Any

import numpy as np

from video_attack.agents.attacks.base import Attack, Proposals, Task, ThreatModel
from video_attack.agents.core.build import build_distort
from video_attack.agents.core.trust import dotted, vet
from video_attack.agents.policy.acting import Policy
from video_attack.envs.clip import Frames
from video_attack.envs.game.episode import Episode
from video_attack.envs.game.moves import Moves
from video_attack.envs.game.observation import faded
from video_attack.envs.game.palette import Palette, distorted_variants


class PlayAttack(Attack):
    """Plays video_attack_v1 from the first query to the last; a subclass chooses both agents' actions.

    Args:
        threat_model: see ThreatModel.
        policy: play the game that this policy was trained in (its sizes, strengths, windows ...), with
            the comparison's budget, clean-up, norm and goal; a policy, the path of its file, or of
            the folder of its run. Where the bound is no distortion, its distortion is what the moves
            paint with; else that is the comparison's. None: the comparison's game.

    Raises:
        PolicyError: no such policy, or one that does not fit.
        TrustError: it would paint with a distortion that neither this project nor the user names.
    """

    shrinks = True

    def __init__(
        self, threat_model: ThreatModel, policy: Policy | str | Path | None = None
    ) -> None:
        super().__init__(threat_model)
        if isinstance(policy, str | Path):
            policy = Policy.load(Path(policy))
        self.policy, self.game = policy, threat_model.game
        self.distort, self.severity, self._own = threat_model.distort, threat_model.severity, False
        if policy is not None:
            self.game = policy.game_under(threat_model.game)
            if threat_model.bound.kind != "distortion" and policy.distortion:
                if not threat_model.trust:
                    known = [dotted(threat_model.distort)]
                    vet("distortion", policy.distortion, "the policy's file", known)
                self.distort, self._own = build_distort(policy.distortion), True
                self.severity = policy.distortion["severity"]
        palette = Palette(self.distort, threat_model.bound, self.game)
        self.move_space = Moves(self.game, palette, threat_model.frames)
        if policy is not None:
            policy.check(self.move_space)

    @abstractmethod
    def act(self, episode: Episode, task: Task) -> dict[str, Any]:
        """Actions of both agents."""

    def moves(self, task: Task) -> Proposals:
        """One move a query, until the episode is over."""
        ledger = task.ledger
        episode = Episode(
            ledger,
            task.clean,
            self._versions(task),
            task.bound,
            self.game,
            self.move_space,
            task.rng,
        )
        best, task.reward = float("inf"), 0.0
        while not any(episode.over):
            answers = yield episode.begin(self.act(episode, task))
            if ledger.best_norm < best or ledger.first_success is None:
                best = ledger.best_norm
                task.notes["mask"] = faded(episode.canvas.energy)
            task.reward += episode.finish(answers[0])
        task.notes["sensitivity"] = episode.memory.picture()

    def _versions(self, task: Task) -> list[Frames]:
        """The distorted clips that moves paint with."""
        if not self._own and len(task.distorted) == self.game.variants:
            return task.distorted
        # From numbers of its own: the comparison's are not to depend on the policy's draws.
        rng = np.random.default_rng(task.rng.integers(2**32))
        clean = task.bound.clean
        return distorted_variants(self.distort, clean, self.severity, self.game.variants, rng)
