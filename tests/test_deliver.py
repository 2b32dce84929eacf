"""Protects the file check and the codec in the loop: files hold what they are said to hold, each kind
is judged by itself, and what an attack was answered through the codec is what the file check says."""

import numpy as np
import pytest

from tests.attack_toys import LinearVictim, grey_clip, rules
from tests.toys import BrightnessVictim, CountingVictim, QuadrantVictim, dark_frames, softmax
from video_attack.agents.attacks.play.random_moves import RandomMoves
from video_attack.agents.core.errors import ConfigError
from video_attack.agents.evaluation.codec_in_loop import parse_codec
from video_attack.agents.video.codec_check import (
    CHECKS,
    CRFS,
    check_files,
    h264,
    lossless,
    read_pictures,
)
from video_attack.agents.video.write import write_video
from video_attack.envs.clip import Sampling
from video_attack.envs.datasets.video import read_frames
from video_attack.envs.game.threat import Goal
from video_attack.envs.metrics.summary import FILES, MEANS, summary
from video_attack.envs.victims.base import Victim


def noise(T=8, H=32, W=32, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (T, H, W, 3), dtype=np.uint8)


class Detailed(CountingVictim):
    """The second class wins while pixels differ from their neighbours, which compression ends."""

    def __init__(self, least: float, frames: int = 8, size: int = 32) -> None:
        super().__init__(frames, size)
        self.least = least

    def answer(self, clips):
        self.seen = clips
        detail = np.abs(np.diff(clips.astype(np.float64), axis=3)).mean(axis=(1, 2, 3, 4))
        return softmax(np.stack([0 * detail, detail - self.least, -9 + 0 * detail], axis=1))


def test_a_large_change_survives_every_file_and_costs_four_queries_in_one_call():
    clip = dark_frames(0, (8, 32, 32, 3))
    clip[4:8, 8:16, 8:16] = 255
    victim = BrightnessVictim()
    assert check_files(victim, clip, Goal(0)) == dict.fromkeys(CHECKS, True)
    assert victim.batches == [len(CHECKS)] == [4]
    assert CHECKS == FILES == ("ffv1", "h264_18", "h264_23", "h264_28")


def test_a_clean_clip_reaches_nothing_and_targets_are_told_apart():
    clip = dark_frames(0, (8, 32, 32, 3))
    assert not any(check_files(BrightnessVictim(), clip, Goal(0)).values())
    clip[4:8, 8:16, 8:16] = 255
    assert all(check_files(BrightnessVictim(), clip, Goal(0, target=1)).values())
    assert not any(check_files(BrightnessVictim(), clip, Goal(0, target=2)).values())


def test_fine_noise_survives_the_lossless_file_alone():
    clip = (120 + noise() % 12).astype(np.uint8)
    victim = Detailed(least=3.5)
    assert check_files(victim, clip, Goal(0)) == {
        "ffv1": True, "h264_18": False, "h264_23": False, "h264_28": False,
    }  # fmt: skip
    assert np.array_equal(victim.seen[0], clip)
    errors = [np.abs(version - clip.astype(float)).mean() for version in victim.seen]
    assert errors == sorted(errors) and len(set(errors)) == 4, "more compression, more damage"


@pytest.mark.parametrize(("H", "W"), [(32, 32), (33, 31), (17, 40)])
def test_files_of_odd_sizes_keep_shape_and_place(tmp_path, H, W):
    ramp = np.linspace(40, 200, W)[None, None, :, None] + np.linspace(0, 40, H)[None, :, None, None]
    clip = np.broadcast_to(ramp, (5, H, W, 3)).astype(np.uint8)
    assert np.array_equal(lossless(tmp_path / "a.mkv", clip), clip)
    back = h264(tmp_path / "a.mp4", clip, 4)
    assert back.shape == clip.shape and back.dtype == np.uint8
    assert np.abs(back.astype(int) - clip).max() <= 8  # a shift by one line would show at the edges


def test_colours_come_back_in_place(tmp_path):
    colours = np.array([(200, 40, 90), (20, 180, 60), (30, 60, 220), (255, 255, 255)], np.uint8)
    clip = np.broadcast_to(colours[:, None, None], (4, 32, 32, 3)).copy()
    for crf in CRFS:
        assert np.abs(h264(tmp_path / "a.mp4", clip, crf).astype(int) - clip).max() <= 8


def test_files_are_read_as_data_sets_read_them(tmp_path):
    clip = noise(6, 48, 48)
    write_video(tmp_path / "a.mp4", clip)
    sampling = Sampling(frames=6, size=48, short_side=None, stride=1)
    wanted = read_frames(tmp_path / "a.mp4", sampling)
    assert np.array_equal(read_pictures(tmp_path / "a.mp4", clip.shape), wanted)


