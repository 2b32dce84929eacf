"""A victim's network as other libraries want a model: float clips on a scale of theirs to logits."""

from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from video_attack.agents.core.errors import ConfigError
from video_attack.envs.victims.base import Victim

Pixels = TypeVar("Pixels", NDArray[np.float32], Tensor)


class ScaledLogits(nn.Module):
    """Logits (N, classes) of float clips (N, T, H, W, 3), through which gradients pass.

    Args:
        victim: one whose network runs in this process.
        sheet: clips come as contact sheets, see `contact_sheet`.
        white: the value of white in these clips, 1 or 255.

    Raises:
        ConfigError: the victim shows no gradients.
    """

    def __init__(self, victim: Victim, sheet: bool = False, white: float = 1.0) -> None:
        super().__init__()
        if not hasattr(victim, "logits"):
            raise ConfigError(
                f"gradients are wanted, and {type(victim).__name__} shows none: choose a model whose network "
                "runs in this process, such as tiny3d or i3d"
            )
        self.victim, self.sheet, self.white = victim, sheet, white
        net = getattr(victim, "net", None)
        if isinstance(net, nn.Module):
            self.net = net  # a submodule, so that its parameters and device are found

    def forward(self, clips: Tensor) -> Tensor:
        """Logits of clips on the scale of `white`.

        Raises:
            ValueError: clips on another scale.
        """
        check_scale(float(clips.detach().max()), self.white)
        if self.sheet:
            clips = cut_up(clips, self.victim.sampling.frames)
        found: Tensor = self.victim.logits(clips * (255.0 / self.white))
        return found.to(torch.float32)


def grid(frames: int) -> tuple[int, int]:
    """Rows and columns of a contact sheet, as square as can be without an empty place."""
    rows = max(r for r in range(1, frames + 1) if frames % r == 0 and r * r <= frames)
    return rows, frames // rows


def contact_sheet(clips: Pixels) -> Pixels:
    """Clips (N, T, H, W, 3) as images that show all their frames, (N, rows * H, columns * W, 3)."""
    n, frames, height, width, colours = clips.shape
    rows, columns = grid(frames)
    places = clips.reshape(n, rows, columns, height, width, colours)
    return places.swapaxes(2, 3).reshape(n, rows * height, columns * width, colours)


def cut_up(sheets: Pixels, frames: int) -> Pixels:
    """The clips of contact sheets."""
    n, height, width, colours = sheets.shape
    rows, columns = grid(frames)
    places = sheets.reshape(n, rows, height // rows, columns, width // columns, colours)
    return places.swapaxes(2, 3).reshape(n, frames, height // rows, width // columns, colours)


def check_scale(brightest: float, white: float) -> None:
    """Raise ValueError where the brightest value of clips shows that they are on another scale."""
    if brightest > 1.5 * white or 0 < brightest <= white / 255:
        raise ValueError(
            f"the brightest value of these clips is {brightest:.3g}, but white is {white:g} here: "
            "scale them, or say what white is in them"
        )
