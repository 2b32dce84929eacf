"""Attacks that play the game: whatever chooses the moves."""

from abc import abstractmethod
from typing import Any

from agents.attacks.base import Attack, Proposals, Rules, Task
from envs.episode import Episode
from envs.moves import Moves


class PlayAttack(Attack):
    """Plays video_attack_v0; a subclass chooses both agents' actions."""

    def __init__(self, rules: Rules) -> None:
        super().__init__(rules)
        self.move_space = Moves(rules.game, rules.frames)

    @abstractmethod
    def act(self, episode: Episode, task: Task) -> dict[str, Any]:
        """Actions of both agents."""

    def moves(self, task: Task) -> Proposals:
        """One joint move a query, until the episode is over."""
        rules, ledger = self.rules, task.ledger
        if not ledger.left:
            return
        episode = Episode(ledger, task.clean, task.distorted, rules.game, self.move_space)
        best = float("inf")
        while not any(episode.over):
            answers = yield episode.begin(self.act(episode, task))
            episode.finish(answers[0])
            if ledger.best_norm < best or ledger.first_success is None:
                best = ledger.best_norm
                task.notes["mask"] = episode.masked.mask
        task.notes["sensitivity"] = episode.memory.picture()
