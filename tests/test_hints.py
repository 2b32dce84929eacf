"""Protects the hints: each fires on what it is about and on nothing else."""

import pytest

from video_attack.envs.metrics.hints import hints

N = 20


def records(first=5, gap=3.0, jump=0.0, n=N, budget=50):
    """Clips that flip at a query (None: never), whose clean margin is told as so many nats."""
    return [
        {
            "id": str(i), "attacked": True, "success": first is not None, "budget": budget,
            "queries": first or budget, "first_success": first, "clean_gap": gap + jump * i,
        }
        for i in range(n)
    ]  # fmt: skip


GOOD = {"square": records(5), "marl": records(4), "random": records(9)}


def test_sound_figures_are_left_alone():
    assert hints(GOOD) == []


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"a": records(None), "b": records(None)}, "No attack flipped any of 20 clips"),
        ({**GOOD, "nes": records(None)}, "nes flipped nothing where others did"),
        ({**GOOD, "random": records(2)}, "random, which looks at no score"),
        ({**GOOD, "marl": records(4, jump=0.1)}, "for 19 of 20 clips the margin"),
        ({k: records(5, gap=17) for k in "ab"}, "saturated: for 20 of 20 clean clips"),
    ],
)
def test_each_fires_on_its_own(found, words):
    (said,) = hints(found)
    assert words in said


@pytest.mark.parametrize(
    "found",
    [
        {"a": records(None, n=5), "b": records(None, n=5)},  # too few to say
        {"random": records(2, n=5), "a": records(n=5), "b": records(n=5)},
        {"random": records(2), "a": records()},  # one other may just be weak
        {**GOOD, "marl": records(4, jump=0.001)},  # another batch's rounding
        {k: records(5, gap=17, n=5) for k in "ab"},
        {"a": [{k: v for k, v in r.items() if k != "clean_gap"} for r in records()]},  # old records
    ],
)
def test_they_do_not_cry_wolf(found):
    assert hints(found) == []


def test_a_label_only_victim_is_not_saturated():
    assert hints({"a": records(gap=87)}, feedback="label") == []
