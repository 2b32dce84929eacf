"""PyTorchVideo's names of SlowFast's and Slow's tensors, written apart from the code under test."""

from torch import Tensor, nn


def theirs(key: str) -> str:
    """PyTorchVideo's name of one of our tensors."""
    parts, path = key.removeprefix("backbone.").split("."), ""
    two = "_path" in parts[0]
    if parts[0] == "cls_head":
        return f"proj.{parts[-1]}"
    if two:
        path = f"multipathway_blocks.{['slow_path', 'fast_path'].index(parts.pop(0))}."
    *where, kind, leaf = parts
    kind = kind.replace("bn", "norm")
    stage = 0 if where[0].startswith("conv1") else int(where[0][5])
    if where[0].endswith("lateral"):
        kind = kind.replace("conv", "conv_fast_to_slow")
        return f"blocks.{stage}.multipathway_fusion.{kind}.{leaf}"
    if len(where) == 1:
        return f"blocks.0.{path}{kind}.{leaf}"
    branch = f"branch2.{kind}_{'abc'[int(where[2][-1]) - 1]}" if where[2] != "downsample" else None
    return f"blocks.{stage}.{path}res_blocks.{where[1]}.{branch or f'branch1_{kind}'}.{leaf}"


def as_pytorchvideo(net: nn.Module, head: int) -> dict[str, Tensor]:
    state = {key: value for key, value in net.state_dict().items() if "rescale" not in key}
    return {theirs(key).replace("proj", f"blocks.{head}.proj"): state[key] for key in state}
