"""video_attack_v1: two agents, space and time, attack a video classifier (PettingZoo ParallelEnv)."""

import copy
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from pettingzoo import ParallelEnv

from video_attack.envs.clip import Frames
from video_attack.envs.datasets.base import ClipDataset, DatasetError, readable
from video_attack.envs.game.bound import BoundConfig
from video_attack.envs.game.config import GameConfig
from video_attack.envs.game.display import picture, text_line
from video_attack.envs.game.episode import AGENTS, Episode, choose_goal
from video_attack.envs.game.forms import Form
from video_attack.envs.game.ledger import QueryCoroutine, run_batched
from video_attack.envs.game.moves import Moves
from video_attack.envs.game.observation import observation_spaces, state_space
from video_attack.envs.game.opening import open_clip
from video_attack.envs.game.palette import Distort, Palette, distorted_variants
from video_attack.envs.game.rules import chosen_clip, rules_of
from video_attack.envs.victims.base import Victim

Step = tuple[dict, dict, dict, dict, dict]


class VideoAttackEnv(ParallelEnv):
    """One episode is one clip that the victim gets right; both agents act at once, each step.

    | | spatial | temporal |
    |---|---|---|
    | says | where, with what, how strongly; paint, turn, weaken or undo | when: any frame, run, or every k-th frame |
    | action | MultiDiscrete [patch, version, scale, orientation, colour, strength, act, rescale] | MultiDiscrete [run, flicker] |
    | observation | Dict: thumbnail uint8 (4, 4G, 4G), planes (8, G, G), status (11,) | Dict: rows (6, T), status (11,) |

    Both get the same reward and the same flags. `state()`: float32 (4*T*G*G + 11,).
    A step is one query, counted by the episode's ledger, as is the clean clip at reset.
    `infos[agent]`: queries, margin, norm, success (and action_mask with mask="infos").

    The end of the budget terminates the episode: the budget is a rule of the game, and what is left of
    it is observed, so that nothing may be bootstrapped beyond it. Only `max_cycles`, which nobody sees,
    truncates.

    A deep copy goes on by itself, and shares the victim, the data set and the distortion.

    Args:
        victim: the classifier under attack.
        dataset: clips to draw from; those that the victim gets wrong are passed over.
        distort: any callable (clip, severity, rng) -> clip.
        severity: 1 to 5, handed to `distort`.
        config: rules and reward weights, or a dict of those that are not the default's.
        bound: where attacked clips may lie, or its kind; default: between the clean and the distorted clip.
        margin: how far past the boundary a success must be, in nats; see `Goal.beyond`.
        flat_obs: observations as one float32 Box in [-1, 1]. It is not `gymnasium.spaces.flatten`: the
            parts come in the table's order, not in the alphabet's, and bytes are scaled to [0, 1], so
            that a plain MLP can take it as it is.
        flat_actions: one Discrete an agent (a move then either adds or undoes).
        equal_spaces: spaces of equal size for both agents, see `video_attack.envs.game.forms.Form`;
            observations are then flat.
        mask: None, or where action masks go: "infos" or "observations", see Form.
        max_cycles: steps after which an episode is truncated; None: none.
        render_mode: None, "rgb_array" (a picture), "ansi" (a line of text) or "human" (that line is
            printed after each reset and step).

    `reset(options={"clip": i})` chooses the clip. Version history: v1, any patch, frame,
    texture and strength, free bounds, shrinking after the flip; v0, boxes of a mask.
    """  # noqa: E501 - a table row cannot be broken

    metadata: ClassVar[dict[str, Any]] = {
        "name": "video_attack_v1",
        "render_modes": ["human", "rgb_array", "ansi"],
        "is_parallelizable": True,
        "render_fps": 10,
    }

    def __init__(
        self,
        victim: Victim,
        dataset: ClipDataset,
        distort: Distort,
        *,
        severity: int = 5,
        config: GameConfig | Mapping[str, Any] | None = None,
        bound: BoundConfig | str | None = None,
        margin: float = 0.0,
        flat_obs: bool = False,
        flat_actions: bool = False,
        equal_spaces: bool = False,
        mask: str | None = None,
        max_cycles: int | None = None,
        render_mode: str | None = None,
    ) -> None:
        modes = self.metadata["render_modes"]
        if render_mode not in (None, *modes):
            raise ValueError(f"render_mode={render_mode!r}: choose {', '.join(modes)} or None")
        if max_cycles is not None and max_cycles < 1:
            raise ValueError(f"max_cycles={max_cycles}: must be at least 1, or None")
        if not len(dataset):
            raise DatasetError("the data set has no clips: check its root, lists and classes")
        self.config = config if isinstance(config, GameConfig) else rules_of(config or {})
        if self.config.budget < 2:
            raise ValueError("env.budget=1: the clean clip is the first query, so the game needs 2")
        self.victim, self.dataset, self.distort, self.severity = victim, dataset, distort, severity
        self.margin, self.max_cycles, self.render_mode = margin, max_cycles, render_mode
        self.possible_agents = list(AGENTS)
        self.agents: list[str] = []
        frames, grid = victim.sampling.frames, self.config.grid
        self.bound = BoundConfig(bound) if isinstance(bound, str) else bound or BoundConfig()
        palette = Palette(distort, self.bound, self.config)
        self.moves = Moves(self.config, palette, frames, flat=flat_actions)
        self.form = Form(
            self.moves, observation_spaces(frames, grid),
            flat_obs=flat_obs, equal_spaces=equal_spaces, mask=mask,
        )  # fmt: skip
        self.flat_obs = self.form.flat_obs
        self.action_spaces = self.form.action_spaces
        self.observation_spaces = self.form.observation_spaces
        self.state_space = state_space(frames, grid)
        self.queries = 0  # all that this environment has asked, over all episodes
        self.episode: Episode | None = None
        self._cycles = 0
        self._unusable: set[int] = set()
        self._rng = np.random.default_rng()

    def observation_space(self, agent: str) -> spaces.Space:
        """The same space object on every call."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space:
        """The same space object on every call."""
        return self.action_spaces[agent]

    def reset(self, seed: int | None = None, options: dict | None = None) -> tuple[dict, dict]:
        """Start on a new clip; the same seed and options start the same episode, bit for bit."""
        return _alone(self.victim, self.reset_coroutine(seed, options))

    def step(self, actions: dict[str, Any]) -> Step:
        """Make both moves and ask the victim once."""
        return _alone(self.victim, self.step_coroutine(actions))

    def reset_coroutine(
        self, seed: int | None = None, options: dict | None = None
    ) -> QueryCoroutine[tuple[dict, dict]]:
        """`reset` as a coroutine, so that many environments can share one victim call."""
        chosen = chosen_clip(options or {}, len(self.dataset))
        if seed is not None:
            # A seeded episode may depend on nothing that happened before it.
            self._rng, self._unusable = np.random.default_rng(seed), set()
        while True:
            index = self._pick() if chosen is None else chosen
            _, clip = next(readable(self.dataset, [index]), (index, None))
            classes, target = len(self.victim.classes), self.config.target
            goal = choose_goal(clip.label, classes, target, self._rng) if clip else None
            if clip is not None and goal is not None:
                ledger, clean, right = yield from open_clip(
                    clip, goal, self.config, self.victim, self.margin
                )
                self.queries += 1
                if right:
                    break
            self._unusable.add(index)
            if chosen is not None or len(self._unusable) >= len(self.dataset):
                raise DatasetError(
                    f"no clip to attack (tried {len(self._unusable)}): the victim gets them wrong, "
                    "they are of the target class, or cannot be read; evaluate.py attack=none tells which"
                )
        versions = distorted_variants(
            self.distort, clip.frames, self.severity, self.config.variants, self._rng
        )
        bound = self.bound.around(clip.frames, versions)
        self.episode = Episode(ledger, clean, versions, bound, self.config, self.moves, self._rng)
        self.agents, self._cycles = list(AGENTS), 0
        self._show()
        return self._observations(), self._infos()

    def step_coroutine(self, actions: dict[str, Any]) -> QueryCoroutine[Step]:
        """`step` as a coroutine, so that many environments can share one victim call."""
        if self.episode is None or not self.agents:
            raise RuntimeError("the episode is over: call reset() before step()")
        episode = self.episode
        answer = yield episode.ledger, episode.begin(self.form.actions(actions))
        self.queries += 1
        self._cycles += 1
        reward = episode.finish(answer[0])
        terminated = any(episode.over)  # by the clean-up or by the budget, both of them observed
        truncated = not terminated and self._cycles == self.max_cycles
        step = (
            self._observations(),
            dict.fromkeys(AGENTS, reward),
            dict.fromkeys(AGENTS, terminated),
            dict.fromkeys(AGENTS, truncated),
            self._infos(),
        )
        if terminated or truncated:
            self.agents = []
        self._show()
        return step

    def state(self) -> NDArray[np.float32]:
        """Joint state, float32 (4*T*G*G + 11,): motion, perturbation, sensitivity, certainty, status."""
        if self.episode is None:
            raise RuntimeError("no episode yet: call reset() before state()")
        return self.episode.state()

    def render(self) -> Frames | str | None:
        """A uint8 picture (H', W', 3) or a line of text, as `render_mode` says.

        The picture is original | distorted | difference with mask | scores, of the frame that carries
        most of the perturbation.
        """
        if self.render_mode == "ansi":
            return self._line()
        if self.render_mode != "rgb_array" or self.episode is None:
            return None
        return picture(self.episode, self.victim.classes)

    def close(self) -> None:
        """Nothing to release; the victim belongs to the caller."""

    def _pick(self) -> int:
        while True:
            index = int(self._rng.integers(len(self.dataset)))
            if index not in self._unusable:
                return index

    def siblings(self, count: int) -> list["VideoAttackEnv"]:
        """Games of the same kind that share victim, data set and distortion, each with its own chance."""
        games = [copy.deepcopy(self) for _ in range(count)]
        for game, rng in zip(games, self._rng.spawn(count), strict=True):
            game._rng, game.queries = rng, 0
        return games

    def __deepcopy__(self, memo: dict[int, Any]) -> "VideoAttackEnv":
        for shared in (self.victim, self.dataset, self.distort):
            memo[id(shared)] = shared
        twin = object.__new__(type(self))
        memo[id(self)] = twin
        twin.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return twin

    def _line(self) -> str:
        return text_line(self.episode, self.victim.classes) if self.episode else "no episode yet"

    def _show(self) -> None:
        if self.render_mode == "human":
            print(self._line())

    def _observations(self) -> dict[str, Any]:
        assert self.episode is not None  # called only by reset and step, which have one
        return self.form.observations(self.episode.observations())

    def _infos(self) -> dict[str, dict[str, Any]]:
        assert self.episode is not None  # called only by reset and step, which have one
        ledger = self.episode.ledger
        info = {
            "queries": ledger.spent,
            "margin": self.episode.margin,
            "norm": self.episode.canvas.norm(),
            "success": self.episode.flipped,
        }
        if self.form.mask != "infos":
            return {agent: dict(info) for agent in AGENTS}
        return {
            agent: {**info, "action_mask": copy.deepcopy(self.form.masks[agent])}
            for agent in AGENTS
        }


def _alone(victim: Victim, coroutine: Any) -> Any:
    """Hold one coroutine by itself."""
    return next(iter(run_batched(victim, [coroutine])))[1]
