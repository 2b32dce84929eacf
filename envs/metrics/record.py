"""The record of one attacked clip, as one line of JSON holds it; every figure is made from records alone.

A record is a mapping and no TypedDict: metrics, tables and `verify` read most figures by a name that is a
value (`record[norm]`, `record.get(column)`, each of MEANS and CHECKS in turn), which a TypedDict allows for
literal keys only: it would need a cast in some twenty places, and check little. What a record must hold is
checked where one is read (`read_records`).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from video_attack.envs.text_file import read_text

# A record is a mapping with
#     attack, id, label: whose, of which clip, and its class;
#     attacked: bool, False when the victim got the clean clip wrong (or it is of the target class);
#     clean_right: bool, the victim got the clean clip right (where absent: attacked);
#     success: bool, the label flipped within the budget;
#     queries: int, all clips that went through the victim, those of a clean-up among them;
#     first_success: int, which of them first reached the goal (where absent: the last);
#     budget: int, the most queries allowed;
# and, for successes at least, the figures named in `summary.MEANS`; where they were measured also those in
# MORE and the flags named in CHECKS (whether the clip still is a success after it was such a file, and of
# the victim in float32), those in FILES perhaps in a mapping `delivered` of their own. What else there is
# `agents.evaluation.records.make_record` and `agents.evaluation.arena.outcomes` say.
Record = Mapping[str, Any]
Found = Mapping[str, Sequence[Record]]  # of each attack by its name, one a clip
Draft = dict[str, Any]  # a record in the making
NEEDED = frozenset({"attack", "id", "attacked", "success"})


class RecordError(ValueError):
    """A line that is no record; the message has its number.

    Attributes:
        number: of the line, from 1.
    """

    def __init__(self, number: int, path: Path, what: str) -> None:
        super().__init__(
            f"line {number} of {path.name} {what}: give the folder of an evaluation, as it wrote it"
        )
        self.number = number


def read_records(path: Path, torn: bool = False) -> Iterator[Draft]:
    """The records of a file, one a line, in its order.

    Args:
        path: the file.
        torn: pass over a last line that was not written to its end, as a killed run leaves one.

    Raises:
        RecordError: a line is no JSON, or lacks one of NEEDED.
        OSError, ValueError: the file cannot be read, or is no text.
    """
    for number, line in enumerate(read_text(path).splitlines(keepends=True), start=1):
        if torn and not line.endswith("\n"):
            return
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise RecordError(number, path, f"is no JSON: {error.msg}") from error
        missing = sorted(NEEDED - record.keys()) if isinstance(record, dict) else sorted(NEEDED)
        if missing:
            raise RecordError(number, path, f"lacks {', '.join(missing)}")
        yield record
