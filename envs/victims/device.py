"""Where a victim runs."""

import torch

from video_attack.envs.victims.base import VictimError


def choose_device(name: str) -> torch.device:
    """The device of a name: "auto" (the GPU if there is one), "cpu", "cuda" or "cuda:1".

    Raises:
        VictimError: it cannot be used on this machine.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise VictimError(f"device {name!r} cannot be used here: set device=auto") from error
    return device
