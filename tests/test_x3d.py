"""Protects X3D: the published sizes and costs, the names of two libraries' weights, its pooling."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from video_attack.envs.clip import Sampling
from video_attack.envs.victims.x3d import VARIANTS, X3D, fold
from video_attack.envs.victims.x3d_net import Head, Residual, X3DNet, squeezed

TINY: dict[str, Any] = {"variant": "xs", "size": 48, "device": "cpu"}


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 4, 48, 48, 3), np.uint8)


def digest(shapes: dict[str, tuple[int, ...]]) -> str:
    lines = sorted(f"{key} {shape}" for key, shape in shapes.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def on_meta(variant: str) -> X3D:
    """A victim without a network, for what depends on its variant only."""
    victim = X3D.__new__(X3D)
    victim.variant = VARIANTS[variant]
    return victim


@pytest.fixture(scope="module")
def victim() -> X3D:
    return X3D(**TINY)


# Parameters, names and shapes are PyTorchVideo 0.1.5's; the cost at the training crop is table 4's
# of the paper (18.37 is its authors' model zoo's).
@pytest.mark.parametrize(
    ("variant", "parameters", "keys", "names", "gmacs"),
    [
        ("xs", 3_794_274, 563, "92cf6db9a1a73822", 0.60),
        ("s", 3_794_274, 563, "92cf6db9a1a73822", 1.96),
        ("m", 3_794_274, 563, "92cf6db9a1a73822", 4.73),
        ("l", 6_153_384, 1141, "c883ba03734c236d", 18.37),
    ],
)
def test_architecture_is_the_published_one(
    variant: str, parameters: int, keys: int, names: str, gmacs: float
) -> None:
    own = VARIANTS[variant]
    with torch.device("meta"):
        net = on_meta(variant).make_net(400).eval()
        clip = torch.empty(1, 3, own.frames, own.crop, own.crop)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        assert net(clip).shape == (1, 400)
    assert sum(p.numel() for p in net.parameters()) == parameters
    shapes = {key: tuple(value.shape) for key, value in net.state_dict().items()}
    assert (len(shapes), digest(shapes)) == (keys, names)
    assert counter.get_total_flops() / 2e9 == pytest.approx(gmacs, abs=0.006)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"variant": "xs"}, Sampling(4, 182, 182, 12)),
        ({"variant": "s"}, Sampling(13, 182, 182, 6)),
        ({"variant": "m"}, Sampling(16, 256, 256, 5)),
        ({"variant": "l"}, Sampling(16, 356, 356, 5)),
        ({"frames": 16, "size": 112, "stride": 2}, Sampling(16, 112, 112, 2)),
        ({"size": 112, "short_side": 128}, Sampling(13, 112, 128, 6)),
    ],
)
def test_clips_are_the_variants_unless_said_otherwise(
    options: dict[str, Any], expected: Sampling, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = X3DNet(2, depth=0.1)
    monkeypatch.setattr(X3D, "make_net", lambda self, classes: small)
    assert X3D(device="cpu", **options).sampling == expected


def test_an_unknown_variant_names_those_there_are() -> None:
    with pytest.raises(ValueError, match="variant='xl': choose one of xs, s, m, l"):
        X3D(variant="xl")


def test_scores_repeat_and_do_not_depend_on_the_batch(victim: X3D) -> None:
    clips = noise(3)
    scores = victim.scores(clips)
    assert scores.shape == (3, 400) and np.allclose(scores.sum(1), 1, atol=1e-4)
    assert np.array_equal(scores, victim.scores(clips))
    assert np.allclose(victim.scores(clips[1:2]), scores[1:2], atol=1e-4)
    assert np.abs(scores[0] - scores[1]).max() > 1e-5  # it sees its input
    assert scores.max() < 0.9  # random weights do not saturate it


def test_the_head_averages_the_probabilities_of_its_windows() -> None:
    torch.manual_seed(0)
    head = Head(8, 5, (2, 3, 3)).eval()
    x = torch.randn(2, 8, 3, 4, 3)
    windows = [x[:, :, t : t + 2, i : i + 3] for t in (0, 1) for i in (0, 1)]
    with torch.no_grad():
        expected = torch.stack([head(window).exp() for window in windows]).mean(0)
        assert torch.allclose(head(x).exp(), expected, atol=1e-6)
        assert head(x[:, :, :1, :2, :2]).shape == (2, 5)  # less than one window is one


def test_channels_of_the_squeeze_are_those_of_the_paper() -> None:
    assert [squeezed(n) for n in (54, 108, 216, 432)] == [8, 8, 16, 32]


def test_weights_of_pytorchvideo_load(tmp_path: Path) -> None:
    torch.manual_seed(1)
    net = X3DNet(5, window=(4, 5, 5)).eval()
    torch.save({"model_state": net.state_dict(), "epoch": 300}, tmp_path / "x3d.pyth")
    victim = X3D(weights=str(tmp_path / "x3d.pyth"), **TINY)
    assert len(victim.classes) == 5
    x = victim.preprocess(noise(1))
    expected = (torch.tensor(noise(1)).permute(0, 4, 1, 2, 3) / 255 - 0.45) / 0.225
    assert torch.allclose(x, expected, atol=1e-5)
    with torch.no_grad():
        assert torch.allclose(victim.net(x), net(x), atol=1e-5)


def mmaction_state() -> dict[str, Tensor]:
    """Tensors under the names that MMAction2 gives X3D-S and -M."""
    shapes: dict[str, tuple[int, ...]] = {}

    def conv(name: str, outputs: int, inputs: int, *kernel: int) -> None:
        shapes[f"{name}.conv.weight"] = (outputs, inputs, *(kernel or (1, 1, 1)))

    def norm(name: str, width: int) -> None:
        for key in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{name}.bn.{key}"] = (width,)
        shapes[f"{name}.bn.num_batches_tracked"] = ()

    conv("backbone.conv1_s", 24, 3, 1, 3, 3)
    conv("backbone.conv1_t", 24, 1, 5, 1, 1)
    norm("backbone.conv1_t", 24)
    before = 24
    for stage, (width, blocks, inner, squeeze) in enumerate(
        [(24, 3, 54, 8), (48, 5, 108, 8), (96, 11, 216, 16), (192, 7, 432, 32)], start=1
    ):
        for block in range(blocks):
            name = f"backbone.layer{stage}.{block}"
            conv(f"{name}.conv1", inner, before)
            conv(f"{name}.conv2", inner, 1, 3, 3, 3)
            conv(f"{name}.conv3", width, inner)
            for i, n in ((1, inner), (2, inner), (3, width)):
                norm(f"{name}.conv{i}", n)
            if block % 2 == 0:
                for i, (a, b) in ((1, (squeeze, inner)), (2, (inner, squeeze))):
                    shapes[f"{name}.se_module.fc{i}.weight"] = (a, b, 1, 1, 1)
                    shapes[f"{name}.se_module.fc{i}.bias"] = (a,)
            if block == 0:
                conv(f"{name}.downsample", width, before)
                norm(f"{name}.downsample", width)
            before = width
    conv("backbone.conv5", 432, 192)
    norm("backbone.conv5", 432)
    shapes["cls_head.fc1.weight"] = (2048, 432)
    shapes["cls_head.fc2.weight"], shapes["cls_head.fc2.bias"] = (400, 2048), (400,)
    # From MMAction2 1.2.0's own model.
    assert (len(shapes), digest(shapes)) == (568, "11a9042787725d6c")
    return {key: torch.ones(shape) for key, shape in shapes.items()}


def test_weights_of_mmaction2_fit() -> None:
    victim = on_meta("s")
    with torch.device("meta"):
        net = victim.make_net(400)
    renamed = victim.rename(mmaction_state())
    net.load_state_dict(renamed, assign=True)
    assert all(not value.is_meta for value in net.state_dict().values())


def test_the_folded_shortcut_is_the_same_function() -> None:
    torch.manual_seed(0)
    with_norm, without = (Residual(6, 6, 2, excite=True).eval() for _ in range(2))
    shortcut = nn.BatchNorm3d(6).eval()
    with_norm.branch1_norm = shortcut
    for norm in (m for m in with_norm.modules() if isinstance(m, nn.BatchNorm3d)):
        for key, value in norm.state_dict().items():
            if key in ("weight", "running_var"):
                value.uniform_(0.5, 2)
            elif key in ("bias", "running_mean"):
                value.normal_()
    prefix = "blocks.1.res_blocks.0."
    folded = fold({prefix + key: value for key, value in with_norm.state_dict().items()})
    without.load_state_dict({key.removeprefix(prefix): value for key, value in folded.items()})
    x = torch.randn(2, 6, 3, 8, 8)
    with torch.no_grad():
        assert torch.allclose(with_norm(x), without(x), atol=1e-5)
        shortcut.reset_parameters()
        assert not torch.allclose(with_norm(x), without(x), atol=1e-2)
