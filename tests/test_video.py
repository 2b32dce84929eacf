"""Protects decoding: the right frames, upright and centred, and one clear error for a bad file."""

import logging
import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.videos import cut, greys, noise, write
from video_attack.envs.clip import SPREADS, Clip, Frames, Sampling
from video_attack.envs.datasets.base import BadClipError, ClipDataset, load_clips
from video_attack.envs.datasets.video import count_frames, fit, read_frames, sample_indices

SMALL = Sampling(frames=4, size=16, short_side=20, stride=2)


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
    indices = sample_indices(available, Sampling(frames, stride=stride))
    assert len(indices) == frames
    assert indices[0] >= 0 and indices[-1] < available
    steps = set(np.diff(indices).tolist())
    assert steps <= set(range(1, stride + 1)) and len(steps) <= 1
    before, after = indices[0], available - 1 - indices[-1]
    assert 0 <= after - before <= 1
    if frames > 1 and steps != {stride}:  # shrunk: the next larger stride would not have fitted
        assert (frames - 1) * (steps.pop() + 1) + 1 > available


@given(frames=st.integers(1, 64), available=st.integers(1, 600))
@settings(max_examples=100, deadline=None)
def test_uniform_takes_the_middle_of_each_part(frames: int, available: int) -> None:
    indices = sample_indices(available, Sampling(frames, spread="uniform"))
    if available >= frames:
        middles = (np.arange(frames) + 0.5) * available / frames
        assert np.all((indices <= middles) & (middles < np.array(indices) + 1))
        mirrored = [available - 1 - i for i in indices[::-1]]
        assert np.abs(np.subtract(indices, mirrored)).max() <= 1  # no end is favoured


def test_steps_begin_at_the_first_frame() -> None:
    steps = Sampling(20, spread="steps")
    assert sample_indices(47, steps) == list(range(0, 40, 2))
    assert sample_indices(39, steps) == list(range(20))


@given(frames=st.integers(1, 64), available=st.integers(1, 63), spread=st.sampled_from(SPREADS))
@settings(max_examples=60, deadline=None)
def test_short_videos_are_slowed_down(frames: int, available: int, spread: str) -> None:
    indices = sample_indices(available, Sampling(frames, spread=spread, stride=3))
    assert len(indices) == frames and min(indices) >= 0 and max(indices) < available
    if available <= frames:
        steps = set(np.diff(indices).tolist())
        assert set(indices) == set(range(available)) and steps <= {0, 1}  # each one, in order
        times = np.bincount(indices)[1:-1]
        assert len(times) == 0 or times.max() - times.min() <= 1  # the ends get half a share


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


@pytest.mark.parametrize(
    ("spread", "frames"),
    [("centre", (3, 5, 7, 9)), ("uniform", (1, 4, 8, 11)), ("steps", (0, 3, 6, 9))],
)
def test_each_spread_reads_its_frames(tmp_path: Path, spread: str, frames: tuple[int, ...]) -> None:
    file = write(tmp_path / "a.mkv", greys(13))
    clip = read_frames(file, Sampling(4, 16, 20, 2, spread))
    assert clip[:, 8, 8, 2].tolist() == [5 * i for i in frames]


def test_a_video_of_three_frames_fills_a_clip_of_eight(tmp_path: Path) -> None:
    clip = read_frames(write(tmp_path / "a.mkv", greys(3)), Sampling(8, 16, 20))
    assert clip[:, 0, 0, 0].tolist() == [0, 0, 5, 5, 5, 5, 10, 10]


def test_without_a_short_side_the_whole_picture_is_squeezed(tmp_path: Path) -> None:
    picture = np.zeros((40, 80, 3), np.uint8)
    picture[:, :20, 0] = picture[:, 60:, 2] = 255  # red left quarter, blue right quarter
    clip = read_frames(write(tmp_path / "a.mkv", [picture] * 4), Sampling(4, 16, None))
    assert clip.shape == (4, 16, 16, 3)
    assert clip[0, 8, :, 0].tolist() == [255] * 4 + [0] * 12
    assert clip[0, 8, :, 2].tolist() == [0] * 12 + [255] * 4


@pytest.mark.parametrize("rate", [12, 15, Fraction(24000, 1001), 25, Fraction(30000, 1001), 50, 60])
@pytest.mark.parametrize(("name", "codec", "pixels"), [("a.avi", "mpeg4", "yuv420p"),
                                                       ("a.mp4", "mpeg4", "yuv420p"),
                                                       ("a.mkv", "ffv1", "bgr0")])  # fmt: skip
def test_every_frame_is_found_at_every_rate(
    tmp_path: Path, name: str, codec: str, pixels: str, rate: Fraction | int
) -> None:
    file = write(tmp_path / name, greys(23, 35, 47), codec, pixels, rate=rate)
    assert count_frames(file) == 23
    assert len(read_frames(file, SMALL)) == 4


@pytest.mark.parametrize(("name", "codec", "pixels"), [("a.mp4", "mpeg4", "yuv420p"),
                                                       ("a.mkv", "ffv1", "bgr0")])  # fmt: skip
def test_variable_frame_rate_neither_repeats_nor_drops_frames(
    tmp_path: Path, name: str, codec: str, pixels: str
) -> None:
    times = np.cumsum([1, 40, 40, 500, 17, 17, 900, 33, 40, 2000, 12, 40]).tolist()
    file = write(tmp_path / name, greys(12), codec, pixels, times=times)
    assert count_frames(file) == 12
    clip = read_frames(file, Sampling(12, 16, 20, 1))
    assert np.abs(clip[:, 8, 8, 1].astype(int) - 5 * np.arange(12)).max() <= 6


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
    cut(write(folder / "whole.avi", noise(40)), folder / "cut.avi", 0.6)
    cut(write(folder / "whole.mkv", noise(40)), folder / "cut.mkv", 0.6)
    mp4 = write(folder / "whole.mp4", noise(40), "mpeg4", "yuv420p")
    cut(mp4, folder / "cut.mp4", 0.6)
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
        "cut.avi": r"is cut off, [\d,]+ bytes are missing",
        "cut.mkv": r"is cut off, [\d,]+ bytes are missing",
        "cut.mp4": r"cannot be read as a video \(its end is missing\)",
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


class Videos(ClipDataset):
    """Files as a data set."""

    classes = ("any",)

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = files

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Clip:
        return Clip(read_frames(self.files[index], SMALL), 0, self.files[index].name)


def test_bad_files_are_skipped_with_one_warning_each(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = list(bad_files(tmp_path))
    data = Videos([tmp_path / name for name in [*names, "whole.avi", "whole.mkv", "whole.mp4"]])
    with caplog.at_level(logging.WARNING):
        good = list(load_clips(data, range(len(data))))
    assert [clip.id for clip in good] == ["whole.avi", "whole.mkv", "whole.mp4"]
    assert len(caplog.records) == len(names)
    for name, record in zip(names, caplog.records, strict=True):
        assert f"/{name} " in record.message and record.message.endswith("skipped")


def test_damaged_packets_are_skipped_in_the_same_way_each_time(tmp_path: Path) -> None:
    file = write(tmp_path / "a.avi", noise(40, seed=1), "mpeg4", "yuv420p")
    data = bytearray(file.read_bytes())
    for place in np.random.default_rng(2).integers(6000, len(data) - 2000, 50):
        data[place] ^= 255
    file.write_bytes(data)
    assert np.array_equal(read_frames(file, SMALL), read_frames(file, SMALL))
