"""Files of LPIPS with random weights, laid out as the published ones."""

from pathlib import Path

import torch

from video_attack.envs.metrics.perceptual import CHANNELS, alexnet_features

LINEAR = [f"lin{i}.model.1.weight" for i in range(5)]


def write_lpips_files(folder: Path) -> Path:
    """Write alexnet.pth, a checkpoint of AlexNet, and alex.pth, a calibration; returns the folder."""
    torch.manual_seed(0)
    net = alexnet_features().state_dict()
    state = {f"features.{key}": value for key, value in net.items()}
    torch.save({**state, "classifier.1.weight": torch.zeros(2, 2)}, folder / "alexnet.pth")
    rows = {k: torch.rand(1, c, 1, 1) for k, c in zip(LINEAR, CHANNELS, strict=True)}
    torch.save(rows, folder / "alex.pth")
    return folder


def lpips_keys(folder: Path) -> dict[str, str]:
    """The keys of a run's configuration that name the files in a folder."""
    return {"lpips": str(folder / "alexnet.pth"), "lpips_linear": str(folder / "alex.pth")}
