"""Protects attacks on a real server over HTTP: each way in which one can fail ends in an answer or
in one clear sentence, what the server saw twice is told, and finished records outlive its death."""

import logging
import socket
import threading

import numpy as np
import pytest

from tests.endpoints import (
    CLIPS,
    KEYS,
    TRUTH,
    cut_off,
    dripping,
    dropping,
    good,
    one_a_connection,
    says,
    slow,
    victim,
)
from tests.http_servers import Handler, Reply, serve
from tests.toys import FRAMES, SIZE, BrightnessVictim
from video_attack.envs.clip import Frames
from video_attack.envs.victims.base import VictimError
from video_attack.envs.victims.endpoint import Endpoint


@pytest.mark.parametrize("body", ["npy", "json"])
def test_scores_in_batches_over_one_connection(body: str) -> None:
    clips = np.random.default_rng(1).integers(0, 256, (7, FRAMES, SIZE, SIZE, 3), np.uint8)
    with serve(good) as server:
        asked = victim(server.url, body=body, max_batch=3)
        assert np.abs(asked.scores(clips) - BrightnessVictim().answer(clips)).max() < 1e-6
        assert [len(seen) for seen in server.seen] == [3, 3, 1]
        assert np.array_equal(np.concatenate(server.seen), clips)
        assert server.connections == 1
        assert (asked.requests, asked.answered, asked.retried, asked.repeated) == (3, 3, 0, 0)


@pytest.mark.parametrize("fault", [slow, dripping, dropping, cut_off])
def test_without_an_answer_a_clip_is_sent_again_and_counted_once(fault: Reply, caplog) -> None:
    with serve(fault, good) as server, caplog.at_level(logging.WARNING):
        asked = victim(server.url, timeout=0.5)
        assert np.abs(asked.scores(CLIPS) - TRUTH).max() < 1e-6
        assert (asked.requests, asked.answered, asked.retried, asked.repeated) == (2, 1, 1, 0)
    assert "no answer" in caplog.text


@pytest.mark.parametrize(
    "reply",
    [
        says(b"out of memory", 500),
        says(b"", 503),
        says(b"slowly, please", 429),
        says(b"<html>welcome</html>"),
        says(b"\xff\xfe\x00"),
        says(b'{"scores": [[0.1'),
        says(b"[" * 100_000),
        says([1, 2]),
        says({"error": "busy"}),
    ],
)
def test_an_answer_of_no_use_is_told_beside_the_ledger(reply: Reply, caplog) -> None:
    with serve(reply, reply, good) as server, caplog.at_level(logging.WARNING):
        asked = victim(server.url)
        assert np.abs(asked.scores(CLIPS) - TRUTH).max() < 1e-6
        assert (asked.requests, asked.answered, asked.retried, asked.repeated) == (3, 3, 2, 4)
    assert "clips that it has seen, 4 so far beyond what the ledger counts" in caplog.text


def test_after_all_tries_one_sentence_says_how_to_go_on() -> None:
    with serve(says(b"out\nof memory", 500)) as server:
        asked = victim(server.url, retries=2)
        with pytest.raises(VictimError) as caught:
            asked.scores(CLIPS)
        assert (asked.requests, asked.repeated) == (3, 4)
    text = str(caught.value)
    assert text.startswith(f"{server.url} gave no scores in 3 tries, at last status 500")
    assert "out of memory" in text
    assert "model.retries" in text
    assert "\n" not in text


def test_a_server_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
    with pytest.raises(VictimError, match=r"2 tries, at last no answer \(.*refused"):
        victim(url, retries=1).scores(CLIPS)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (
            says({}, 302, Location="http://elsewhere/x"),
            "redirects to http://elsewhere/x.*model.url",
        ),
        (says(b"who are you", 401), "401 Unauthorized .*token_env"),
        (says(b"", 404), "404.*correct model.url"),
        (says(b"", 413), "413.*lower model.max_batch"),
        (says(b"no such key", 422), "422.*no such key"),
        (says({"scores": [[0.5, 0.5]] * 2}), "answers 2 classes, but 3 are configured"),
        (says({"scores": [[1.0, 0, 0]]}), r"shape \(1, 3\) to 2 clips"),
        (says({"scores": [0.1, 0.9]}), r"shape \(2,\) to 2 clips"),
        (says({"scores": [[1, 0], [1]]}), "no table of numbers"),
        (says({"scores": [["a", "b", "c"]] * 2}), "no table of numbers"),
        (says({"scores": None}), "answered a NoneType"),
        (says({"scores": [[float("nan")] * 3] * 2}), "NaN or infinity"),
        (says({"scores": [[float("inf"), 0, 0]] * 2}), "NaN or infinity"),
        (says({"scores": [[7, -3, 1]] * 2}), "set model.outputs=logits"),
        (says({"labels": [0, 1]}), "labels only: set model.feedback=label"),
        (says({"top": [[[0, 0.9]]] * 2}), "model.feedback=topk model.top_k=1"),
    ],
)
def test_an_answer_that_does_not_fit_is_not_asked_for_again(reply: Reply, words: str) -> None:
    with serve(reply) as server:
        asked = victim(server.url)
        with pytest.raises(VictimError, match=words):
            asked.scores(CLIPS)
        assert asked.requests == 1


