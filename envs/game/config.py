"""The rules of the game as plain dataclasses; Hydra uses the same ones as its schema."""

from dataclasses import dataclass, field

NORMS = ("l2", "l1", "l0", "linf")
ACCEPTANCE = ("always", "improving")
ALL = "all"  # of cleanup: the rest of the budget


@dataclass
class RewardWeights:
    """Weights of the shared reward; see `video_attack.envs.game.episode.Episode.finish`."""

    margin: float = 3.0
    flip: float = 1.0
    norm: float = 2.0
    flicker: float = 0.0
    query: float = 0.01


@dataclass
class GameConfig:
    """Rules of one episode; see conf/env/default.yaml for the meaning of each key.

    Raises:
        ValueError: a value out of its range; the message names the key.
    """

    budget: int = 100
    cleanup: int | str = ALL  # a number of queries, or ALL
    grid: int = 7
    variants: int = 1
    sizes: list[float] = field(default_factory=lambda: [0.0625, 0.125, 0.25, 0.5, 1.0])
    strengths: list[float] = field(
        default_factory=lambda: [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64]
    )
    windows: list[int] = field(default_factory=lambda: [1, 2, 4, 8, 16])
    strides: list[int] = field(default_factory=lambda: [1, 2, 3])
    textures: bool = True
    acceptance: str = "improving"
    norm: str = "l2"
    target: str = "none"
    reward: RewardWeights = field(default_factory=RewardWeights)

    def __post_init__(self) -> None:
        for key, low, high in (("budget", 1, None), ("grid", 1, None), ("variants", 1, 256)):
            value = getattr(self, key)
            if value < low:
                raise ValueError(f"env.{key}={value}: must be at least {low}")
            if high is not None and value > high:
                raise ValueError(f"env.{key}={value}: must be at most {high}")
        if self.cleanup != ALL and (not isinstance(self.cleanup, int) or self.cleanup < 0):
            raise ValueError(
                f"env.cleanup={self.cleanup}: write a number of queries from 0, or {ALL}"
            )
        for key, choices in (("acceptance", ACCEPTANCE), ("norm", NORMS)):
            if getattr(self, key) not in choices:
                raise ValueError(
                    f"env.{key}={getattr(self, key)!r}: choose one of {', '.join(choices)}"
                )
        if self.target not in ("none", "random") and not self.target.isdecimal():
            raise ValueError(f"env.target={self.target!r}: choose none, random or a class index")
        for key, most in (
            ("sizes", 1.0),
            ("strengths", float("inf")),
            ("windows", None),
            ("strides", None),
        ):
            values = getattr(self, key)
            if not values or min(values) <= 0 or (most is not None and max(values) > most):
                upper = f" and at most {most:g}" if most == 1.0 else ""
                raise ValueError(
                    f"env.{key}={list(values)}: name at least one number, each above 0{upper}"
                )
