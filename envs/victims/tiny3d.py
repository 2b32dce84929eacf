"""Tiny3D: a small 3-D convnet that ships trained on the embedded data set `actions`."""

import copy
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from video_attack.envs.clip import Frames, Sampling
from video_attack.envs.victims.base import Scores, Victim, VictimError
from video_attack.envs.victims.device import choose_device
from video_attack.envs.victims.preprocess import as_tensor
from video_attack.envs.victims.weights import load_into, load_state

SHIPPED = Path(__file__).with_suffix(".pt")


class Stage(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(
        self, inputs: int, outputs: int, kernel: tuple[int, int, int], stride: tuple[int, int, int]
    ) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
        self.conv = nn.Conv3d(inputs, outputs, kernel, stride, padding, bias=False)
        self.norm: nn.Module = nn.BatchNorm3d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Float (N, inputs, T, H, W) to (N, outputs, T', H', W')."""
        return self.norm(self.conv(x)).relu_()

    def fuse(self) -> None:
        """Fold the batch norm of a trained stage, in eval mode, into its convolution."""
        if isinstance(self.norm, nn.BatchNorm3d):
            self.conv = fuse_conv_bn_eval(self.conv, self.norm)
            self.norm = nn.Identity()


class Tiny3DNet(nn.Module):
    """Four strided stages, a global average over space and time, and a linear classifier.

    It sees each frame at half size, beside its difference from the frame before: without that
    second view, training takes many times longer to notice that motion matters.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stages = nn.Sequential(
            Stage(6, 24, (1, 5, 5), (1, 2, 2)),
            Stage(24, 48, (3, 3, 3), (2, 2, 2)),
            Stage(48, 96, (3, 3, 3), (1, 2, 2)),
            Stage(96, 128, (3, 3, 3), (2, 1, 1)),
        )
        self.classify = nn.Linear(128, classes)

    def forward(self, clips: Tensor) -> Tensor:
        """Logits, float (N, classes), of clips (N, T, H, W, 3): uint8, or floats for gradients.

        Raises:
            ValueError: floats on [0, 1]; 0-255 it must be.
        """
        if clips.is_floating_point():
            x = halve(as_tensor(clips, clips.device)) / 510 - 1
            change = torch.diff(x, dim=1, prepend=x[:, :1])
        else:
            x = halve(clips).float().div_(510).sub_(1.0)
            change = torch.zeros_like(x)
            torch.sub(x[:, 1:], x[:, :-1], out=change[:, 1:])
        # Permuted, the numbers lie as channels_last_3d wants them; that is the faster layout.
        x = torch.cat([x, change.mul_(4)], dim=-1).permute(0, 4, 1, 2, 3)
        features: Tensor = self.stages(x).mean(dim=(2, 3, 4))
        logits: Tensor = self.classify(features)
        return logits


def halve(clips: Tensor) -> Tensor:
    """Sums of 2 x 2 pixels, int16 or floats (N, T, H // 2, W // 2, 3), of uint8 or floats.

    Several times faster than average pooling, which has no kernel for bytes.
    """
    H, W = clips.shape[2] // 2, clips.shape[3] // 2
    pairs = clips[:, :, : 2 * H, : 2 * W].unflatten(3, (W, 2)).unflatten(2, (H, 2))
    upper = pairs[:, :, :, 0]
    rows = (upper if upper.is_floating_point() else upper.to(torch.int16)) + pairs[:, :, :, 1]
    return rows[:, :, :, :, 0] + rows[:, :, :, :, 1]


class Tiny3D(Victim):
    """The victim to try everything on: a few milliseconds a clip on one core.

    Args:
        weights: checkpoint {"state_dict": ..., "classes": names, "sampling": {"frames", "size"}},
            a path or URL; None takes the one that ships, trained by `video_attack.envs.victims.train_tiny3d`.
        device: "auto" (the GPU if there is one), "cpu", "cuda" or "cuda:1".
        precision: "float32": a clip's scores do not depend on the batch that it is in, up to 1e-6;
            "bf16": autocast to bfloat16, equal to two digits.
        max_batch: the most clips that go through the network at once.

    Raises:
        VictimError: the weights are missing or do not fit, or the device cannot be used.
        ValueError: no such precision.
    """

    def __init__(
        self,
        weights: str | None = None,
        device: str = "auto",
        precision: Literal["float32", "bf16"] = "float32",
        max_batch: int = 32,
    ) -> None:
        if precision not in ("float32", "bf16"):
            raise ValueError(f"precision={precision!r}: choose float32 or bf16")
        path = str(weights or SHIPPED)
        state = load_state(path)
        try:
            self.classes = tuple(state["classes"])
            self.sampling = Sampling(**state["sampling"])
        except (KeyError, TypeError) as error:
            raise VictimError(
                f"{path} lacks its classes or sampling ({error}): "
                "give a checkpoint written by video_attack.envs.victims.train_tiny3d"
            ) from error
        net = Tiny3DNet(len(self.classes))
        load_into(net, state, path)
        net.eval().requires_grad_(False)
        for stage in net.modules():
            if isinstance(stage, Stage):
                stage.fuse()
        self.max_batch = max_batch
        self._bf16 = precision == "bf16"
        self._device = choose_device(device)
        self.net = net.to(self._device)

    def exact(self) -> "Tiny3D | None":
        """See Victim; shares the network."""
        if not self._bf16:
            return None
        twin = copy.copy(self)
        twin._bf16 = False
        return twin

    def logits(self, clips: Frames | Tensor) -> Tensor:
        """Logits, float32 (N, classes) on the device.

        Args:
            clips: (N, T, H, W, 3), uint8; or floats on the same 0-255 scale, through which gradients
                pass (a white-box analysis).

        Raises:
            ValueError: floats on [0, 1].
        """
        x = as_tensor(clips, self._device)
        # TF32 would round differently for each batch size.
        with (
            torch.backends.cudnn.flags(enabled=True, allow_tf32=False),
            torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16),
        ):
            found: Tensor = self.net(x)
        return found.float()

    @torch.inference_mode()
    def predict(self, clips: Frames) -> Scores:
        """Softmax probabilities, float32 (N, classes), of uint8 clips (N, T, H, W, 3)."""
        return self.logits(clips).softmax(dim=1).cpu().numpy()
