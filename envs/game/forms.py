"""Form: the game's spaces as a library wants them (flat, of equal size, with masks), and the way back."""

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from video_attack.envs.game.episode import AGENTS
from video_attack.envs.game.moves import Moves
from video_attack.envs.game.observation import flat_space, flatten

MASKS = (None, "infos", "observations")
Mask = NDArray[np.int8] | tuple[NDArray[np.int8], ...]


class Form:
    """Spaces of both agents in one form, and how values of the game's own pass into it and back.

    Args:
        moves: the game's actions, which say whether these are flat.
        observations: the game's own observation spaces, Dict an agent.
        flat_obs: one float32 Box an agent, see `video_attack.envs.game.observation.flatten`.
        equal_spaces: spaces of equal size. Observations are flat, filled up with zeros to the longer
            one and then one-hot of the agent (2,). Actions have each part's larger number of choices;
            those beyond an agent's own count round: choice c of n is c modulo n, so that chance stays
            (nearly) uniform over the agent's moves. Parts that it lacks change nothing.
        mask: where action masks go, see `masks`: None, "infos" (`infos[agent]["action_mask"]`, as AgileRL
            reads them), or "observations" (Dict "observation", "action_mask", PettingZoo's convention).
            TorchRL reads either, and fails where it finds both.

    Attributes:
        observation_spaces: by agent.
        action_spaces: by agent.
        masks: by agent, which choices are its own: int8 (n,) of a Discrete, a tuple of them for a
            MultiDiscrete, as `sample(mask)` of gymnasium's spaces takes them. All 1 unless
            `equal_spaces`.

    Raises:
        ValueError: a mask that is misspelt, or has no form that libraries agree on.
    """

    def __init__(
        self,
        moves: Moves,
        observations: Mapping[str, spaces.Dict],
        *,
        flat_obs: bool = False,
        equal_spaces: bool = False,
        mask: str | None = None,
    ) -> None:
        if mask not in MASKS:
            raise ValueError(f"mask={mask!r}: choose infos, observations or None")
        if mask == "observations" and not moves.flat:
            raise ValueError(
                "mask='observations' is for one Discrete an agent: add flat_actions=True, or take "
                "mask='infos'"
            )
        self.flat_obs, self.equal, self.mask = flat_obs or equal_spaces, equal_spaces, mask
        self._own = {agent: choices(moves.spaces[agent]) for agent in AGENTS}
        self.action_spaces: dict[str, spaces.Space] = dict(moves.spaces)
        seen: dict[str, spaces.Space] = dict(observations)
        if self.flat_obs:
            seen = {agent: flat_space(observations[agent]) for agent in AGENTS}
        if equal_spaces:
            self._length = max(int(np.prod(space.shape or ())) for space in seen.values())
            seen = {
                agent: spaces.Box(-1, 1, (self._length + len(AGENTS),), np.float32)
                for agent in AGENTS
            }
            parts = max(len(own) for own in self._own.values())
            most = np.max([np.pad(own, (0, parts - len(own))) for own in self._own.values()], 0)
            self.action_spaces = {
                agent: spaces.Discrete(int(most[0])) if moves.flat else spaces.MultiDiscrete(most)
                for agent in AGENTS
            }
        self.masks = {agent: self._mask(agent) for agent in AGENTS}
        if mask == "observations":
            for agent in AGENTS:
                valid = spaces.Box(0, 1, np.shape(self.masks[agent]), np.int8)
                seen[agent] = spaces.Dict({"observation": seen[agent], "action_mask": valid})
        self.observation_spaces = seen

    def observations(self, raw: Mapping[str, dict[str, NDArray]]) -> dict[str, Any]:
        """The game's own observations in this form."""
        return {agent: self._observation(agent, raw[agent]) for agent in AGENTS}

    def actions(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The game's own actions of those in this form; what the game refuses is left as it is."""
        if not self.equal:
            return dict(given)
        return {
            agent: self._action(agent, action) if agent in AGENTS else action
            for agent, action in given.items()
        }

    def check(self, agent: str, action: Any) -> NDArray:
        """An action of this form as an array.

        Raises:
            ValueError: it lies outside its space.
        """
        space, array = self.action_spaces[agent], np.asarray(action)
        whole = np.issubdtype(array.dtype, np.integer)
        if not (whole and space.contains(array.astype(space.dtype))):
            raise ValueError(f"{agent} action {action!r} is not in {space}")
        return array

    def _observation(self, agent: str, raw: dict[str, NDArray]) -> Any:
        # Copies: whoever keeps an observation may write into it.
        seen: Any = flatten(raw) if self.flat_obs else {k: v.copy() for k, v in raw.items()}
        if self.equal:
            full = np.zeros(self._length + len(AGENTS), np.float32)
            full[: len(seen)] = seen
            full[self._length + AGENTS.index(agent)] = 1
            seen = full
        if self.mask == "observations":
            return {"observation": seen, "action_mask": copy.deepcopy(self.masks[agent])}
        return seen

    def _action(self, agent: str, action: Any) -> Any:
        array, own = self.check(agent, action), self._own[agent]
        if array.ndim == 0:
            return int(array) % int(own[0])
        return array[: len(own)] % own

    def _mask(self, agent: str) -> Mask:
        own = self._own[agent]
        valid = [np.zeros(int(size), np.int8) for size in choices(self.action_spaces[agent])]
        for place, part in enumerate(valid):
            part[: own[place] if place < len(own) else 1] = 1
        return (
            tuple(valid)
            if isinstance(self.action_spaces[agent], spaces.MultiDiscrete)
            else valid[0]
        )


def choices(space: spaces.Space) -> NDArray[np.int64]:
    """Number of choices of each part of an action, (parts,)."""
    if isinstance(space, spaces.MultiDiscrete):
        return np.asarray(space.nvec, np.int64)
    assert isinstance(space, spaces.Discrete)  # an action of this game is one of the two
    return np.array([space.n], np.int64)
