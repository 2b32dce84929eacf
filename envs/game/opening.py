"""Opening a clip: the account, and the clean query that every game, attack and measurement begins with."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from video_attack.envs.clip import Clip
from video_attack.envs.game.config import GameConfig
from video_attack.envs.game.episode import open_ledger
from video_attack.envs.game.ledger import Ledger, QueryCoroutine
from video_attack.envs.game.threat import Goal
from video_attack.envs.victims.base import Victim


class Opened(NamedTuple):
    """A clip after its clean query.

    Attributes:
        ledger: the account, with one query spent.
        clean: what may be seen of the clean clip's scores, float32 (C,).
        right: whether the victim gets it right, so that there is something to attack.
    """

    ledger: Ledger
    clean: NDArray[np.float32]
    right: bool


def open_clip(
    clip: Clip, goal: Goal | None, config: GameConfig, victim: Victim, margin: float = 0.0
) -> QueryCoroutine[Opened]:
    """Ask about the clean clip.

    Args:
        clip: the clean clip.
        goal: what counts as success; None: any other class, for a clip that only this query is asked of.
        config: budget and norm of the account.
        victim: says what an attacker may see of its scores; it is asked by whoever runs this.
        margin: how far past the boundary a success must be, in nats; see `Goal.beyond`.
    """
    wanted = replace(goal, beyond=margin) if goal else Goal(clip.label)
    ledger = open_ledger(clip, wanted, config, victim)
    clean = (yield ledger, clip.frames[None])[0]
    assert ledger.clean_scores is not None  # judged with the answer just above
    return Opened(ledger, clean, int(np.argmax(ledger.clean_scores)) == clip.label)
