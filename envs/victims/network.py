"""A PyTorch network as a victim: what all of them share, whatever their architecture."""

import copy
import logging
from abc import abstractmethod
from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from video_attack.envs.clip import Frames, Sampling
from video_attack.envs.victims.base import Scores, Victim, VictimError
from video_attack.envs.victims.device import choose_device
from video_attack.envs.victims.labels import read_labels
from video_attack.envs.victims.preprocess import as_tensor
from video_attack.envs.victims.state_dicts import find_tensors
from video_attack.envs.victims.weights import load_into, load_state

log = logging.getLogger(__name__)


class NetVictim(Victim):
    """A network with its preprocessing; a subclass names both and writes `make_net`.

    Args:
        weights: checkpoint, a path or URL; None gives random weights, for trying things out. The
            number of classes is read from it.
        sha256: expected digest of the weights, or its first digits; None skips the check.
        head: checkpoint {"weight": (K, F), "bias": (K,), "classes": K names} of a linear layer that
            replaces the network's last one.
        labels: file of the class names in the order of the scores, or "kinetics400": see read_labels;
            None takes the names that head or weights hold, or calls the classes class_000, ...
        frames: T, frames of a clip; also `size`, `short_side`, `stride`, `spread`: see Sampling.
        size: side of the square frames, in pixels.
        short_side: shorter side before the crop, in pixels; None resizes without a crop.
        stride: distance between sampled frames.
        spread: centre, uniform or steps.
        device: "auto" (the GPU if there is one), "cpu", "cuda" or "cuda:1".
        precision: "float32", or "bf16" for autocast to bfloat16.
        max_batch: the most clips that go through the network at once.
        seed: of random weights.

    Attributes:
        mean, std: of each RGB channel on the [0, 1] scale, taken off and divided by.
        layout: order of the axes that the network takes, "NCTHW" or "NTCHW".
        last_layer: dotted name of the last layer, an nn.Linear or a 1x1x1 nn.Conv3d over features.
        outputs: classes of the network when its weights are random.
        convolves: the network is one of 3-D convolutions (they want another memory layout).
        net: the network, in eval mode, (N, ...) to logits (N, classes).
        bf16: whether it runs in bfloat16.

    Raises:
        VictimError: a file is missing or does not fit, or the device cannot be used.
        ValueError: no such precision, or a sampling that cannot be.
    """

    mean: tuple[float, float, float] = (0.45, 0.45, 0.45)
    std: tuple[float, float, float] = (0.225, 0.225, 0.225)
    layout: Literal["NCTHW", "NTCHW"] = "NCTHW"
    last_layer: str
    outputs: int = 400
    convolves: bool = True

    def __init__(
        self,
        *,
        weights: str | None = None,
        sha256: str | None = None,
        head: str | None = None,
        labels: str | None = None,
        frames: int = 16,
        size: int = 112,
        short_side: int | None = 128,
        stride: int = 2,
        spread: str = "centre",
        device: str = "auto",
        precision: Literal["float32", "bf16"] = "float32",
        max_batch: int = 32,
        seed: int = 0,
    ) -> None:
        if precision not in ("float32", "bf16"):
            raise ValueError(f"precision={precision!r}: choose float32 or bf16")
        self.sampling = Sampling(frames, size, short_side, stride, spread)
        self.max_batch = max_batch
        self.device = choose_device(device)
        self.bf16 = precision == "bf16"
        names = read_labels(labels) if labels is not None else None
        own = None if head is not None else names  # with a head, names are the head's
        net, kept = self._load(weights, own, sha256) if weights else (self._random(own, seed), None)
        if head is not None:
            kept = self._put_head(net, head, names)
        count = len(self.last(net).weight)
        self.classes = names or kept or tuple(f"class_{i:03d}" for i in range(max(count, 2)))
        net.eval().requires_grad_(False)
        self.net = net.to(self.device)
        if self.convolves:  # clips come in this layout, and convolutions are up to twice as fast
            self.net.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]  # no stub
        scale = torch.tensor([self.mean, self.std], device=self.device) * 255
        self._mean, self._std = scale.view(2, 3, *(1,) * 3)

    @abstractmethod
    def make_net(self, classes: int) -> nn.Module:
        """The network with `classes` outputs and freshly initialised weights."""

    def rename(self, state: dict[str, Any]) -> dict[str, Any]:
        """A public checkpoint's tensors under the names of `make_net`'s network."""
        return state

    def last(self, net: nn.Module) -> nn.Linear | nn.Conv3d:
        """The last layer of the network; its weight is (classes, features) or (..., 1, 1, 1)."""
        layer = net.get_submodule(self.last_layer)
        assert isinstance(layer, nn.Linear | nn.Conv3d)
        return layer

    def replace_last(self, net: nn.Module, layer: nn.Linear) -> None:
        """Put another linear layer (F to K) in the place of the last one."""
        parent, _, name = self.last_layer.rpartition(".")
        new: nn.Module = layer
        if isinstance(self.last(net), nn.Conv3d):
            new = nn.Conv3d(layer.in_features, layer.out_features, 1)
            values = {"weight": layer.weight[..., None, None, None], "bias": layer.bias}
            new.load_state_dict(values)
        setattr(net.get_submodule(parent), name, new)

    def preprocess(self, clips: Frames | Tensor) -> Tensor:
        """Normalised float32 (N, 3, T, H, W), or (N, T, 3, H, W), of clips as `logits` takes them."""
        x = as_tensor(clips, self.device).permute(0, 4, 1, 2, 3)
        if x.is_floating_point():  # the caller's own: left as it is, and gradients pass
            x = (x - self._mean) / self._std
        else:
            x = x.float().sub_(self._mean).div_(self._std)
        return x if self.layout == "NCTHW" else x.transpose(1, 2)

    def logits(self, clips: Frames | Tensor) -> Tensor:
        """Logits, float32 (N, classes) on the device.

        A network with one output, trained with a sigmoid, says by it how likely the second of two
        classes is.

        Args:
            clips: (N, T, H, W, 3), uint8; or floats on the same 0-255 scale, through which gradients
                pass (a white-box analysis).

        Raises:
            ValueError: floats on [0, 1].
        """
        # TF32 would round differently for each batch size.
        with (
            torch.backends.cudnn.flags(enabled=True, allow_tf32=False),
            torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16),
        ):
            found: Tensor = self.net(self.preprocess(clips))
        return _two_columns(found.float())

    def from_features(self, features: Tensor) -> Tensor:
        """Logits, (N, classes), of what `features` returned, (N, F).

        They are those of `logits`, but for a constant, where the network takes the mean of its last
        layer's answers, and near them where it takes that of their probabilities.
        """
        layer = self.last(self.net)
        return _two_columns(F.linear(features, layer.weight.float().flatten(1), layer.bias))

    @torch.no_grad()
    def features(self, clips: Frames) -> Tensor:
        """What the last layer sees, (N, F): its inputs averaged over views and places."""
        seen: list[Tensor] = []

        def note(_: nn.Module, inputs: tuple[Tensor]) -> None:
            seen.append(inputs[0])

        hook = self.last(self.net).register_forward_pre_hook(note)
        try:
            self.logits(clips)
        finally:
            hook.remove()
        found = seen[0].float()
        if isinstance(self.last(self.net), nn.Conv3d):
            found = found.movedim(1, -1)  # where a linear layer has its features
        found = found.flatten(1, -2).mean(dim=1) if found.ndim > 2 else found
        return found.view(-1, len(found) // len(clips), found.shape[1]).mean(dim=1)

    def exact(self) -> "NetVictim | None":
        """See Victim; shares the network."""
        if not self.bf16:
            return None
        twin = copy.copy(self)
        twin.bf16 = False
        return twin

    @torch.inference_mode()
    def predict(self, clips: Frames) -> Scores:
        """Softmax probabilities, float32 (N, classes), of uint8 clips (N, T, H, W, 3)."""
        return self.logits(clips).softmax(dim=1).cpu().numpy()

    def _random(self, names: tuple[str, ...] | None, seed: int) -> nn.Module:
        log.warning(
            "%s has random weights: give model.weights=... for a victim worth attacking",
            type(self).__name__,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.make_net(len(names) if names else self.outputs)

    def _load(
        self, weights: str, names: tuple[str, ...] | None, sha256: str | None
    ) -> tuple[nn.Module, tuple[str, ...] | None]:
        checkpoint = load_state(weights, sha256)
        state = find_tensors(checkpoint, self._named, weights)
        last = state.get(f"{self.last_layer}.weight")
        outputs = len(last) if isinstance(last, Tensor) and last.ndim else self.outputs
        count = max(outputs, 2)  # one output tells two classes apart
        if names is not None and len(names) != count:
            raise VictimError(
                f"labels hold {len(names)} names but {weights} has {count} classes: "
                "give the label file of these weights"
            )
        net = self.make_net(outputs)
        load_into(net, state, weights)
        kept = checkpoint.get("classes")
        return net, tuple(kept) if isinstance(kept, list | tuple) and len(kept) == count else None

    def _named(self, tensors: dict[str, Any]) -> tuple[dict[str, Any], Collection[str]]:
        """A checkpoint's tensors under the names of the network that is made for it, and these names."""
        renamed = self.rename(tensors)
        try:
            with torch.device("meta"):  # names alone, in a blink
                net = self.make_net(2)
        except Exception:  # a network whose constructor looks at its numbers
            net = self.make_net(2)
        return renamed, net.state_dict().keys()

    def _put_head(
        self, net: nn.Module, path: str, names: tuple[str, ...] | None
    ) -> tuple[str, ...]:
        state: Mapping[str, Any] = load_state(path)
        kept = state.get("classes")
        if not isinstance(kept, list | tuple) or not all(isinstance(name, str) for name in kept):
            kept = ()
        if len(kept) < 2:
            raise VictimError(
                f"{path} is no head: it needs weight, bias and a list of at least two classes"
            )
        if names is not None and len(names) != len(kept):
            raise VictimError(f"labels hold {len(names)} names but {path} has {len(kept)} classes")
        layer = nn.Linear(self.last(net).weight.shape[1], len(kept))
        load_into(layer, {key: state[key] for key in state if key != "classes"}, path)
        self.replace_last(net, layer)
        return tuple(kept)


class PublishedNet(NetVictim):
    """A network whose clips are by default cut as those that its public weights were trained with.

    Args:
        **options: see NetVictim.

    Attributes:
        defaults: of the options, where they are not NetVictim's own.
    """

    defaults: ClassVar[Mapping[str, Any]]

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**self.defaults, **options})


def _two_columns(logits: Tensor) -> Tensor:
    """Logits (N, classes); one column becomes that of the second of two classes."""
    return logits if logits.shape[1] > 1 else F.pad(logits, (1, 0))
