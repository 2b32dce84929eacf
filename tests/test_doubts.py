"""Protects a word where the victim itself is likely to be asked wrongly: chance, or one answer to all."""

import random

from video_attack.envs.metrics.doubts import doubts

CLASSES = [f"c{i}" for i in range(10)]
LABELS = [i % 10 for i in range(40)]


def test_a_good_victim_is_left_in_peace() -> None:
    assert doubts(LABELS, LABELS, CLASSES) == []
    assert doubts(LABELS, [*LABELS[:10], *(9 - i for i in LABELS[10:])], CLASSES) == []
    assert doubts([3] * 40, [3] * 40, CLASSES) == []  # clips of one class, all right


def test_labels_in_another_order_are_told() -> None:
    (told,) = doubts(LABELS, [(i + 1) % 10 for i in LABELS], CLASSES)
    assert "right on 0 of 40 clips, no better than chance (1 of 10)" in told
    assert "model.labels" in told
    order = random.Random(4).sample(range(10), 10)
    assert doubts(LABELS, [order[i] for i in LABELS], CLASSES) != []
    assert doubts([0, 1] * 10, [1, 0] * 10, ["no", "yes"]) != []


def test_one_answer_to_all_is_told() -> None:
    told = doubts(LABELS, [4] * 40, CLASSES)
    assert "answers c4 to all 40 clips, of 10 classes" in told[0]
    assert len(told) == 2  # a tenth is right by chance


def test_few_clips_say_nothing() -> None:
    assert doubts([1, 2, 3], [0, 0, 0], CLASSES) == []


def test_a_little_more_than_chance_is_chance_where_clips_are_few() -> None:
    many = [f"c{i}" for i in range(50)]
    labels = list(range(20))
    for right, told in ((0, True), (1, True), (4, False), (20, False)):
        answers = [*labels[:right], *(label + 25 for label in labels[right:])]
        assert bool(doubts(labels, answers, many)) == told, right
    assert doubts([0, 1] * 3, [0, 1, 0, 1, 1, 0], ["no", "yes"]) == []  # 4 of 6
