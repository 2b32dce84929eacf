"""Train the shipped `tiny3d.pt`: `python -m video_attack.envs.victims.train_tiny3d` (minutes on two cores).

`--single-frame` goes on from the shipped weights with single frames instead, without saving
anything, and shows how little the same network and effort make of them. It is no upper bound: from
the joint angles of one moment, a classifier gets three quarters right (`tests/test_actions.py`).
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from video_attack.envs.clip import Frames, Sampling
from video_attack.envs.datasets.actions import Actions
from video_attack.envs.victims.tiny3d import SHIPPED, Tiny3DNet
from video_attack.envs.victims.weights import load_into, load_state

SAMPLING = Sampling(frames=16, size=112)
FRAMES_PER_CLIP = 4  # single-frame training sees that many frames of a clip, each by itself


def augment(frames: Frames, rng: np.random.Generator) -> Frames:
    """A harder clip: mirrored, relit, noisy, or spoilt in a few boxes of space-time.

    Local faults belong to it, so that the victim is not fooled by any small spoilt patch.

    Args:
        frames: uint8 (T, H, W, 3).
        rng: source of chance.

    Returns:
        A new array of the same shape and dtype.
    """
    frames = frames[:, :, ::-1].copy() if rng.random() < 0.5 else frames.copy()
    T, H, W, _ = frames.shape
    if rng.random() < 0.4:
        ramp = np.arange(256) * rng.uniform(0.7, 1.3) + rng.uniform(-30, 30)
        frames = ramp.clip(0, 255).astype(np.uint8)[frames]
    if rng.random() < 0.25:
        _add_noise(frames, rng.uniform(0, 0.15), rng)
    if rng.random() < 0.5:
        for _ in range(rng.integers(1, 3)):
            sides = (rng.uniform(0.1, 0.4, 3) * (2 * T, H, W)).astype(int).clip(1)
            corner = [
                int(rng.integers(0, max(1, n - k + 1)))
                for n, k in zip((T, H, W), sides, strict=True)
            ]
            box = frames[tuple(slice(c, c + k) for c, k in zip(corner, sides, strict=True))]
            _spoil(box, rng)
    return frames


def _spoil(box: Frames, rng: np.random.Generator) -> None:
    kind = rng.integers(3)
    if kind == 0:
        _add_noise(box, rng.uniform(0.05, 0.3), rng)
    elif kind == 1:
        sigma = rng.uniform(1, 4)
        for t in range(len(box)):
            box[t] = cv2.GaussianBlur(box[t], (0, 0), sigma)
    else:
        box[:] = rng.integers(0, 256, 3)


def _add_noise(box: Frames, sigma: float, rng: np.random.Generator) -> None:
    noise = rng.standard_normal(box.shape, dtype=np.float32)
    noise *= np.float32(255 * sigma)
    noise += box
    box[:] = np.rint(noise.clip(0, 255, out=noise)).astype(np.uint8)


@dataclass
class Lessons(Dataset[tuple[NDArray[np.uint8], int]]):
    """Clips of `actions` as training data: frames uint8 (T, H, W, 3) and the label."""

    clips: Actions
    augmented: bool

    def __len__(self) -> int:
        """Number of clips."""
        return len(self.clips)

    def __getitem__(self, index: int) -> tuple[Frames, int]:
        """Frames uint8 (T, H, W, 3) and label of clip `index`, augmented in its own fixed way."""
        clip = self.clips[index]
        if not self.augmented:
            return clip.frames, clip.label
        return augment(clip.frames, np.random.default_rng((self.clips.seed, index))), clip.label


def progress(
    loader: DataLoader, what: str
) -> Iterator[tuple[Tensor, Tensor, Callable[[str], None]]]:
    """Clips and labels of each step, and how to tell its result: a bar, or lines in a log."""
    bar = tqdm(loader, desc=what, unit="batch", disable=not sys.stderr.isatty())
    start, every, told = time.perf_counter(), max(1, len(loader) // 20), [""]

    def tell(result: str) -> None:
        told[0] = result
        bar.set_postfix_str(result, refresh=False)

    for step, (clips, labels) in enumerate(bar, start=1):
        yield clips, labels, tell
        if bar.disable and step % every == 0:
            seconds = time.perf_counter() - start
            print(f"{what} {step}/{len(loader)}, {seconds:.0f} s {told[0]}", flush=True)


def single_frames(clips: Tensor, labels: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """`count` random frames of each clip as clips (N * count, 1, H, W, 3) with their labels."""
    N, T = clips.shape[:2]
    chosen = torch.rand(N, T).argsort(dim=1)[:, :count]
    frames = clips[torch.arange(N)[:, None], chosen]
    return frames.flatten(0, 1)[:, None], labels.repeat_interleave(count)


def fit(net: Tiny3DNet, loader: DataLoader, rate: float, *, single_frame: bool, bf16: bool) -> None:
    """Train in place, one pass over the loader."""
    optimiser = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, rate, total_steps=len(loader), pct_start=0.15
    )
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.05)
    right = 0.0
    net.train()
    for clips, labels, tell in progress(loader, "train"):
        if single_frame:
            clips, labels = single_frames(clips, labels, FRAMES_PER_CLIP)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            logits = net(clips).float()
        loss = loss_of(logits, labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        right = 0.98 * right + 0.02 * (logits.argmax(1) == labels).float().mean().item()
        tell(f"loss {loss.item():.3f}, accuracy about {right:.3f}")


@torch.inference_mode()
def evaluate(net: Tiny3DNet, loader: DataLoader, single_frame: bool) -> tuple[Tensor, float]:
    """Confusion counts, int (classes, classes) with true classes as rows, and mean confidence."""
    net.eval()
    K = net.classify.out_features
    counts, confidence = torch.zeros(K, K, dtype=torch.int64), []
    for clips, labels, _ in progress(loader, "test"):
        if single_frame:
            clips, labels = single_frames(clips, labels, 1)
        scores = net(clips).softmax(dim=1)
        confidence.append(scores.amax(1))
        counts.index_put_((labels, scores.argmax(1)), torch.tensor(1), accumulate=True)
    return counts, torch.cat(confidence).mean().item()


def report(counts: Tensor, confidence: float, classes: tuple[str, ...]) -> None:
    """Print accuracy, per class and in all, and the most frequent confusion of each class."""
    for k, name in enumerate(classes):
        row = counts[k].clone()
        right, total = int(row[k]), int(row.sum())
        row[k] = 0
        worst = f", most often taken for {classes[row.argmax()]}" if row.any() else ""
        print(f"{name:>12}: {right / total:.3f}{worst}")
    accuracy, chance = counts.trace().item() / counts.sum().item(), 1 / len(classes)
    print(f"test accuracy {accuracy:.4f}, mean confidence {confidence:.4f}, chance {chance:.4f}")


def main(arguments: list[str] | None = None) -> None:
    """Train, test and save, as the command line (or `arguments`) says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=60_000, help="training clips, each seen once")
    parser.add_argument("--test-clips", type=int, default=1_200, help="held-out clips")
    parser.add_argument("--batch", type=int, default=16, help="clips in a training step")
    parser.add_argument("--rate", type=float, default=2e-3, help="peak learning rate")
    parser.add_argument("--workers", type=int, default=1, help="processes that render clips")
    parser.add_argument("--threads", type=int, default=1, help="torch threads of the training")
    parser.add_argument(
        "--bf16",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="train in bfloat16, twice as fast where the processor knows it",
    )
    parser.add_argument("--seed", type=int, default=0, help="of weights and clips")
    parser.add_argument("--single-frame", action="store_true", help="see the module's docstring")
    parser.add_argument("--out", type=Path, default=SHIPPED, help="where the checkpoint goes")
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)

    def loader(split: str, augmented: bool) -> DataLoader:
        lengths = {"train_clips": args.clips, "test_clips": args.test_clips}
        clips = Actions(split, SAMPLING, args.seed, **lengths)  # type: ignore[arg-type]
        return DataLoader(Lessons(clips, augmented), args.batch, num_workers=args.workers)

    classes = Actions("train", SAMPLING).classes
    net = Tiny3DNet(len(classes))
    if args.single_frame:
        load_into(net, load_state(SHIPPED), SHIPPED.name)
    start = time.perf_counter()
    lessons = loader("train", augmented=True)
    fit(net, lessons, args.rate, single_frame=args.single_frame, bf16=args.bf16)
    minutes = (time.perf_counter() - start) / 60
    report(*evaluate(net, loader("test", augmented=False), args.single_frame), classes)
    print(
        f"{sum(p.numel() for p in net.parameters())} parameters, trained in {minutes:.1f} minutes"
    )
    if not args.single_frame:
        state = {k: v.half() if v.is_floating_point() else v for k, v in net.state_dict().items()}
        sampling = {"frames": SAMPLING.frames, "size": SAMPLING.size}
        checkpoint = {"state_dict": state, "classes": list(classes), "sampling": sampling}
        torch.save(checkpoint, args.out)
        print(f"saved {args.out}, {args.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
