"""A torch.export file (.pt2) as a victim."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.export.passes import move_to_device_pass

from video_attack.envs.victims.base import VictimError
from video_attack.envs.victims.custom import one_line
from video_attack.envs.victims.custom_file import FileVictim, check_kind
from video_attack.envs.victims.device import choose_device


class Exported(FileVictim):
    """A network saved by `torch.export.save(torch.export.export(net.eval(), (clips,)), path)`.

    Exported with a fixed number of clips, it is fed pieces of just that number. Such a file holds
    a graph and unpickles sample inputs: take it from a trusted source only. Its arguments are
    FileVictim's.
    """

    needs_trust = "unpickles the file that model.path names"

    def load(self, file: Path, device: str) -> None:
        """Load the graph; raises VictimError for a file of another kind or with several inputs."""
        self.device = choose_device(device)
        remedy = "save the network with torch.export.save(torch.export.export(net, (clips,)), path)"
        check_kind(file, "torch.export", remedy)
        try:
            # Opened here, because torch.export.load wants the ending .pt2.
            with file.open("rb") as stream:
                program = torch.export.load(stream)
            program = move_to_device_pass(program, self.device)
            self.net = program.module()
        except Exception as error:  # versions, custom operators, damage: each raises its own kind
            raise VictimError(
                f"{file} cannot be loaded ({one_line(error)}): export it again with this PyTorch "
                f"({torch.__version__})"
            ) from error
        inputs = program.graph_signature.user_inputs
        nodes = [node for node in program.graph.nodes if node.name in inputs]
        if len(inputs) != 1 or len(nodes) != 1:
            raise VictimError(f"{file} takes {len(inputs)} inputs: export a network that takes one")
        value: Tensor = nodes[0].meta["val"]
        self.takes = value.dtype
        self.batch = _batch(value.shape[0], program.range_constraints)

    @torch.inference_mode()
    def run(self, x: Tensor) -> Any:
        """The graph's answer."""
        # TF32 would round differently for each batch size.
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            return self.net(x)


def _batch(size: int | torch.SymInt, ranges: Any) -> tuple[int, int | None]:
    """(fewest, most) rows: a fixed number, or what the export's range of the symbol says."""
    if isinstance(size, int):
        return size, size
    found = ranges.get(size.node.expr)
    if found is None:
        return 1, None
    high = found.upper
    return max(int(found.lower), 1), int(high) if high.is_finite and high < 2**31 else None
