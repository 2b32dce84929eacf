"""Protects against files that are cut off: wherever the cut, none is read short, and no whole file,
however odd, is reported."""

from pathlib import Path

import numpy as np
import pytest

from tests.videos import cut, greys, noise, write
from video_attack.envs.clip import Sampling
from video_attack.envs.datasets.base import BadClipError
from video_attack.envs.datasets.video import count_frames, read_frames

SMALL = Sampling(frames=4, size=16, short_side=20, stride=2)

CONTAINERS: list[tuple[str, str, str, dict[str, str]]] = [
    ("a.avi", "ffv1", "bgr0", {}),
    ("a.mkv", "ffv1", "bgr0", {}),
    ("a.webm", "libvpx", "yuv420p", {}),
    ("a.mov", "mpeg4", "yuv420p", {}),
    ("a.mp4", "mpeg4", "yuv420p", {}),
    ("a.mp4", "mpeg4", "yuv420p", {"movflags": "faststart"}),
    ("a.mp4", "mpeg4", "yuv420p", {"movflags": "frag_keyframe+empty_moov"}),
]


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "options"), CONTAINERS, ids=lambda x: str(x).translate({32: "-"})
)
def test_a_file_cut_anywhere_is_never_read_short(
    tmp_path: Path, name: str, codec: str, pixels: str, options: dict[str, str]
) -> None:
    whole = write(tmp_path / name, noise(30), codec, pixels, options=options)
    assert count_frames(whole) == 30
    for share in np.linspace(0.001, 0.999, 40):
        part = tmp_path / f"part{whole.suffix}"
        cut(whole, part, share)
        try:
            assert count_frames(part) == 30, share  # only what follows the frames is lost
        except BadClipError as error:
            assert part.name in str(error)
    whole.write_bytes(whole.read_bytes() + bytes(100))  # some programs pad files
    assert count_frames(whole) == 30


def test_live_recordings_state_no_size_and_are_read(tmp_path: Path) -> None:
    file = write(tmp_path / "a.mkv", greys(20), options={"live": "1"})
    assert len(read_frames(file, SMALL)) == 4


def test_a_recorder_that_stopped_before_it_wrote_the_size(tmp_path: Path) -> None:
    file = write(tmp_path / "a.avi", greys(20))
    with file.open("r+b") as stream:
        stream.seek(4)
        stream.write(bytes(4))
    assert count_frames(file) == 20
