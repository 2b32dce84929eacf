"""Training of a classifier by gradient descent: the loop, its best and its last state."""

import math
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from video_attack.agents.core.checkpoints import LAST, damaged
from video_attack.agents.core.errors import ANEW, CheckpointError, ConfigError
from video_attack.agents.core.files import save_tensors
from video_attack.agents.core.progress import Progress


class Trainable(ABC):
    """What is trained, on what.

    Attributes:
        net: receives the gradients; inputs to logits.
        counts: number of examples of the splits "train" and "validation" (0 where there is none).
    """

    net: nn.Module
    counts: dict[str, int]

    @abstractmethod
    def batch(
        self, split: str, indices: list[int], generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """Inputs and labels of some examples, augmented at random where a generator is given."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the files that make `net` usable elsewhere."""


def fit(trainable: Trainable, config: dict[str, Any], folder: Path) -> None:
    """Train with AdamW; `trainable.save` is called after each epoch that is the best so far.

    The best epoch is the one of the lowest validation loss, or the last one where there is no
    validation split. A run that was killed goes on after its last whole epoch.

    Args:
        trainable: what is trained.
        config: keys epochs, batch, lr, weight_decay, seed, resume.
        folder: receives last.pt.

    Raises:
        CheckpointError: nothing to resume there.
        ConfigError: the loss became infinite.
    """
    optimizer = torch.optim.AdamW(
        trainable.net.parameters(), lr=config["lr"], weight_decay=config["weight_decay"]
    )
    generator = torch.Generator().manual_seed(config["seed"])
    done, best = 0, math.inf
    if config["resume"]:
        done, best = _restore(folder / LAST, trainable, optimizer, generator)
    bar = Progress("fine-tuning", config["epochs"], "epochs", start=done)
    for epoch in range(done, config["epochs"]):
        for group in optimizer.param_groups:
            group["lr"] = config["lr"] * 0.5 * (1 + math.cos(math.pi * epoch / config["epochs"]))
        facts = {"loss": _train(trainable, optimizer, generator, config["batch"])}
        if not math.isfinite(facts["loss"]):
            raise ConfigError(
                f"the loss became {facts['loss']} in epoch {epoch + 1}: lower lr, and {ANEW}"
            )
        if trainable.counts["validation"]:
            facts["val_loss"], facts["val_acc"] = _judge(trainable, config["batch"])
        if (score := facts.get("val_loss", -float(epoch))) <= best:
            best = score
            trainable.save(folder)
        state = {
            "net": trainable.net.state_dict(), "optimizer": optimizer.state_dict(),
            "generator": generator.get_state(), "epoch": epoch + 1, "best": best,
        }  # fmt: skip
        save_tensors(folder / LAST, state)
        bar.advance(1, **facts)
    bar.close()


def _restore(
    file: Path, trainable: Trainable, optimizer: torch.optim.Optimizer, generator: torch.Generator
) -> tuple[int, float]:
    """Put a saved state back; returns the epochs done and the best score."""
    if not file.exists():
        raise CheckpointError(f"{file.parent} holds no finished epoch: start without resume=true")
    try:
        state = torch.load(file, weights_only=True)
        trainable.net.load_state_dict(state["net"])
        optimizer.load_state_dict(state["optimizer"])
        generator.set_state(state["generator"])
        return state["epoch"], state["best"]
    except Exception as error:  # whatever PyTorch meets in a file that was cut off
        raise damaged(file, str(error).partition("\n")[0] or type(error).__name__) from error


def _train(
    trainable: Trainable, optimizer: torch.optim.Optimizer, generator: torch.Generator, size: int
) -> float:
    """One epoch; returns the mean loss."""
    total = 0.0
    order = torch.randperm(trainable.counts["train"], generator=generator)
    for chosen in order.split(size):
        inputs, labels = trainable.batch("train", chosen.tolist(), generator)
        loss = F.cross_entropy(trainable.net(inputs).float(), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(chosen)
    return total / len(order)


@torch.no_grad()
def _judge(trainable: Trainable, size: int) -> tuple[float, float]:
    """Mean cross-entropy and accuracy on the validation split, in eval mode."""
    modes = [(module, module.training) for module in trainable.net.modules()]
    trainable.net.eval()
    loss = right = seen = 0.0
    for chosen in torch.arange(trainable.counts["validation"]).split(size):
        inputs, labels = trainable.batch("validation", chosen.tolist(), None)
        logits = trainable.net(inputs).float()
        loss += F.cross_entropy(logits, labels, reduction="sum").item()
        right += float((logits.argmax(1) == labels).sum())
        seen += len(labels)
    for module, training in modes:
        module.training = training
    return loss / seen, right / seen
