"""Protects an endpoint's keys: what they say reaches the server and the attacker; wrong ones are told."""

import json
from pathlib import Path

import pytest
import yaml

from tests.endpoints import (
    CLIPS,
    KEYS,
    good,
    says,
    victim,
)
from tests.http_servers import serve
from tests.toys import brighten
from video_attack.agents.evaluation.runner import evaluate
from video_attack.agents.setup.attack_setup import AttackSetup, build_game, make_victim
from video_attack.envs.victims import endpoint
from video_attack.envs.victims.base import VictimError


def test_waits_grow_and_are_always_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(endpoint.time, "sleep", waits.append)
    monkeypatch.setattr(endpoint, "LONGEST", 3.0)
    for _ in range(2):
        with serve(says(b"", 500)) as server, pytest.raises(VictimError):
            victim(server.url, backoff=0.5, retries=4).scores(CLIPS)
    assert waits == [0.5, 1.0, 2.0, 3.0] * 2


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
