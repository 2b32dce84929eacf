"""Tables of configuration keys, read off the yaml files when the site is built.

`<!-- keys: conf/bound/linf.yaml -->` in a page becomes a table of that file's keys, their defaults and
what their comments say, so that a key is described in one place; `<!-- file: examples/x.py -->` becomes that
file as code.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
MARK = re.compile(r"^<!-- keys: (\S+\.yaml) -->$", re.MULTILINE)
CODE = re.compile(r"^<!-- file: (\S+\.py) -->$", re.MULTILINE)
KEY = re.compile(r"^( *)(?:- )?([a-z_]\w*): *([^#]*?)(?:\s+# (.*))?$")
HIDDEN = ("defaults", "hydra", "_target_")


def keys(path: Path) -> Iterator[tuple[str, str, str]]:
    """Dotted key, default and comment of each line of a yaml file that has a comment.

    Raises:
        OSError: there is no such file.
    """
    parents: list[tuple[int, str]] = []
    for line in path.read_text().splitlines():
        found = KEY.match(line)
        if not found:
            continue
        depth, name = len(found[1]), found[2]
        parents = [parent for parent in parents if parent[0] < depth]
        outer = [parent for _, parent in parents]
        parents.append((depth, name))
        if name in HIDDEN or (outer and outer[0] in HIDDEN) or not found[4]:
            continue
        yield ".".join([*outer, name]), found[3].strip(), found[4]


def table(path: Path) -> str:
    """A Markdown table of a yaml file's keys."""
    lines = ["| key | default | meaning |", "|---|---|---|"]
    for cells in keys(path):
        name, value, said = (cell.replace("|", "\\|").replace("<", "&lt;") for cell in cells)
        shown = f"`{value}`" if value and len(value) < 60 else ("(long)" if value else "")
        lines.append(f"| `{name}` | {shown} | {said} |")
    return "\n".join(lines)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """MkDocs' event: put tables and files in."""
    shown = MARK.sub(lambda found: table(ROOT / found[1]), markdown)
    return CODE.sub(lambda found: f"```python\n{(ROOT / found[1]).read_text()}```", shown)
