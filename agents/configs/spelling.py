"""How a key and its value are spelt so that Hydra's parser reads them, and what to write where it cannot."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException
from omegaconf import grammar_parser
from omegaconf.errors import GrammarParseError

from video_attack.agents.configs.carried import literal
from video_attack.agents.core.errors import ConfigError
from video_attack.agents.core.trust import CONF

LISTS = ("attack", "logger")  # groups of which several choices may be made
DASHES = ("\u2013", "\u2014")  # what word processors make of - and --, and of quotes
CURLY = {0x201C: '"', 0x201D: '"', 0x2018: "'", 0x2019: "'"}
HOME = re.compile(r"(?<![^=\[,:\s])~[^,\[\]{}]*")  # a value, or one in a list, that begins with ~


def readable(argument: str, multirun: bool = False) -> str:
    """An override that Hydra's parser takes; a home folder's ~ is spelt out.

    Raises:
        ConfigError: it takes neither this nor what is likely to be meant; the message shows what it takes.
    """
    key, equals, value = argument.partition("=")
    if not key or (not equals and not argument.startswith("~")):
        raise ConfigError(f"{argument!r} is no key=value{_hint(argument)}: see --help for the keys")
    candidates = [argument]
    if value.startswith("~") and not multirun:
        candidates.append(f"{key}={quoted(at_home(value))}")
    candidates.append(f"{key}={HOME.sub(lambda found: quoted(at_home(found[0])), value)}")
    override = next(filter(None, map(_parsed, candidates)), None)
    if override is None:
        raise ConfigError(_unreadable(argument, key, value))
    if override.is_sweep_override() and not multirun and override.key_or_group not in LISTS:
        raise ConfigError(
            f"{argument} is several values: write {shell(key, value)} for one text with a comma, "
            f"{key}=[{value}] for a list, or add --multirun for a run with each"
        )
    check_choice(override)
    text = override.value()
    if text == "" and not override.is_delete() and not (CONF / override.key_or_group).is_dir():
        raise ConfigError(
            f"{argument} is empty, as where a variable of the shell is not set: give {key} a value, or "
            "leave it out"
        )
    if isinstance(text, str) and text.startswith("~") and not override.is_delete():
        return f"{key}={quoted(at_home(text))}"
    return str(override.input_line)


def parse(argument: str) -> Override:
    """An override as Hydra understands it; raises HydraException."""
    return OverridesParser.create().parse_override(argument)


def quoted(text: str) -> str:
    """A text as Hydra's grammar writes it in quotes."""
    return QuotedString(text, Quote.double).with_quotes()


def shell(key: str, value: str) -> str:
    """`key=value` as it is typed into a shell so that Hydra reads just this text."""
    try:
        grammar_parser.parse(value)
    except GrammarParseError:  # signs of an interpolation that is none
        value = literal(value)
    text = f"{key}={quoted(value)}"
    if all(map(_seen, text)):
        return shlex.quote(text)
    # As bash and zsh spell bytes.
    seen = {"\\": "\\\\", "'": "\\'"}
    return f"$'{''.join(seen.get(s, s) if _seen(s) else _bytes(s) for s in text)}'"


def _seen(sign: str) -> bool:
    return sign.isprintable() or sign == "\t"


def _bytes(sign: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in sign.encode("utf-8", "surrogateescape"))


def at_home(text: str) -> str:
    """A path with the user's home folder in place of ~; any other text as it is."""
    if not re.match(r"~[\w.-]*(/|$)", text):
        return text
    try:
        return str(Path(text).expanduser())
    except RuntimeError as error:
        if text[1:2] not in ("", "/"):  # no user of that name: a name that begins with ~
            return text
        raise ConfigError(f"{text}: no home folder is known here; give the path in full") from error


def check_choice(override: Override) -> None:
    """Raise ConfigError where a config group is not given the name of one choice."""
    group, value = override.key_or_group, override.value()
    if "." in group or not (CONF / group).is_dir() or override.is_sweep_override():
        return
    if isinstance(value, str | dict | None) or (isinstance(value, list) and group in LISTS):
        return
    names = ", ".join(sorted(file.stem for file in (CONF / group).glob("*.yaml")))
    raise ConfigError(f"{override.input_line}: {group} takes one of {names}")


def _hint(word: str) -> str:
    """What a word without = may be meant to be: a choice of a group, a group, or an option."""
    if word[:1] in DASHES:
        return f" (its {word[0]} is another sign than -)"
    found = sorted(CONF.glob(f"*/{word}.yaml")) if word.isidentifier() else []
    if found:
        return f" (do you mean {found[0].parent.name}={word}?)"
    return f" (write {word}=NAME)" if word.isidentifier() and (CONF / word).is_dir() else ""


def homes_spelt_out(config: Any) -> Any:
    """Plain values with the home folder in place of ~, at any depth."""
    if isinstance(config, dict):
        return {key: homes_spelt_out(value) for key, value in config.items()}
    if isinstance(config, list):
        return [homes_spelt_out(value) for value in config]
    return at_home(config) if isinstance(config, str) else config


def _parsed(argument: str) -> Override | None:
    try:
        return parse(argument)
    except HydraException:
        return None


def _unreadable(argument: str, key: str, value: str) -> str:
    """Why Hydra's parser does not take an argument, and what to write."""
    if argument.endswith("\r"):
        return (
            f"{argument!r} ends in a carriage return, as each line of a script from Windows does: save the "
            "script with the line ends of Unix (dos2unix)"
        )
    if found := re.search(r"\s([\w./@+~]+)=", value):
        return f"{argument!r} is more than one key: give {found[1]}=... apart from {key}=..."
    if not _parsed(f"{key}={quoted(value)}"):
        bare = key.strip("\ufeff\xa0 \t'\"" + "".join(map(chr, CURLY)))
        if bare and _parsed(f"{bare}=1"):
            return f"{argument!r}: the key is {bare}, without quotes or blanks before and behind it"
        return f"{argument!r}: {key!r} is no name of a key: see --help for the keys"
    meant = next((m for m in _meant(value) if m != value and _parsed(f"{key}={m}")), None)
    also = f" for one text, or {shlex.quote(f'{key}={meant}')}" if meant else ""
    if all(map(_seen, argument)):
        return f"{argument} has signs that need quotes: write {shell(key, value)}{also}"
    return (
        f"{argument!r} holds signs that cannot be seen: type it anew without them, or, if they are meant, "
        f"write {shell(key, value)}"
    )


def _meant(value: str) -> Iterator[str]:
    """What a value may be meant to be that is nearly a number, a list or a text in quotes."""
    yield value.translate(CURLY)
    yield value.strip("=,; \t")
    if value.startswith("["):
        yield f"{value.rstrip(', ')}]"
    if value.startswith("(") and value.endswith(")"):
        yield f"[{value[1:-1].rstrip(', ')}]"