@pytest.mark.parametrize(
    "body",
    [
        b" " * (3 << 20),
        b'{"scores": [' + b"[]," * (1 << 20) + b"[]]}",  # 3 MiB that would take 70
        b'{"labels": [' + b"9" * (3 << 20) + b"]}",
    ],
)
def test_an_answer_larger_than_all_scores_is_not_read_to_its_end(body: bytes) -> None:
    with serve(says(body)) as server, pytest.raises(VictimError, match=r"than 1\.0 MiB, which all"):
        victim(server.url).scores(CLIPS)


def test_answers_may_be_as_large_as_all_scores_are() -> None:
    """Every class with its name and score, for many clips, in as many characters as JSON may have."""
    names = [f"{'é' * 90} {i}" for i in range(2000)]
    row = [[name, 1 / 2000] for name in names]
    with serve(says({"top": [row] * 8})) as server:
        asked = Endpoint(
            server.url, **{k: v for k, v in KEYS.items() if k != "classes"}, classes=2000
        )
        asked.classes = tuple(names)
        clips = np.zeros((8, FRAMES, SIZE, SIZE, 3), np.uint8)
        assert asked.scores(clips).shape == (8, 2000)


HUGE = 10**400


@pytest.mark.parametrize(
    ("found", "words"),
    [
        # Python's json reads integers of any size; numpy's floats end at 1.8e308.
        ({"scores": [[HUGE, 0, 0]] * 2}, "no table of numbers"),
        ({"scores": [[-HUGE, 0, 0]] * 2}, "no table of numbers"),
        ({"top": [[[0, HUGE]]] * 2}, "best classes"),
        ({"labels": [HUGE, 0]}, "answered the class '1000"),
        ({"scores": [[1e308, 1e308, 0]] * 2}, "sums to inf|set model.outputs"),
        ({"scores": [[None, 1, 0]] * 2}, "NaN or infinity"),
        ({"scores": [[True, "x", 0]] * 2}, "no table of numbers"),
        ({"scores": []}, r"shape \(0,\) to 2 clips"),
        ({"top": []}, "0 answers to 2 clips"),
        ({"top": [[], []]}, "best classes"),
        ({"scores": {"0": 1}}, "answered a dict"),
    ],
)
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_odd_numbers_end_in_one_sentence(found: dict, words: str) -> None:
    with serve(says(found)) as server:
        answers = "label" if "labels" in found else "topk"
        asked = victim(server.url)
        asked.feedback = answers
        with pytest.raises(VictimError, match=words) as caught:
            asked.scores(CLIPS)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_the_cause_at_the_end_of_a_servers_page_is_shown() -> None:
    page = (
        "<html>" + "<p>Traceback (most recent call last):</p>\n" * 300 + "ValueError: no such layer"
    )
    words = r"status 500 .*ValueError: no such layer"
    with serve(says(page.encode(), 500)) as server, pytest.raises(VictimError, match=words):
        victim(server.url, retries=0).scores(CLIPS)


def test_an_idle_connection_that_was_closed_is_no_failure(caplog) -> None:
    with serve(one_a_connection) as server, caplog.at_level(logging.WARNING):
        asked = victim(server.url, retries=0)
        for _ in range(3):
            assert np.abs(asked.scores(CLIPS) - TRUTH).max() < 1e-6
        assert asked.answered == 3
    assert not caplog.records


def test_late_answers_never_meet_a_later_request() -> None:
    """The answer to a request that was given up must not be taken for the next one's."""
    released = threading.Event()

    def late(handler: Handler, clips: Frames) -> None:
        released.wait(2)
        says({"scores": [[0, 0, 1]] * len(clips)})(handler, clips)

    with serve(good, late, good) as server:
        asked = victim(server.url, timeout=0.5)
        asked.scores(CLIPS)
        found = asked.scores(CLIPS)
        released.set()
        assert np.abs(found - TRUTH).max() < 1e-6
        assert np.abs(asked.scores(CLIPS) - TRUTH).max() < 1e-6
