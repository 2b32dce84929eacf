"""Protects attacks on a real server over HTTP: each way in which one can fail ends in an answer or
in one clear sentence, what the server saw twice is told, and finished records outlive its death."""

import json
import logging
import socket
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.http_servers import Handler, Reply, answer, serve
from tests.toys import FRAMES, SIZE, BrightnessVictim, brighten
from video_attack.agents.evaluation.runner import evaluate
from video_attack.agents.setup.attack_setup import AttackSetup, build_game, make_victim
from video_attack.envs.clip import Frames
from video_attack.envs.victims import endpoint
from video_attack.envs.victims.base import VictimError
from video_attack.envs.victims.endpoint import Endpoint

KEYS = {"frames": FRAMES, "size": SIZE, "short_side": SIZE, "stride": 1, "classes": 3}
CLIPS = np.random.default_rng(0).integers(0, 256, (2, FRAMES, SIZE, SIZE, 3), np.uint8)
TRUTH = BrightnessVictim().answer(CLIPS)


def scores(clips: Frames) -> dict[str, object]:
    return {"scores": BrightnessVictim().answer(clips).tolist()}


good = answer(scores)


def says(found: object, status: int = 200, **headers: str) -> Reply:
    body = found if isinstance(found, bytes) else json.dumps(found).encode()
    return lambda handler, clips: handler.send(body, status, **headers)


def slow(handler: Handler, clips: Frames) -> None:
    """Silent for longer than any patience here."""
    time.sleep(1.0)
    handler.close_connection = True


def dripping(handler: Handler, clips: Frames) -> None:
    """Right, bit by bit: no single wait is too long, but all together are."""
    body = json.dumps(scores(clips)).encode().ljust(400)
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    for start in range(0, len(body), 40):
        handler.wfile.write(body[start : start + 40])
        time.sleep(0.1)


def dropping(handler: Handler, clips: Frames) -> None:
    """Hangs up without a word."""
    handler.close_connection = True


def cut_off(handler: Handler, clips: Frames) -> None:
    """Promises more than it sends."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"scores": [[')
    handler.close_connection = True


def one_a_connection(handler: Handler, clips: Frames) -> None:
    """Answers, and hangs up after it has promised to stay."""
    good(handler, clips)
    handler.close_connection = True


def victim(url: str, **keys: object) -> Endpoint:
    return Endpoint(url, **{**KEYS, "backoff": 0.001, "timeout": 5.0, **keys})


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


def test_waits_grow_and_are_always_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(endpoint.time, "sleep", waits.append)
    monkeypatch.setattr(endpoint, "LONGEST", 3.0)
    for _ in range(2):
        with serve(says(b"", 500)) as server, pytest.raises(VictimError):
            victim(server.url, backoff=0.5, retries=4).scores(CLIPS)
    assert waits == [0.5, 1.0, 2.0, 3.0] * 2


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


# Headers and keys


def test_a_token_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "secret\n")
    with serve(good) as server:
        victim(server.url, token_env="MY_TOKEN", headers={"X-Run": 7}).scores(CLIPS)
        victim(server.url, token_env="MY_TOKEN", token_header="X-Api-Key").scores(CLIPS)
        first, second = server.headers
    assert (first["Authorization"], first["X-Run"]) == ("Bearer secret", "7")
    assert second["X-Api-Key"] == "secret"
    assert "Authorization" not in second


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"url": "localhost:8000"}, "write http://"),
        ({"url": "ftp://x/y"}, "write http://"),
        ({"url": "http://x:port/"}, "is no URL"),
        ({"url": "http://me:word@x/"}, "use token_env"),
        ({"classes": None}, "give model.labels or classes"),
        ({"token_env": "NO_SUCH_VARIABLE"}, "NO_SUCH_VARIABLE .*is empty"),
    ],
)
def test_wrong_keys_end_in_one_sentence(keys: dict, words: str) -> None:
    with pytest.raises(VictimError, match=words):
        victim(**{"url": "http://127.0.0.1:1/", **keys})


@pytest.mark.parametrize("keys", [{"body": "mp4"}, {"timeout": 0}, {"retries": -1}])
def test_keys_out_of_range(keys: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(keys))):
        victim("http://127.0.0.1:1/", **keys)


@pytest.mark.parametrize("answers", ["scores", "topk", "label"])
def test_the_config_says_what_an_attacker_sees(answers: str) -> None:
    """The key `answers` reaches the endpoint through the builder."""
    with serve(says({"labels": [1, 0]})) as server:
        target = "video_attack.envs.victims.endpoint.Endpoint"
        model = {"_target_": target, "url": server.url, "feedback": answers, "top_k": 2, **KEYS}
        made = make_victim({"model": model, "defence": {"_target_": None}})
        if answers == "label":
            assert made.scores(CLIPS).tolist() == [[0, 1, 0], [1, 0, 0]]
        else:
            with pytest.raises(VictimError, match=r"set model\.feedback=label"):
                made.scores(CLIPS)


def test_finished_records_outlive_the_server(tmp_path: Path) -> None:
    """The server dies in the middle: what was finished is in the file, and it is said why."""
    rules = yaml.safe_load((Path(__file__).parents[1] / "conf/env/default.yaml").read_text())
    game = build_game({**rules, "budget": 5, "grid": 4, "sizes": [0.25], "windows": [2]})
    config = {
        "dataset": {"_target_": "tests.toy_dataset.ToyDataset"},
        "distortion": {"_target_": "tests.toys.brighten"},
    }
    with serve(*[good] * 23, says(b"down", 503)) as server:
        asked = victim(server.url, retries=1)
        setup = AttackSetup(config, asked, brighten, 1, game)
        attack = setup.attack(
            {"_target_": "video_attack.agents.attacks.play.random_moves.RandomMoves"}
        )
        choice = {"clips": 20, "examples": 0, "seed": 0, "side_by_side": 1}
        with pytest.raises(VictimError, match=f"{server.url} gave no scores.*503"):
            evaluate([attack], setup, choice, tmp_path)
    records = [json.loads(line) for line in (tmp_path / "records.jsonl").read_text().splitlines()]
    assert len(records) >= 4
    assert [record["id"] for record in records] == [f"dark-{i}" for i in range(len(records))]
    # What the ledgers counted is what the server answered, but for the clip in hand.
    assert 0 < 23 - sum(record["queries"] for record in records) <= game.budget
    assert asked.repeated == 1
