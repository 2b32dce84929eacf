"""The trained agents, and each attack of the arena, as an evasion attack of ART (needs ART)."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from art.attacks import EvasionAttack
from art.estimators.classification import ClassifierMixin
from art.estimators.estimator import BaseEstimator
from numpy.typing import NDArray

from video_attack.agents.attacks.base import Attack, AttackResult, ThreatModel
from video_attack.agents.core.build import build, build_distort
from video_attack.agents.core.needs import need
from video_attack.agents.robustness.art_victim import ArtVictim
from video_attack.agents.setup.attack_setup import build_bound, build_game, check_setup
from video_attack.envs.clip import Clip


class ArenaEvasion(EvasionAttack):
    """An attack of ours on any ART classifier of clips (N, T, H, W, 3).

    It plays by our rules: each clip of its own is whole levels of 0-255 within the bound, and counted against
    the budget. `generate` returns, of each clip, the success of the smallest norm, or the clip as it was.

    Args:
        estimator: classifier with `clip_values`; probabilities, or logits, of which a softmax is taken.
        attack: its name, as in `evaluate.py attack=...`, which needs Hydra; or an attack, with its own rules.
        overrides: with a name, words of evaluate.py's command line, such as "checkpoint=runs/train-x",
            "bound=linf", "env.budget=500" or "attack.p_init=0.1".
        config_dir: a folder with choices of your own, as `--config-dir`.
        seed: of the distortion and the moves.
        side_by_side: clips attacked at once, one `predict` a step.

    Attributes:
        results: of the last `generate`, one AttackResult a clip: ledger with queries and first success.

    Raises:
        ConfigError: no such attack or key, or clips that are no (T, H, W, 3).
    """

    attack_params: ClassVar[list[str]] = [
        *EvasionAttack.attack_params, "attack", "overrides", "seed", "side_by_side", "minimal"
    ]  # fmt: skip
    _estimator_requirements = (BaseEstimator, ClassifierMixin)

    def __init__(
        self,
        estimator: Any,
        attack: str | Attack = "marl",
        overrides: Sequence[str] = (),
        *,
        config_dir: str | None = None,
        seed: int = 0,
        side_by_side: int = 1,
    ) -> None:
        super().__init__(estimator=estimator)
        self.attack, self.overrides, self.config_dir = attack, tuple(overrides), config_dir
        self.seed, self.side_by_side = seed, side_by_side
        self.victim = ArtVictim(estimator)
        self.results: list[AttackResult] = []
        self.minimal = True  # ART's metrics set it: the smallest change is wanted, as always here
        self._check_params()
        self.method = self._made()

    def generate(
        self, x: NDArray[Any], y: NDArray[Any] | None = None, **kwargs: Any
    ) -> NDArray[np.float32]:
        """Attacked clips, float32 (N, T, H, W, 3) on the classifier's scale.

        Args:
            x: clips on the classifier's scale; they are rounded to whole levels.
            y: their labels, (N,) or one-hot (N, classes); None: what the classifier says of them.
            **kwargs: none is known.
        """
        frames = self.victim.levels(x)
        labels = self.victim.scores(frames).argmax(1) if y is None else np.asarray(y)
        labels = labels.argmax(1) if labels.ndim > 1 and labels.shape[1] > 1 else labels.ravel()
        clips = [
            Clip(one, int(label), f"clip {i}")
            for i, (one, label) in enumerate(zip(frames, labels, strict=True))
        ]
        found = dict(self.method.run_many(self.victim, clips, self.seed, self.side_by_side))
        self.results = [found[i] for i in range(len(clips))]
        attacked = np.array(x, np.float32)
        for i, result in enumerate(self.results):
            if result.ledger.best is not None:
                attacked[i] = self.victim.pixels(result.ledger.best[None])[0]
        return attacked

    def set_params(self, **kwargs: Any) -> None:
        """ART's way to change parameters; builds the attack again."""
        super().set_params(**kwargs)
        self.method = self._made()

    def _check_params(self) -> None:
        if self.seed < 0 or self.side_by_side < 1:
            raise ValueError(
                f"seed={self.seed}, side_by_side={self.side_by_side}: at least 0 and 1"
            )

    def _made(self) -> Attack:
        if isinstance(self.attack, Attack):
            return self.attack
        need("evaluate", "hydra", user="an attack by its name")
        from video_attack.agents.configs.compose import composed_attack

        config, keys = composed_attack(self.attack, self.overrides, self.config_dir)
        check_setup(config)
        rules = ThreatModel(
            build_game(config["env"]), build_distort(config["distortion"]),
            config["distortion"]["severity"], len(self.victim.classes), self.victim.sampling.frames,
            build_bound(config["bound"]), config["margin"] or 0.0, bool(config["trust"]),
        )  # fmt: skip
        made: Attack = build("attack", keys, rules)
        return made
