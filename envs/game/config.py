"""The rules of the game as plain dataclasses; Hydra uses the same ones as its schema."""

from dataclasses import dataclass, field

NORMS = ("l2", "l1", "l0", "linf")
KEEP = ("always", "paying")


@dataclass
class RewardWeights:
    """Weights of the shared reward; all terms are differences between two steps except `query`."""

    margin: float = 3.0
    flip: float = 2.0
    norm: float = 2.0
    power: float = 1.0
    flicker: float = 0.1
    query: float = 0.02


@dataclass
class GameConfig:
    """Rules of one episode; see conf/env/default.yaml for the meaning of each key.

    Raises:
        ValueError: a value out of its range; the message names the key.
    """

    budget: int = 50
    cleanup: int = 0
    grid: int = 7
    levels: int = 2
    draws: int = 1
    sizes: list[list[int]] = field(
        default_factory=lambda: [[1, 1], [2, 2], [3, 2], [3, 3], [5, 3], [5, 5]]
    )
    windows: list[int] = field(default_factory=lambda: [2, 4, 8, 16])
    keep: str = "always"
    norm: str = "l2"
    target: str = "none"
    reward: RewardWeights = field(default_factory=RewardWeights)

    def __post_init__(self) -> None:
        for key, low in {
            "budget": 1,
            "cleanup": 0,
            "grid": 1,
            "levels": 1,
            "draws": 1,
        }.items():
            if getattr(self, key) < low:
                raise ValueError(f"env.{key}={getattr(self, key)}: must be at least {low}")
        for key, high in {"levels": 255, "draws": 256}.items():
            if getattr(self, key) > high:
                raise ValueError(f"env.{key}={getattr(self, key)}: must be at most {high}")
        if self.keep not in KEEP:
            raise ValueError(f"env.keep={self.keep!r}: choose one of {', '.join(KEEP)}")
        if self.reward.power <= 0:
            raise ValueError(f"env.reward.power={self.reward.power}: must be above 0")
        if self.norm not in NORMS:
            raise ValueError(f"env.norm={self.norm!r}: choose one of {', '.join(NORMS)}")
        if self.target not in ("none", "random") and not self.target.isdecimal():
            raise ValueError(f"env.target={self.target!r}: choose none, random or a class index")
        for size in self.sizes:
            sides, one_in = size[:2], size[2:] or [1]
            if not all(1 <= side <= self.grid for side in sides) or not 2 <= len(size) <= 3:
                raise ValueError(
                    f"env.sizes has {list(size)}: each must be [rows, columns] or [rows, columns, n], "
                    f"rows and columns between 1 and grid={self.grid}"
                )
            if one_in[0] < 1:
                raise ValueError(
                    f"env.sizes has {list(size)}: n, one cell in n, must be at least 1"
                )
        if not self.sizes or not self.windows or min(self.windows) < 1:
            raise ValueError("env.sizes and env.windows must each name at least one size >= 1")
