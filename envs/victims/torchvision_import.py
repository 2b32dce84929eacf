"""Import of torchvision's video models, also beside a PyTorch that its operators were not built for.

Package indexes offer torchvision built for CUDA only. Beside a PyTorch for the CPU its compiled
operators do not load, and the import fails where it describes one of them ("operator
torchvision::nms does not exist"). Its video models use none of them, so here they are declared, not
implemented.
"""

import sys
from types import ModuleType

import torch

from video_attack.envs.victims.base import VictimError
from video_attack.envs.victims.extras import require

_OPERATORS = ("nms", "qnms")
# Declarations last as long as this object.
_declared: list[torch.library.Library] = []


def import_video_models(user: str) -> ModuleType:
    """`torchvision.models.video`.

    Args:
        user: what needs it, for errors.

    Raises:
        VictimError: torchvision is not installed, or does not fit the installed PyTorch.
    """
    try:
        return require("torchvision.models.video", "torchvision", user)
    except VictimError:
        raise
    except RuntimeError as error:
        if "torchvision::" not in str(error) or torch.version.cuda is not None:
            raise VictimError(
                f"{user} cannot use the installed torchvision with torch {torch.__version__} "
                f"({error}): install the torchvision release that belongs to it"
            ) from error
    # A healthy torchvision declares its operators itself and refuses to do so twice: hence only now.
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]  # what the failed import left
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in _OPERATORS:
        if not hasattr(torch.ops.torchvision, name):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _declared.append(library)
    return require("torchvision.models.video", "torchvision", user)
