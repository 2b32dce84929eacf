"""Protects the video transformers: sizes, normalisation, and that public checkpoints would load."""

import re
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from video_attack.envs.clip import Sampling
from video_attack.envs.victims.base import VictimError
from video_attack.envs.victims.transformers_nets import (
    VJEPA2,
    TimeSformer,
    TransformersNet,
    VideoMAE,
    ViViT,
)

CONF = Path(__file__).parents[1] / "conf/model"
SMALL: dict[str, Any] = {"frames": 4, "size": 32, "short_side": None, "device": "cpu"}
LITTLE = {"hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
LESS = {**LITTLE, "intermediate_size": 32}
LEAST = {**LITTLE, "num_pooler_layers": 1, "pred_hidden_size": 24, "pred_num_attention_heads": 2,
         "pred_num_hidden_layers": 1}  # fmt: skip
SIZES = {
    "VideoMAEConfig": LESS,
    "TimesformerConfig": LESS,
    "VivitConfig": LESS,
    "VJEPA2Config": LEAST,
}
SCALES = {
    VideoMAE: ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    TimeSformer: ((0.45,) * 3, (0.225,) * 3),
    ViViT: ((0.5,) * 3, (0.5,) * 3),
    VJEPA2: ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
# Names in the public files that differ from those in memory: pattern of a name in memory, its
# form in the files (VideoMAE's, and ViViT's, which are those of the older ViT).
PUBLIC = {
    VideoMAE: [
        (r"attention\.query\.bias", "attention.q_bias"),
        (r"attention\.value\.bias", "attention.v_bias"),
    ],
    ViViT: [
        (r"attention\.([qkv])_proj", r"attention.attention.\1_proj"),
        ("q_proj", "query"),
        ("k_proj", "key"),
        ("v_proj", "value"),
        (r"attention\.o_proj", "attention.output.dense"),
        (r"mlp\.fc1", "intermediate.dense"),
        (r"mlp\.fc2", "output.dense"),
        (r"vivit\.layers\.", "vivit.encoder.layer."),
    ],
}

pytest.importorskip("transformers", reason="needs the extra transformers")


def bare(kind: type[TransformersNet], frames: int, size: int) -> nn.Module:
    """The victim's network without storage, at its full width."""
    victim = kind.__new__(kind)
    victim.sampling = Sampling(frames, size, None)
    with torch.device("meta"):
        return victim.make_net(kind.outputs).eval()


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Configurations that make thin and shallow networks."""
    whole = TransformersNet._library

    class Little:
        def __init__(self, victim: TransformersNet) -> None:
            self.library = whole(victim)

        def __getattr__(self, name: str) -> Any:
            found = getattr(self.library, name)
            return partial(found, **SIZES[name]) if name in SIZES else found

    monkeypatch.setattr(TransformersNet, "_library", lambda victim: Little(victim))


@pytest.fixture
def clips() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, 4, 32, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("kind", "name", "parameters", "gflops"),
    [  # parameters in millions and billions of multiplications as the papers round them
        (VideoMAE, "videomae", 87, 180),
        (TimeSformer, "timesformer", 121.4, 196),
        (ViViT, "vivit", 88.9, 455),
        (VJEPA2, "vjepa2", 375, None),  # published without the classifier: 0.3 billion
    ],
)
def test_size_and_cost_are_the_published_ones(
    kind: type[TransformersNet], name: str, parameters: float, gflops: float | None
) -> None:
    config = yaml.safe_load((CONF / f"{name}.yaml").read_text())
    net = bare(kind, config["frames"], config["size"])
    assert sum(p.numel() for p in net.parameters()) / 1e6 == pytest.approx(parameters, rel=6e-3)
    size = (1, config["frames"], 3, config["size"], config["size"])
    with torch.device("meta"), torch.inference_mode(), FlopCounterMode(display=False) as counter:
        assert net(torch.empty(size)).shape == (1, kind.outputs)
    if gflops is not None:
        assert counter.get_total_flops() / 2e9 == pytest.approx(gflops, rel=0.01)


@pytest.mark.usefixtures("little")
@pytest.mark.parametrize("kind", SCALES)
def test_scores_are_those_of_the_library(kind: type[TransformersNet], clips: np.ndarray) -> None:
    victim = kind(**SMALL)
    twin = type(victim.net)(victim.net.config).eval()
    twin.load_state_dict(victim.net.state_dict())  # strict: the names are the library's
    mean, std = (torch.tensor(value).view(3, 1, 1) for value in SCALES[kind])
    x = (torch.tensor(clips).float().div(255).permute(0, 1, 4, 2, 3) - mean) / std
    with torch.inference_mode():
        expected = twin(x).logits
    assert victim.logits(clips).shape == (2, kind.outputs)
    torch.testing.assert_close(victim.logits(clips), expected)
    assert (expected[0] - expected[1]).abs().max() > 1e-4, "two clips must differ"


@pytest.mark.usefixtures("little")
@pytest.mark.parametrize("kind", SCALES)
def test_names_in_memory_are_kept_on_loading(
    kind: type[TransformersNet], clips: np.ndarray, tmp_path: Path
) -> None:
    victim, file = kind(seed=1, **SMALL), tmp_path / "net.pt"
    torch.save({"state_dict": victim.net.state_dict()}, file)
    again = kind(weights=str(file), **SMALL)
    np.testing.assert_array_equal(victim.scores(clips), again.scores(clips))


@pytest.mark.usefixtures("little")
@pytest.mark.parametrize("kind", PUBLIC)
def test_names_of_public_files_are_read(
    kind: type[TransformersNet], clips: np.ndarray, tmp_path: Path
) -> None:
    safetensors = pytest.importorskip("safetensors.torch", reason="needs the extra transformers")
    victim, file = kind(seed=1, **SMALL), tmp_path / "model.safetensors"
    state: dict[str, Tensor] = {}
    for key, value in victim.net.state_dict().items():
        for pattern, replacement in PUBLIC[kind]:
            key = re.sub(pattern, replacement, key)
        state[key] = value
    assert state.keys() != victim.net.state_dict().keys()
    safetensors.save_file(state, file)
    again = kind(weights=str(file), **SMALL)
    np.testing.assert_array_equal(victim.scores(clips), again.scores(clips))


@pytest.mark.usefixtures("little")
def test_weights_of_another_clip_size_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "net.pt"
    torch.save(TimeSformer(**SMALL).net.state_dict(), file)
    with pytest.raises(VictimError, match=r"time_embeddings \(1, 4, 24\) instead of \(1, 8, 24\)"):
        TimeSformer(weights=str(file), **{**SMALL, "frames": 8})


def test_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(VictimError, match=r'VideoMAE needs transformers .*"\.\[transformers\]"'):
        VideoMAE(**SMALL)
