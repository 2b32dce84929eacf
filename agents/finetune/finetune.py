"""Fine-tuning: a victim for a data set from a pretrained network."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from video_attack.agents.core.build import build
from video_attack.agents.core.errors import ConfigError
from video_attack.agents.core.files import save_tensors
from video_attack.agents.core.progress import Progress
from video_attack.agents.finetune.fitting import Trainable, fit
from video_attack.agents.setup.attack_setup import NOT_THE_MODELS
from video_attack.envs.datasets.base import BadClipError, ClipDataset, DatasetError, load_clips
from video_attack.envs.metrics.rates import clopper_pearson
from video_attack.envs.victims.base import Victim
from video_attack.envs.victims.network import NetVictim

log = logging.getLogger(__name__)
FILES = {"head": "head.pt", "all": "victim.pt"}


class HeadTrainable(Trainable):
    """A linear layer on the network's features, which are computed once.

    Raises:
        ConfigError: the network's last layer sees more than the features' average.
    """

    def __init__(self, victim: NetVictim, splits: dict[str, ClipDataset], mirror: bool) -> None:
        self._classes = splits["train"].classes
        self._data = {
            split: _features(victim, splits[split], split, mirror and split == "train")
            for split in splits
        }
        self.counts = {split: len(labels) for split, (_, labels) in self._data.items()}
        width = self._data["train"][0].shape[1]
        self.net = nn.Linear(width, len(self._classes)).to(victim.device)

    def batch(
        self, split: str, indices: list[int], generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """Features (N, F) and labels (N,)."""
        inputs, labels = self._data[split]
        return inputs[indices], labels[indices]

    def save(self, folder: Path) -> None:
        """Write head.pt, for `model.head`."""
        save_tensors(
            folder / FILES["head"], {**self.net.state_dict(), "classes": list(self._classes)}
        )


class NetTrainable(Trainable):
    """All layers; batch norm keeps the statistics that it has, since batches are small."""

    def __init__(self, victim: NetVictim, splits: dict[str, ClipDataset], mirror: bool) -> None:
        self._victim, self._splits, self._mirror = victim, splits, mirror
        self._good = {split: _readable(dataset, split) for split, dataset in splits.items()}
        self.counts = {split: len(good) for split, good in self._good.items()}
        self.net, self._classes = victim.net, splits["train"].classes
        layer = nn.Linear(victim.last(self.net).weight.shape[1], len(self._classes))
        victim.replace_last(self.net, layer.to(victim.device))
        self.net.requires_grad_(True).train()
        for module in self.net.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()

    def batch(
        self, split: str, indices: list[int], generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """Network inputs and labels; each clip mirrored half of the time where asked for."""
        clips = [self._splits[split][self._good[split][index]] for index in indices]
        frames = np.stack([clip.frames for clip in clips])
        if generator is not None and self._mirror:
            chosen = torch.rand(len(clips), generator=generator).numpy() < 0.5
            frames[chosen] = frames[chosen, :, :, ::-1]
        labels = torch.tensor([clip.label for clip in clips], device=self._victim.device)
        return self._victim.preprocess(frames), labels

    def save(self, folder: Path) -> None:
        """Write victim.pt, for `model.weights`."""
        state = {"state_dict": self.net.state_dict(), "classes": list(self._classes)}
        save_tensors(folder / FILES["all"], state)


def _features(
    victim: NetVictim, dataset: ClipDataset, split: str, mirror: bool
) -> tuple[Tensor, Tensor]:
    """Features (N, F) and labels (N,) of all clips, and of their mirror images where asked for."""
    rows: list[Tensor] = []
    labels: list[int] = []
    bar = Progress(f"features of {split} clips", len(dataset), "clips", leave=False)
    for clip in load_clips(dataset, range(len(dataset))):
        sides = [clip.frames, clip.frames[:, :, ::-1]] if mirror else [clip.frames]
        rows.append(victim.features(np.stack(sides)))
        if not labels:
            # But for a constant, which some networks subtract and no answer depends on.
            ours = victim.from_features(rows[0]).log_softmax(dim=1)
            theirs = victim.logits(np.stack(sides)).log_softmax(dim=1)
            if not torch.allclose(ours, theirs, rtol=0.1, atol=0.05 * float(theirs.abs().max())):
                raise ConfigError(
                    f"the last layer of {type(victim).__name__} sees more than an average of "
                    "features: set layers=all"
                )
        labels += [clip.label] * len(sides)
        bar.advance(1)
    bar.close()
    return torch.cat(rows), torch.tensor(labels, device=victim.device)


def _readable(dataset: ClipDataset, split: str) -> list[int]:
    """Indices of the clips that can be read; each is decoded, and so cached, before the work."""
    bar = Progress(f"reading {split} clips", len(dataset), "clips", leave=False)
    good = []
    for index in range(len(dataset)):
        try:
            dataset[index]
        except BadClipError as error:
            log.warning("%s; skipped", error)
        else:
            good.append(index)
        bar.advance(1)
    bar.close()
    return good


def accuracy(victim: Victim, dataset: ClipDataset) -> tuple[int, int]:
    """Clips that a victim gets right, and all that can be read."""
    right = seen = 0
    bar = Progress("test clips", len(dataset), "clips", leave=False)
    for clip in load_clips(dataset, range(len(dataset))):
        right += int(victim.scores(clip.frames[None])[0].argmax()) == clip.label
        seen += 1
        bar.advance(1, accuracy=right / seen)
    bar.close()
    return right, seen


def finetune(config: dict[str, Any], folder: Path) -> Path:
    """Train on the train split, choose by the validation split, say the accuracy on the test split.

    Args:
        config: the plain configuration (see conf/finetune.yaml).
        folder: the run's folder.

    Returns:
        The file that holds the result: head.pt for `model.head`, or victim.pt for `model.weights`.

    Raises:
        ConfigError: the model is no network that can be trained, or a value is out of its range.
        DatasetError: the data set has no training clips.
    """
    if config["threads"]:
        torch.set_num_threads(config["threads"])
    torch.manual_seed(config["seed"])
    model = {key: v for key, v in config["model"].items() if key not in NOT_THE_MODELS}
    victim = build("model", model)
    if not isinstance(victim, NetVictim):
        raise ConfigError(
            f"{model['_target_']} cannot be fine-tuned: choose a model that is a NetVictim, "
            "such as i3d or slowfast"
        )

    def dataset(split: str, classes: Any) -> ClipDataset:
        found: ClipDataset = build(
            "dataset", config["dataset"], split=split, sampling=victim.sampling, classes=classes
        )
        return found

    splits = {"train": dataset("train", config["classes"])}
    classes = splits["train"].classes
    splits["validation"] = dataset("validation", classes)
    if len(classes) < 2:
        raise DatasetError(
            f"the train split has no classes to tell apart (only {', '.join(classes) or 'none'}): give a "
            "data set that has two at least"
        )
    if not len(splits["train"]):
        raise DatasetError("the train split has no clips: check the data set's root and lists")
    log.info("%d classes, %d training clips", len(classes), len(splits["train"]))
    kind = HeadTrainable if config["layers"] == "head" else NetTrainable
    fit(kind(victim, splits, config["mirror"]), config, folder)
    file = folder / FILES[config["layers"]]
    key = {"head": "head", "all": "weights"}[config["layers"]]
    made = build("model", {**model, key: str(file), "labels": None})
    right, seen = accuracy(made, dataset("test", classes))
    low, high = clopper_pearson(right, seen)
    print(
        f"test accuracy {right / max(seen, 1):.1%} ({right} of {seen}, 95 % interval {low:.1%} to "
        f"{high:.1%}); use it with the same settings of the model and model.{key}={file}"
    )
    return file
