"""A network of the attacker's own, whose gradients stand for those of a victim that shows none."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from video_attack.agents.attacks.gradient.features import Features
from video_attack.agents.core.build import build
from video_attack.agents.core.errors import ConfigError
from video_attack.envs.clip import Frames, Sampling
from video_attack.envs.game.threat import Goal
from video_attack.envs.victims.base import Victim

Direction = NDArray[np.float32]  # (T, H, W, 3), of the L2 norm 1 or 0


class Surrogate:
    """A video network of conf/model, or the image network of the feature attacks, for gradients.

    A video network sees the clip at its own number and size of frames. Where it knows the victim's
    classes by name, it has a margin of the true class; else its outputs are features, and what an
    attack can do is to make them unlike those of the clean clip.

    Args:
        model: keys of a model (`_target_` and its arguments), or None for the image network.
        weights: of the image network, see Features; so are `network` and `device`.
        network: see Features.
        device: see Features.

    Attributes:
        source: in words, what it is.
        names: of its classes; () for an image network.

    Raises:
        ConfigError: the model shows no gradients.
    """

    def __init__(
        self,
        model: Mapping[str, Any] | None,
        *,
        weights: str | None = None,
        network: str = "efficientnet_lite0",
        device: str = "auto",
    ) -> None:
        self.features: Features | None = None
        self.net: nn.Module
        if model is None:
            self.features = Features(weights, network, device)
            self.net, self.source = self.features.net, self.features.source
            self.names: tuple[str, ...] = ()
            return
        own = {key: value for key, value in model.items() if key not in ("feedback", "top_k")}
        video = build("surrogate", own)
        if not hasattr(video, "logits") or not isinstance(getattr(video, "net", None), nn.Module):
            raise ConfigError(
                f"surrogate: {model['_target_']} shows no gradients: choose a model whose network runs "
                "in this process, such as tiny3d or r3d"
            )
        self.video, self.net, self.names = video, video.net, tuple(video.classes)
        self.source = f"{type(video).__name__} of {model.get('weights') or 'its own weights'}"

    def knows(self, classes: Sequence[str]) -> bool:
        """Whether all of these class names are among its own."""
        return bool(self.names) and set(classes) <= set(self.names)

    def refuse(self, victim: Victim) -> None:
        """Raise ConfigError if this is the victim itself: the same object, or most of its weights."""
        inner = innermost(victim)
        theirs = getattr(inner, "net", None)
        if not isinstance(theirs, nn.Module):
            return
        known = {(tuple(p.shape), float(p.double().sum())): p for p in theirs.state_dict().values()}
        shared, total = 0, 0
        for mine in self.net.state_dict().values():
            same = known.get((tuple(mine.shape), float(mine.double().sum())))
            total += mine.numel()
            if same is not None and torch.equal(same.cpu(), mine.cpu()):
                shared += mine.numel()
        if self.net is theirs or 2 * shared > total:
            raise ConfigError(
                f"surrogate: {self.source} is the victim, or shares most of its weights: that is no black "
                "box any more; name another network, or use attack=whitebox for the limit"
            )

    def random_direction(self, clip: Direction, rng: np.random.Generator) -> Direction:
        """Output-diversified (Tashiro et al., NeurIPS 2020): up the slope of randomly weighted outputs.

        Args:
            clip: float32 (T, H, W, 3) on the 0-255 scale.
            rng: draws the weights.
        """
        x = self._input(clip)
        outputs = self._outputs(x)
        weights = rng.uniform(-1, 1, tuple(outputs.shape)).astype(np.float32)
        return _slope((outputs * torch.from_numpy(weights).to(outputs.device)).sum(), x)

    def descent(
        self, clip: Direction, clean: Frames, goal: Goal, classes: Sequence[str]
    ) -> Direction:
        """Down the surrogate's own loss: its margin, or the likeness of its features to the clean clip's.

        Args:
            clip: float32 (T, H, W, 3) on the 0-255 scale.
            clean: uint8 of the same shape.
            goal: of the attack on the victim.
            classes: names of the victim's classes.
        """
        x = self._input(clip)
        outputs = self._outputs(x)
        if self.knows(classes):
            wins = goal.label if goal.target is None else goal.target
            places = [self.names.index(name) for name in classes]
            scores = outputs[0, places]
            others = torch.cat([scores[:wins], scores[wins + 1 :]])
            loss = scores[wins] - others.max()
            loss = loss if goal.target is None else -loss
        else:
            with torch.no_grad():
                wanted = self._outputs(self._input(clean.astype(np.float32)))
            loss = F.cosine_similarity(outputs, wanted, dim=1).mean()
            # At the clean clip itself likeness is flat.
            if float(loss.detach()) > 1 - 1e-6:
                noise = torch.randn(outputs.shape, generator=torch.Generator().manual_seed(0))
                loss = (outputs * noise.to(outputs.device)).sum()
        return -_slope(loss, x)

    def _input(self, clip: Direction) -> Tensor:
        return torch.tensor(np.ascontiguousarray(clip), device=self._device()).requires_grad_()

    def _device(self) -> torch.device:
        return next(iter([*self.net.parameters(), *self.net.buffers()])).device

    def _outputs(self, x: Tensor) -> Tensor:
        """Logits (1, classes) of a video network, or flattened feature maps (T, F) of an image network."""
        if self.features is not None:
            maps: Tensor = self.features.maps_of(x.permute(0, 3, 1, 2))
            return maps.flatten(1)
        found: Tensor = self.video.logits(resampled(x, self.video.sampling)[None])
        return found


def resampled(clip: Tensor, sampling: Sampling) -> Tensor:
    """A clip (T, H, W, 3) at the frames and the size that a network takes."""
    moved = clip.permute(3, 0, 1, 2)[None]
    size = (sampling.frames, sampling.size, sampling.size)
    if tuple(moved.shape[2:]) != size:
        moved = F.interpolate(moved, size, mode="trilinear", align_corners=False)
    return moved[0].permute(1, 2, 3, 0)


def innermost(victim: Victim) -> Victim:
    """The victim behind its defences and codecs."""
    while isinstance(getattr(victim, "victim", None), Victim):
        victim = victim.victim  # type: ignore[attr-defined] # just seen
    return victim


def _slope(loss: Tensor, x: Tensor) -> Direction:
    (gradient,) = torch.autograd.grad(loss, x)
    return (gradient / gradient.norm().clamp_min(1e-30)).cpu().numpy()
