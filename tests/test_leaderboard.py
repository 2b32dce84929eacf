"""Protects the leaderboard: what it asks for beside records, and that a yardstick is in no rank."""

import json

import pytest

from tests.test_tradeoff import record
from video_attack.agents.audit.leaderboard import main
from video_attack.envs.metrics.optimality import lead, leaders, optimality_curves, standings

FOUND = {
    "whitebox": [record("a", (2, 1.0)), record("b", (2, 1.0))],
    "slow": [record("a", (9, 20.0)), record("b", (9, 30.0))],
    "quick": [record("a", (5, 10.0)), record("b")],
}


def test_a_yardstick_is_in_no_rank_minimum_or_lead():
    rivals = {name: records for name, records in FOUND.items() if name != "whitebox"}
    found = standings(FOUND, 50)
    assert found.pop("whitebox").clips == 0 and found == standings(rivals, 50)
    assert lead(FOUND, 50) == lead(rivals, 50)
    assert leaders(FOUND, [3, 5, 50]) == leaders(rivals, [3, 5, 50])
    assert list(optimality_curves(FOUND, [50])) == ["slow", "quick"]


def test_records_without_their_yaml_are_refused(tmp_path):
    (tmp_path / "run.jsonl").write_text(json.dumps({"attack": "a", "id": "0"}) + "\n")
    with pytest.raises(SystemExit, match=r"run\.yaml is missing: write title, command, victim"):
        main([str(tmp_path)])
