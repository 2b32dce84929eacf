"""Tables can be made again from records alone, and say the same as those of the run."""

import json

import pytest

from video_attack.agents.audit.tables import main

FIGURES = dict.fromkeys(("linf", "map", "l0_pixels", "l0_frames", "ssim"), 0.5)


def lines(attack, queries, budget=10):
    """One record a clip; a clip with all of the budget spent was not flipped."""
    for clip, spent in enumerate(queries):
        success = spent < budget
        sizes = {**FIGURES, "l2": 2.0 * spent} if success else {}
        yield json.dumps({
            "attack": attack, "id": f"clip{clip}", "label": 0, "attacked": True, "success": success,
            "queries": spent, "budget": budget, "seconds": 1.0, **sizes,
        })  # fmt: skip


def test_figures_and_comparisons_by_hand(tmp_path, capsys):
    old, new = tmp_path / "old.jsonl", tmp_path / "new.jsonl"
    old.write_text("\n".join([*lines("square", [4, 10]), *lines("marl", [9, 9])]))
    new.write_text("\n".join(lines("marl", [2, 3])))  # stands for the old ones
    main([str(old), str(new), "--first", "marl"])
    told = capsys.readouterr().out
    rows = {line.split()[0]: line.split() for line in told.splitlines() if line}
    assert "Within 10 queries marl is ahead (optimality 1.00, median L2 5) of square" in told
    told = told[told.index("clean acc.") :]
    assert told.index("marl") < told.index("square")
    assert "2.5" in next(line for line in told.splitlines() if line.startswith("marl"))
    assert "7.0" in next(line for line in told.splitlines() if line.startswith("square"))
    assert "-4.5" in " ".join(rows["square"])  # the last table: 2.5 against 7 queries


@pytest.mark.parametrize(
    ("text", "more", "word"),
    [
        ("", [], "no record"),
        ("rubbish", [], r"line 1 is no record"),
        ('{"id": 3}', [], r"line 1 is no record"),
        ("\n".join(lines("square", [4])), ["--first", "marl"], "there are square"),
    ],
)
def test_what_is_no_record_is_named(tmp_path, text, more, word):
    path = tmp_path / "records.jsonl"
    path.write_text(text)
    with pytest.raises(SystemExit, match=word):
        main([str(path), *more])
    with pytest.raises(SystemExit, match="No such file"):
        main([str(tmp_path / "none.jsonl")])
