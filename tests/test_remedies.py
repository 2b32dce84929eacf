"""Protects remedies: each message names the cause, wherever it stood, and what it tells to do is tried
here and helps."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.custom_models import KEYS, SCALE, example, net, smooth_clips
from tests.endpoints import CLIPS, good, says
from tests.endpoints import victim as endpoint
from tests.http_servers import answer, serve
from tests.videos import greys, write
from video_attack.envs.clip import Frames, Sampling
from video_attack.envs.datasets.base import BadClipError, DatasetError
from video_attack.envs.datasets.folder import Folder
from video_attack.envs.datasets.given import GivenFiles
from video_attack.envs.datasets.video import read_frames
from video_attack.envs.text_file import read_text
from video_attack.envs.victims.base import VictimError
from video_attack.envs.victims.custom import one_line
from video_attack.envs.victims.exported import Exported
from video_attack.envs.victims.function import Function
from video_attack.envs.victims.onnx_file import OnnxFile
from video_attack.envs.victims.torchscript import TorchScript
from video_attack.envs.victims.weights import load_state

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
SMALL = Sampling(frames=4, size=16, short_side=20, stride=2)
ROOT = Path(__file__).parents[1]


# Causes that stand last


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("short\nand plain", "short and plain"),
        ("", "ValueError"),
        ("a" * 300 + " the end", " the end"),
        ("the start " + "a" * 300, "the start "),
        # How TorchScript's interpreter and PyTorch's loader write: the cause is the last line.
        (
            "The following operation failed in the TorchScript interpreter.\n"
            "Traceback of TorchScript, serialized code (most recent call last):\n"
            + '  File "code/__torch__/net.py", line 9, in forward\n' * 20
            + "RuntimeError: mat1 and mat2 shapes cannot be multiplied",
            "RuntimeError: mat1 and mat2 shapes cannot be multiplied",
        ),
        (
            "failed\nTraceback (most recent call last):\n  File x\nKeyError: 'a'\n\nDuring handling ...\n"
            "Traceback (most recent call last):\n  File y\nmy.package.OddError: first\nsecond line",
            "my.package.OddError: first second line",
        ),
    ],
)
def test_a_cause_is_shown_wherever_it_stands(text: str, shown: str) -> None:
    told = one_line(ValueError(text))
    assert shown in told and "\n" not in told and len(told) <= 200
    assert "Traceback" not in told


class Flat(nn.Module):
    """Clips of one size only, all axes in one."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(3 * 8 * 32 * 32, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(x.flatten(1))


class Pictures(nn.Module):
    """Takes pictures, (N, 3, H, W), as networks of single frames do."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.last = nn.Conv2d(3, 4, 3, 2), nn.Linear(4, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.conv(x).mean(dim=(2, 3)))


class Swapped(nn.Module):
    """The small network for (N, T, 3, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        self.net = net()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x.transpose(1, 2))


PICTURES = Pictures().eval().requires_grad_(False)


def per_frame(clips: Frames) -> torch.Tensor:
    """What a message tells to write: a function around a network of pictures."""
    x = torch.from_numpy(clips).permute(0, 1, 4, 2, 3).float().div(255)
    return PICTURES(x.flatten(0, 1)).unflatten(0, x.shape[:2]).mean(dim=1)


def test_a_layout_is_offered_only_where_it_helps(tmp_path: Path) -> None:
    path = str(tmp_path / "net.pt")
    torch.jit.trace(Swapped().eval(), torch.zeros(2, 8, 3, 32, 32)).save(path)
    with pytest.raises(VictimError, match=r"3 channels.*: set model\.layout=NTCHW, which it takes"):
        TorchScript(path, **KEYS, **SCALE)
    clips = smooth_clips(3, 0)
    found = TorchScript(path, layout="NTCHW", **KEYS, **SCALE).scores(clips)
    torch.jit.trace(net(), example(2)).save(path)
    assert np.allclose(found, TorchScript(path, **KEYS, **SCALE).scores(clips), atol=1e-5)

    torch.jit.trace(Flat().eval(), example(2)).save(path)
    words = r"cannot be multiplied.*nor in any other: set model\.frames and model\.size"
    with pytest.raises(VictimError, match=words):
        TorchScript(path, **{**KEYS, "size": 64, "short_side": 64})
    assert TorchScript(path, **KEYS).classes


@pytest.mark.parametrize("form", ["script", "exported", "onnx"])
def test_a_network_of_pictures_is_sent_to_a_function(tmp_path: Path, form: str) -> None:
    path, picture = str(tmp_path / "net"), torch.zeros(2, 3, 32, 32)
    kind: Any = {"script": TorchScript, "exported": Exported, "onnx": OnnxFile}[form]
    if form == "script":
        torch.jit.trace(PICTURES, picture).save(path)
    elif form == "exported":
        with Path(path).open("wb") as stream:
            torch.export.save(torch.export.export(PICTURES, (picture,)), stream)
    else:
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnx")
        torch.onnx.export(PICTURES, (picture,), path, dynamo=False)
    with pytest.raises(VictimError, match=r"nor in any other.* use model=function") as caught:
        kind(path, **KEYS)
    assert "layout" not in str(caught.value)
    assert Function("tests.test_remedies.per_frame", **KEYS).scores(smooth_clips(2, 0)).shape == (
        2,
        5,
    )