def test_the_folder_keeps_the_files_that_were_judged(tmp_path):
    clip, victim = noise(), Detailed(0.0)
    check_files(victim, clip, Goal(0), tmp_path / "new" / "kept")
    names = ["ffv1.mkv", "h264_18.mp4", "h264_23.mp4", "h264_28.mp4"]
    assert sorted(file.name for file in (tmp_path / "new/kept").iterdir()) == names
    for name, seen in zip(names, victim.seen, strict=True):
        assert np.array_equal(read_pictures(tmp_path / "new/kept" / name, clip.shape), seen)


@pytest.mark.parametrize("shape", [(7, 32, 32, 3), (8, 34, 32, 3), (8, 32, 34, 3)])
def test_a_file_that_lacks_pictures_is_refused(tmp_path, shape):
    write_video(tmp_path / "a.mkv", noise(), codec="ffv1")
    if shape[0] == 7:
        with pytest.raises(OSError, match="does not hold 7 pictures of 32 x 32"):
            read_pictures(tmp_path / "a.mkv", shape)
    else:
        with pytest.raises(OSError, match="does not hold 8 pictures"):
            read_pictures(tmp_path / "a.mkv", shape)


def test_a_float_clip_is_refused():
    with pytest.raises(ValueError, match="uint8"):
        check_files(BrightnessVictim(), noise() / 255, Goal(0))


# Rates

SIZES = dict.fromkeys(MEANS, 1.0)


def record(id, success=False, attacked=True, **more):
    return {"id": id, "success": success, "attacked": attacked, "queries": 9, "budget": 9, **more}


def test_summary_holds_delivered_successes_against_all_attacked_clips():
    flags = {"ffv1": True, "h264_18": True, "h264_23": False}
    hits = [
        record("a", success=True, **SIZES, **flags),
        record("b", success=True, **SIZES, **{**flags, "h264_18": False}, h264_28=True),
    ]
    result = summary([*hits, record("c"), record("d"), record("e", attacked=False)])
    assert [result[name] for name in FILES[:3]] == [0.5, 0.25, 0]
    assert np.isnan(result["h264_28"])  # one success was not written to such a file
    nested = [record("f", success=True, **SIZES, delivered=flags)]
    assert [summary(nested)[name] for name in FILES[:3]] == [1, 1, 0]
    nested[0]["delivered"] = None
    assert np.isnan(summary(nested)["ffv1"])
    assert summary([record("c")])["ffv1"] == 0
    assert np.isnan(summary([])["ffv1"])


# Codec in the loop


@pytest.mark.parametrize("crf", CRFS)
def test_the_loop_answers_what_the_file_check_will_say(crf):
    bare = QuadrantVictim(8, 32)
    through = parse_codec(f"h264:{crf}")(bare)
    answers = set()
    for seed in range(12):
        clip = noise(seed=seed)
        for label in range(3):
            goal = Goal(label)
            reached = goal.reached(through.scores(clip[None])[0])
            assert check_files(bare, clip, goal)[f"h264_{crf}"] == reached
            answers.add(reached)
    assert answers == {True, False}


def test_the_codec_changes_answers():
    victim, clip = Detailed(least=3.0), (120 + noise() % 12).astype(np.uint8)
    assert victim.scores(clip[None]).argmax() == 1
    assert parse_codec("h264:23")(victim).scores(clip[None]).argmax() == 0


def test_without_a_codec_the_victim_is_itself():
    victim = BrightnessVictim()
    assert parse_codec(None)(victim) is victim


def test_what_the_attacker_may_see_stays_as_it_was():
    victim = BrightnessVictim()
    victim.feedback, victim.top_k, victim.max_batch = "topk", 2, 7
    wrapped = parse_codec("h264:0")(victim)
    assert isinstance(wrapped, Victim)
    assert (wrapped.feedback, wrapped.top_k, wrapped.max_batch) == ("topk", 2, 7)
    assert wrapped.classes == victim.classes and wrapped.sampling == victim.sampling
    assert victim.clips == 0, "wrapping asks nothing"


@pytest.mark.parametrize("codec", ["h264", "h264:52", "h264:-1", "h265:23", "h264:2.5", "", 23])
def test_other_codecs_are_refused_with_the_right_spelling(codec):
    with pytest.raises(ConfigError, match=r"codec_in_loop.*write h264:23"):
        parse_codec(codec)


def test_an_attack_through_the_codec_pays_one_query_for_one_clip():
    victim = LinearVictim(share=0.02)
    result = RandomMoves(rules(budget=40)).run(parse_codec("h264:23")(victim), grey_clip())
    assert result.attacked and victim.clips == result.ledger.spent <= 40
    assert result.ledger.best is not None
    assert check_files(victim, result.ledger.best, result.ledger.goal)["h264_23"]
