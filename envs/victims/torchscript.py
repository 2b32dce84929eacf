"""A TorchScript file as a victim."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from video_attack.envs.victims.base import VictimError
from video_attack.envs.victims.custom import one_line
from video_attack.envs.victims.custom_file import FileVictim, check_kind
from video_attack.envs.victims.device import choose_device


class TorchScript(FileVictim):
    """A network saved by `torch.jit.trace(net.eval(), clips).save(path)` or `torch.jit.script`.

    Such a file carries the code of its network, and this code is run: take it from a trusted
    source only. Its arguments are FileVictim's.
    """

    needs_trust = "runs the code in the file that model.path names"

    def load(self, file: Path, device: str) -> None:
        """Load the module in eval mode; raises VictimError for a file of another kind."""
        self.device = choose_device(device)
        check_kind(
            file,
            "TorchScript",
            "save the network with torch.jit.trace(net.eval(), clips).save(path)",
        )
        try:
            self.net = torch.jit.load(str(file), map_location=self.device)
        except Exception as error:  # RuntimeError mostly, but also what unpacking the file raises
            raise VictimError(
                f"{file} cannot be loaded ({one_line(error)}): save it again with this PyTorch "
                f"({torch.__version__})"
            ) from error
        self.net.eval()
        if not self.preprocess.raw:
            tensors = [*self.net.parameters(), *self.net.buffers()]
            floats = (tensor.dtype for tensor in tensors if tensor.is_floating_point())
            self.takes = next(floats, torch.float32)

    @torch.inference_mode()
    def run(self, x: Tensor) -> Any:
        """The module's answer."""
        # TF32 would round differently for each batch size.
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            return self.net(x)
