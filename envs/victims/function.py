"""Any Python callable as a victim."""

import inspect
import pkgutil
from collections.abc import Callable
from typing import Any

import numpy as np

from video_attack.envs.clip import Frames
from video_attack.envs.victims.base import VictimError
from video_attack.envs.victims.custom import CustomVictim


class Function(CustomVictim):
    """A function of uint8 clips (N, T, H, W, 3), RGB, that answers scores (N, classes).

    The scores may be an array, nested lists or a PyTorch tensor on any device. The function does
    its own preprocessing, gets a copy of its own, and must answer the same clip in the same way
    each time. Where neither labels nor classes are given, it is asked about noise once, at the
    start; these three clips are counted nowhere.

    Args:
        function: dotted name, such as package.module.function or package.module.object.method.
        **shared: see CustomVictim.

    Raises:
        VictimError: it cannot be imported or called; see also CustomVictim.
    """

    needs_trust = "calls the function that model.function names"

    def __init__(self, function: str, **shared: Any) -> None:
        super().__init__(**shared)
        self.source = function
        self._function = find_function(function)
        if not self.classes:
            self.try_out()

    def ask(self, clips: Frames) -> Any:
        """The function's answer."""
        return self._function(np.array(clips, order="C"))


def find_function(name: str) -> Callable[[Frames], Any]:
    """What a dotted name means.

    Raises:
        VictimError: nothing that can be called with clips.
    """
    try:
        if "." not in name:
            raise ValueError("it has no dot")
        found = pkgutil.resolve_name(name)
    except (ImportError, AttributeError, ValueError) as error:
        raise VictimError(
            f"model.function={name} cannot be imported ({error}): write package.module.function, and "
            "see that the package is installed or on PYTHONPATH"
        ) from error
    if inspect.isclass(found):
        raise VictimError(
            f"model.function={name} is a class: name a function, or make it a subclass of "
            "video_attack.envs.victims.base.Victim and name it by model._target_"
        )
    if not callable(found):
        raise VictimError(f"model.function={name} is a {type(found).__name__}: name a function")
    called: Callable[[Frames], Any] = found
    return called
