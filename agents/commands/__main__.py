"""`video-attack COMMAND ...`: a command is a module of this folder, and its `run` does the work."""

import ast
import sys
from importlib import import_module
from pathlib import Path

from video_attack.agents.core.needs import extra_of, sentence


def commands() -> dict[str, str]:
    """What each command does, in one line; none of them is loaded for it."""
    files = sorted(Path(__file__).parent.glob("[a-z]*.py"))
    said = {file.stem: ast.get_docstring(ast.parse(file.read_text())) or "" for file in files}
    return {name: text.splitlines()[0].replace("`", "") for name, text in said.items()}


def main() -> None:
    """Run the command that the first argument names; the others are its own."""
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    known = commands()
    if name not in known:
        print("usage: video-attack COMMAND ...\n")
        width = max(map(len, known)) + 2
        for command, text in known.items():
            print(f"  {command:{width}}{text}")
        sys.exit(0 if name in ("-h", "--help") else f"error: there is no command {name!r}")
    sys.argv = [f"video-attack {name}", *sys.argv[2:]]
    try:
        module = import_module(f"video_attack.agents.commands.{name}")
    except ModuleNotFoundError as error:
        extra = extra_of(error.name or "")
        if extra is None:
            raise
        sys.exit(f"error: {sentence(str(error.name), extra, name)}")
    module.run()


if __name__ == "__main__":
    main()
