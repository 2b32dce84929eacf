"""ART's classifiers around what is asked here: by answers alone, or with gradients."""

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray
from torch import nn

ONE_PIXEL_RANGE = (0.0, 1.0)


def black_box(
    predict: Callable[[NDArray], NDArray],
    shape: tuple[int, ...],
    classes: int,
    clip_values: tuple[float, float] = ONE_PIXEL_RANGE,
) -> Any:
    """An `art.estimators.classification.BlackBoxClassifierNeuralNetwork`.

    Args:
        predict: float32 (N, *shape) to scores (N, classes).
        shape: of a clip, (T, H, W, 3).
        classes: how many.
        clip_values: black and white.
    """
    from art.estimators.classification import BlackBoxClassifierNeuralNetwork

    return BlackBoxClassifierNeuralNetwork(
        predict, shape, classes, channels_first=False, clip_values=clip_values
    )


def white_box(
    net: nn.Module,
    shape: tuple[int, ...],
    classes: int,
    clip_values: tuple[float, float] = ONE_PIXEL_RANGE,
) -> Any:
    """An `art.estimators.classification.PyTorchClassifier`; arguments as above, `net` gives logits."""
    from art.estimators.classification import PyTorchClassifier

    on_gpu = any(parameter.is_cuda for parameter in net.parameters())
    return PyTorchClassifier(
        net, nn.CrossEntropyLoss(), shape, classes, channels_first=False, clip_values=clip_values,
        device_type="gpu" if on_gpu else "cpu",
    )  # fmt: skip
