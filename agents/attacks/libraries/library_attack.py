"""What the attacks of all libraries have in common: one clip in, floats on [0, 1], the ledger's count."""

from abc import abstractmethod
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import nn

from video_attack.agents.attacks.base import Attack, Proposals, Task, ThreatModel
from video_attack.agents.attacks.gradient.surrogate import innermost
from video_attack.agents.attacks.libraries.bridge import Ask, proposals
from video_attack.agents.attacks.libraries.gradients import ScaledLogits, contact_sheet, cut_up
from video_attack.agents.core.errors import ConfigError
from video_attack.envs.clip import Frames
from video_attack.envs.victims.base import Victim

Pixels = NDArray[np.float32]  # clips (N, T, H, W, 3) or contact sheets of them, on [0, 1]
LAYOUTS = ("video", "image")


class LibraryAttack(Attack):
    """An attack of another library; each clip that it shows to its model is one query of the ledger.

    The library sees clips as float32 on [0, 1]. What it asks about is rounded to whole levels and moved into
    the bound of the comparison first, and the answer is about that clip. The library does not know of
    either; give it its own bound as well (`eps` and the like) where it has one. The clean clip's answer is
    known and is not asked for again.

    With `gradients` it is **no black-box attack**: gradients of the victim's own network are taken,
    uncounted, as by `whitebox`, and only the clips that it returns are asked about.

    Args:
        threat_model: see ThreatModel.
        method: name of the attack in its library.
        keys: arguments of its constructor.
        layout: "video": clips are (N, T, H, W, 3); "image": contact sheets of all frames, (N, H', W', 3),
            for methods that take images only.
        gradients: hand it the victim's network.

    Raises:
        ConfigError: the library is missing, has no such attack, or it does not take these keys; or (see
            `prepare`) the victim shows no gradients.
    """

    shrinks = True
    library: ClassVar[str]  # the module
    package: ClassVar[str]  # what pip calls it
    parts: ClassVar[tuple[str, ...]] = ()  # further modules of it

    def __init__(
        self, threat_model: ThreatModel, *, method: str, keys: Mapping[str, Any] | None = None,
        layout: str = "video", gradients: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(threat_model)
        need(self.library, self.package, f"attack={self.name}")
        for module in (self.library, *self.parts):
            import_module(module)  # here, since what they draw at random is not to be the attack's
        if layout not in LAYOUTS:
            raise ConfigError(f"attack.layout={layout!r}: choose one of {', '.join(LAYOUTS)}")
        self.method, self.keys, self.layout, self.gradients = (
            method, dict(keys or {}), layout, gradients
        )  # fmt: skip
        self.network: nn.Module | None = None

    def prepare(self, victim: Victim) -> None:
        """Take hold of the network, if gradients are wanted."""
        if self.gradients:
            self.network = ScaledLogits(innermost(victim), self.layout == "image")

    @abstractmethod
    def attack(self, ask: Any, clean: Pixels, task: Task) -> Pixels:
        """Run the library's attack.

        Args:
            ask: takes pixels (N, ...), and returns what may be seen of the scores, (N, C).
            clean: the clean clip, (1, ...).
            task: see Task.

        Returns:
            What it found, (1, ...).
        """

    def moves(self, task: Task) -> Proposals:
        """The clips that the library asks about, then the one that it returns, if that is another."""
        seed = int(task.rng.integers(2**32))

        def work(ask: Ask) -> None:
            clean = task.bound.clean
            asked = {clean.tobytes()}

            def see(pixels: Pixels) -> NDArray[np.float32]:
                clips = self.whole_levels(pixels, task)
                answers = np.tile(task.clean, (len(clips), 1))
                new = (clips != clean).any(axis=(1, 2, 3, 4))  # of the clean one it was told
                if new.any():
                    answers[new] = ask(clips[new])
                asked.update(clip.tobytes() for clip in clips)
                return answers

            found = self.whole_levels(self.attack(see, self.pixels(clean), task), task)
            if found[0].tobytes() not in asked:
                ask(found)

        yield from proposals(work, seed)

    def pixels(self, clip: Frames) -> Pixels:
        """A clip as the library sees it, (1, ...)."""
        pixels = clip[None].astype(np.float32) / np.float32(255)
        return contact_sheet(pixels) if self.layout == "image" else pixels

    def whole_levels(self, pixels: Pixels, task: Task) -> Frames:
        """What the library shows, as uint8 clips (N, T, H, W, 3)."""
        if self.layout == "image":
            pixels = cut_up(pixels, self.threat_model.frames)
        levels = np.nan_to_num(np.asarray(pixels, np.float32)) * 255
        return np.clip(np.rint(levels), 0, 255).astype(np.uint8)

    def labels(self, task: Task) -> tuple[int, bool]:
        """The class that counts (the clip's own, or the wanted one) and whether that is a target."""
        goal = task.ledger.goal
        return (goal.label, False) if goal.target is None else (goal.target, True)


def need(module: str, package: str, user: str) -> None:
    """Raise ConfigError, which says how to install it, unless a library is there."""
    if find_spec(module) is None:
        raise ConfigError(f"{user} needs {module}: pip install {package}")