# Files that were not downloaded: asked again and again of model hubs, MMAction2 and decord.


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
            r"a pointer of Git LFS, not the file: fetch the file itself with git lfs pull",
        ),
        (b"<!DOCTYPE html>\n<html><title>Sign in</title>", "a web page, not the file: download"),
        (b"\n<html>\n404", "a web page"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "a web page"),
    ],
)
def test_what_stands_in_a_files_place_is_told(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "file.mp4"
    file.write_bytes(content)
    for read in (TorchScript, Exported, OnnxFile):
        with pytest.raises(VictimError, match=words):
            read(str(file), **KEYS)
    with pytest.raises(VictimError, match=words):
        load_state(file)
    with pytest.raises(BadClipError, match=words):
        read_frames(file, SMALL)
    with pytest.raises(ValueError, match=words):
        read_text(file)


@pytest.mark.parametrize("kind", [TorchScript, Exported])
def test_a_model_in_onnx_is_known(tmp_path: Path, kind: Any) -> None:
    pytest.importorskip("onnx")
    torch.onnx.export(net(), (example(2),), str(tmp_path / "net"), dynamo=False)
    with pytest.raises(VictimError, match="is a file of ONNX: use model=onnx"):
        kind(str(tmp_path / "net"), **KEYS)
    assert OnnxFile(str(tmp_path / "net"), **KEYS).classes


# Data sets


def test_videos_that_are_missing_are_left_out_by_every_data_set(tmp_path: Path) -> None:
    """`dataset.allow_missing` is a key of each data set of files, as the message that names it says."""
    for file in sorted((ROOT / "conf/dataset").glob("*.yaml")):
        if "/video" in file.read_text():
            assert "allow_missing" not in file.read_text()
    assert "allow_missing: false" in (ROOT / "conf/base/video.yaml").read_text()
    here = write(tmp_path / "a/1.mkv", greys(8))
    options: dict[str, Any] = {"paths": [str(here), "none.mp4"], "label": 0, "disk_cache_gb": 0}
    with pytest.raises(DatasetError, match=r"no video none\.mp4"):
        GivenFiles("test", SMALL, ["x", "y"], **options)
    assert len(GivenFiles("test", SMALL, ["x", "y"], **options, allow_missing=True)) == 1
    with pytest.raises(DatasetError, match=r"no video none\.mp4"):
        GivenFiles("test", SMALL, ["x"], paths="none.mp4", label=0, allow_missing=True)


def test_a_part_without_videos_gets_some_by_its_share(tmp_path: Path) -> None:
    for i in range(3):
        write(tmp_path / f"a/{i}.mkv", greys(8))
    for split in ("test", "validation"):
        key = f"{split}_share"
        options: dict[str, Any] = {"root": tmp_path, "disk_cache_gb": 0, "test_share": 0.0}
        options["validation_share"] = 0.0
        with pytest.raises(DatasetError, match=rf"split {split} .* is empty.*dataset\.{key}"):
            Folder(split, SMALL, ["a", "b"], **options)
        assert len(Folder(split, SMALL, ["a", "b"], **{**options, key: 0.99})) == 3


# Servers


def test_a_secret_that_is_refused_is_not_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "secret")
    with serve(says(b"", 401)) as server:
        with pytest.raises(VictimError, match=r"401.*: give model\.token_env"):
            endpoint(server.url).scores(CLIPS)
        with pytest.raises(VictimError, match=r"401.*: see that MY_TOKEN holds the right secret"):
            endpoint(server.url, token_env="MY_TOKEN").scores(CLIPS)
    with serve(says(b"", 413)) as server:
        with pytest.raises(VictimError, match=r"413.*: lower model\.max_batch"):
            endpoint(server.url).scores(CLIPS)
        with pytest.raises(VictimError, match=r"413.*: let the server take larger requests"):
            endpoint(server.url, max_batch=1).scores(CLIPS)


def test_a_redirect_says_the_whole_url_and_it_works() -> None:
    with serve(says({}, 307, Location="/elsewhere"), good) as server:
        with pytest.raises(VictimError) as caught:
            endpoint(server.url).scores(CLIPS)
        there = str(caught.value).split("redirects to ")[1].split(",")[0]
        assert there == server.url.replace("classify", "elsewhere")
        assert endpoint(there).scores(CLIPS).shape == (2, 3)


@pytest.mark.parametrize("found", [{"predictions": [0]}, {"error": "busy"}, [0.1, 0.9], "text"])
def test_an_answer_of_another_form_is_no_matter_of_patience(found: Any) -> None:
    with serve(answer(lambda clips: found)) as server:
        words = "without scores, top or labels: let it answer as the class"
        with pytest.raises(VictimError, match=words):
            endpoint(server.url, retries=1).scores(CLIPS)


@pytest.mark.slow
def test_messages_of_the_command_line_reach_the_user_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("one\n")
    command = [sys.executable, "evaluate.py", "attack=none", "clips=2"]
    for i, (keys, words) in enumerate((
        (["model=i3d", f"model.labels={tmp_path}/names.txt"], "at least two names"),
        (["dataset=list"], "split test has no list: set dataset.test"),
        (["dataset=folder", f"dataset.root={tmp_path}"], "no videos in folders below"),
    )):  # fmt: skip
        done = subprocess.run(
            [*command, *keys, f"run_dir={tmp_path}/run{i}"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert words in done.stderr.strip().splitlines()[-1]
        assert "Traceback" not in done.stderr
