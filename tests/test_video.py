"""Protects decoding: the right frames, upright and centred, and one clear error for a bad file."""

import re
from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.clip import Frames, Sampling
from envs.datasets.base import BadClipError
from envs.datasets.video import fit, read_frames, sample_indices

SMALL = Sampling(frames=4, size=16, short_side=20, stride=2)


def write(
    path: Path, pictures: Sequence[Frames], codec: str = "ffv1", pixels: str = "bgr0"
) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pixels
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


def greys(count: int, height: int = 40, width: int = 60) -> list[Frames]:
    """Frame i is grey 5 i: each frame of the file can be told from its value."""
    return [np.full((height, width, 3), 5 * i, np.uint8) for i in range(count)]


def corner(height: int, width: int) -> Frames:
    """Black, with a red upper left quarter."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2, 0] = 255
    return picture


@given(
    frames=st.integers(1, 64),
    stride=st.integers(1, 8),
    extra=st.integers(0, 600),
)
@settings(max_examples=200, deadline=None)
def test_indices_are_even_in_range_and_centred(frames: int, stride: int, extra: int) -> None:
    available = frames + extra
    indices = sample_indices(available, frames, stride)
    assert len(indices) == frames
    assert indices[0] >= 0 and indices[-1] < available
    steps = set(np.diff(indices).tolist())
    assert steps <= set(range(1, stride + 1)) and len(steps) <= 1
    before, after = indices[0], available - 1 - indices[-1]
    assert 0 <= after - before <= 1
    if frames > 1 and steps != {stride}:  # shrunk: the next larger stride would not have fitted
        assert (frames - 1) * (steps.pop() + 1) + 1 > available


def test_exactly_the_wanted_frames_come_out(tmp_path: Path) -> None:
    clip = read_frames(write(tmp_path / "a.mkv", greys(20)), SMALL)
    assert clip.shape == (4, 16, 16, 3) and clip.dtype == np.uint8
    assert clip[:, 8, 8, 1].tolist() == [5 * i for i in (6, 8, 10, 12)]


def test_metadata_that_is_no_utf8_does_no_harm(tmp_path: Path) -> None:
    file = write(tmp_path / "a.avi", greys(8))
    at = file.read_bytes().index(b"Lavf")  # the name of the writing program, as metadata
    with file.open("r+b") as stream:
        stream.seek(at)
        stream.write(b"\xd3\xc3")
    with pytest.raises(UnicodeDecodeError), av.open(str(file)):
        pass
    assert len(read_frames(file, SMALL)) == 4


def test_short_video_shrinks_the_stride(tmp_path: Path) -> None:
    clip = read_frames(write(tmp_path / "a.mkv", greys(5)), SMALL)
    assert clip[:, 0, 0, 0].tolist() == [0, 5, 10, 15]


@pytest.mark.parametrize("shape", [(40, 60), (60, 40), (41, 59), (16, 16), (17, 301)])
def test_any_shape_keeps_proportions_and_centre(tmp_path: Path, shape: tuple[int, int]) -> None:
    height, width = shape
    picture = np.zeros((height, width, 3), np.uint8)
    cv2.circle(picture, (width // 2, height // 2), 6, (0, 255, 0), -1)
    clip = read_frames(write(tmp_path / "a.mkv", [picture] * 4), SMALL)
    rows, columns = np.nonzero(clip[0, :, :, 1] > 127)
    assert abs(rows.mean() - 7.5) < 1 and abs(columns.mean() - 7.5) < 1
    assert abs(np.ptp(rows) - np.ptp(columns)) <= 1
    assert clip[..., (0, 2)].max() == 0


def test_lossy_odd_video_is_read(tmp_path: Path) -> None:
    file = write(tmp_path / "a.avi", greys(8, 35, 47), "mpeg4", "yuv420p")
    clip = read_frames(file, SMALL)
    assert np.abs(clip[:, 8, 8, 1].astype(int) - [5, 10, 15, 20]).max() <= 20
    assert np.all(np.diff(clip[:, 8, 8, 1].astype(int)) >= 0)


@pytest.mark.parametrize(
    ("degrees", "matrix"),
    [(90, (0, 1, -1, 0)), (180, (-1, 0, 0, -1)), (270, (0, -1, 1, 0))],
)
def test_rotation_flag_is_obeyed(
    tmp_path: Path, degrees: int, matrix: tuple[int, int, int, int]
) -> None:
    file = write(tmp_path / "a.mp4", [corner(48, 64)] * 4, "mpeg4", "yuv420p")
    data = bytearray(file.read_bytes())
    at = data.index(b"tkhd") + 4 + 40  # the display matrix, 16.16 fixed point
    for place, value in zip((0, 4, 12, 16), matrix, strict=True):
        data[at + place : at + place + 4] = (value * 65536).to_bytes(4, "big", signed=True)
    file.write_bytes(data)
    clip = read_frames(file, SMALL)
    turned = np.rot90(corner(48, 64), -degrees // 90)  # flags count clockwise
    expected = fit(turned, SMALL, file)
    assert np.abs(clip[0].astype(int) - expected).mean() < 12
    reader = cv2.VideoCapture(str(file))  # turns pictures by itself: a second opinion
    _, picture = reader.read()
    assert np.abs(picture[..., ::-1].astype(int) - turned).mean() < 12


def bad_files(folder: Path) -> dict[str, str]:
    """File name -> what the error must say."""
    (folder / "empty.avi").write_bytes(b"")
    (folder / "text.avi").write_text("not a video\n" * 500)
    (folder / "a folder").mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (40, 64, 64, 3), np.uint8)
    whole = write(folder / "whole.avi", noise).read_bytes()
    (folder / "cut.avi").write_bytes(whole[: len(whole) // 20])
    mp4 = write(folder / "whole.mp4", noise, "mpeg4", "yuv420p").read_bytes()
    (folder / "cut.mp4").write_bytes(mp4[: len(mp4) // 2])
    write(folder / "short.mkv", greys(3))
    write(folder / "pixel.mkv", greys(8, 1, 1))
    with av.open(str(folder / "sound.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
    return {
        "missing.avi": "does not exist",
        "a folder": "does not exist",
        "empty.avi": "cannot be read as a video",
        "text.avi": "cannot be read as a video",
        "cut.avi": r"only [123] frames can be read where 4 are needed",
        "cut.mp4": "cannot be read as a video",
        "short.mkv": "only 3 frames",
        "pixel.mkv": "1x1",
        "sound.wav": "no video",
    }


def test_bad_files_are_named_in_one_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, words in bad_files(tmp_path).items():
        with pytest.raises(BadClipError, match=words) as caught:
            read_frames(tmp_path / name, SMALL)
        text = str(caught.value)
        assert re.search(re.escape(name), text) and "\n" not in text
    assert capfd.readouterr().err == ""  # no chatter of the decoder's


def test_damaged_packets_are_skipped_in_the_same_way_each_time(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (40, 64, 64, 3), np.uint8)
    file = write(tmp_path / "a.avi", noise, "mpeg4", "yuv420p")
    data = bytearray(file.read_bytes())
    for place in np.random.default_rng(2).integers(6000, len(data) - 2000, 50):
        data[place] ^= 255
    file.write_bytes(data)
    assert np.array_equal(read_frames(file, SMALL), read_frames(file, SMALL))
