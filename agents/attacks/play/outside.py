"""A policy trained elsewhere, by whatever library, as an attack."""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from video_attack.agents.attacks.base import Task, ThreatModel
from video_attack.agents.attacks.play.play_attack import PlayAttack
from video_attack.agents.core.build import build
from video_attack.agents.core.errors import PolicyError
from video_attack.agents.policy.acting import Policy
from video_attack.envs.game.episode import Episode
from video_attack.envs.game.forms import Form
from video_attack.envs.game.joint import Join
from video_attack.envs.game.moves import Moves
from video_attack.envs.game.observation import observation_spaces


class Outside(PlayAttack):
    """Any callable that takes both agents' observations and returns both agents' actions.

    It plays the game of the comparison (group `env`); its rules, bound and distortion must be those that
    it was trained with, and sees and says what a VideoAttackEnv of the same form would: dicts by agent, or,
    with `joint`, what a JointEnv would. It is called once a query, and clips take turns: it must keep
    nothing from one call to the next. One that has an argument `rng` gets the clip's own
    `numpy.random.Generator`, so that the same seed gives the same attack.

    Args:
        threat_model: see ThreatModel.
        act: the callable; or `_target_`, a function or a class whose instances are called, and its keys.
        flat_obs: see `video_attack.envs.game.environment.VideoAttackEnv`, as the next three.
        flat_actions: one Discrete an agent.
        equal_spaces: spaces of equal size.
        mask: None or observations.
        joint: one observation and one action for both agents.
        policy: see PlayAttack.

    Raises:
        PolicyError: no callable is given.
        ConfigError: there is none of that name, or it does not take these keys.
    """

    name = "outside"

    def __init__(
        self,
        threat_model: ThreatModel,
        act: Callable[..., Any] | Mapping[str, Any] | None,
        flat_obs: bool = False,
        flat_actions: bool = False,
        equal_spaces: bool = False,
        mask: str | None = None,
        joint: bool = False,
        policy: Policy | str | Path | None = None,
    ) -> None:
        super().__init__(threat_model, policy)
        if isinstance(act, Mapping):
            act = build("act", act) if act.get("_target_") else None
        if not callable(act):
            raise PolicyError(
                "no policy: name a callable observations -> actions, attack.act._target_=package.module.name"
            )
        self.policy_act = act
        self.move_space = Moves(
            self.game, self.move_space.palette, threat_model.frames, flat=flat_actions
        )
        seen = observation_spaces(threat_model.frames, self.game.grid)
        try:
            self.form = Form(
                self.move_space, seen, flat_obs=flat_obs, equal_spaces=equal_spaces, mask=mask
            )
            self.join = Join(self.form) if joint else None
        except ValueError as error:
            raise PolicyError(f"attack.{error}") from error
        self._takes_rng = "rng" in inspect.signature(act).parameters

    def act(self, episode: Episode, task: Task) -> dict[str, Any]:
        """What the callable says, as the game's own actions."""
        seen: Any = self.form.observations(episode.observations())
        if self.join:
            seen = self.join.observation(seen)
        said = self.policy_act(seen, **({"rng": task.rng} if self._takes_rng else {}))
        return self.form.actions(self.join.actions(said) if self.join else said)
