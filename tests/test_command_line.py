"""Protects what people type: each spelling that Hydra takes means the same, home folders and whole numbers
work as they are written, and where an argument cannot be read the message shows the spelling that can."""

import re
import shlex
import subprocess

import pytest
from hydra import compose, initialize_config_dir
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from tests.commands import composed
from video_attack.agents.configs.arrange import arrange
from video_attack.agents.configs.command_line import plain_errors, prepare
from video_attack.agents.configs.spelling import homes_spelt_out, parse, quoted, readable
from video_attack.agents.core.errors import ConfigError
from video_attack.agents.core.trust import CONF

SIGNS = st.text(st.sampled_from("aZ9é数 /~._-=,:()[]{}'\"\\#@!$&*?|<>\t"), min_size=1, max_size=12)


def remedy(argument):
    """What a shell makes of the spelling that a message shows, or the argument where it can be read."""
    try:
        return readable(argument)
    except ConfigError as error:
        found = re.search(r"write (.*?)( for one text.*)?$", str(error), re.S)
        assert found, error
        (word,) = shlex.split(found[1])
        return word


@given(SIGNS)
@settings(max_examples=400, deadline=None)
def test_every_path_can_be_given_as_the_message_says(text):
    assume(not re.search(r"\s[\w./@+~]+=", text))  # or it is several keys
    assume(text.strip(" \t'\""))  # or it is none
    value = parse(remedy(f"dataset.root={text}")).value()
    bare = text.strip(" \t")  # Hydra drops some of the blanks around it
    if isinstance(value, str) and not bare.startswith(("~", "'", '"')) and "\\" not in text:
        assert value.replace("\\${", "${").strip(" \t") == bare


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
@settings(max_examples=200, deadline=None)
def test_a_quoted_text_is_read_as_it_is(text):
    assert parse(f"key={quoted(text)}").value() == text


@pytest.mark.parametrize(
    "name", ["été", "数据", "a=b", "my videos [1]", "x{1}", "f(x)", "it's", "a,b", "a#b&c"]
)
def test_these_names_are_read_or_the_right_spelling_is_shown(name):
    assert parse(remedy(f"dataset.root=/data/{name}")).value() == f"/data/{name}"


# What is pasted: from web pages (hydra 1843: `|`; hydra 1600: a backslash at the end), from another system.
@pytest.mark.parametrize(
    "name",
    [
        "a|b",
        "end\\",
        "x\u00a0y",
        "a\u200bb",
        "x\ny",
        "\u2028",
        "it's\u00a0\\",
        "\udcff/é",
        "a!b",
        "${a",
    ],
)
def test_what_a_message_shows_is_pasted_into_bash(name):
    try:
        shown = shlex.quote(readable(f"dataset.root=/data/{name}"))
    except ConfigError as error:
        assert all(sign.isprintable() for sign in str(error)), str(error)
        shown = re.search(r"write (.*?)( for one text.*)?$", str(error))[1]
    typed = subprocess.run(["bash", "-c", f"printf %s {shown}"], capture_output=True, check=True)
    value = parse(typed.stdout.decode("utf-8", "surrogateescape")).value()
    assert OmegaConf.create({"root": value}).root == f"/data/{name}"


@pytest.mark.parametrize(
    ("given", "words", "remedy"),
    [
        ("model.mean=(0.4,0.5,0.6)", r"or 'model\.mean=\[0\.4,0\.5,0\.6\]'", "model.mean=[0.4,0.5,0.6]"),
        ("attack=[square,geotrap", r"or 'attack=\[square,geotrap\]'", "attack=[square,geotrap]"),
        ("attack=“square”", "or 'attack=\"square\"'", 'attack="square"'),
        ("seed==1", "or seed=1$", "seed=1"),
        ("seed=1,", "or seed=1$", "seed=1"),
        ("'attack=square'", "the key is attack, without quotes", "attack=square"),  # cmd.exe keeps these
        ("\ufeffseed =1", "the key is seed, without quotes or blanks", "seed=1"),
        ("seed=1\r", r"carriage return.*line ends of Unix \(dos2unix\)", "seed=1"),  # PointContrast 16
    ],
)  # fmt: skip
def test_a_slip_is_shown_as_it_was_meant(given, words, remedy):
    with pytest.raises(ConfigError, match=words):
        readable(given)
    assert readable(remedy) == remedy


@pytest.mark.parametrize("argument", ["run_dir=", 'run_dir=""', "dataset.root=", "checkpoint=''"])
def test_an_unset_variable_of_the_shell_is_no_value(argument):
    with pytest.raises(
        ConfigError, match=f"^{argument} is empty, .* give {argument.split('=')[0]} a value"
    ):
        readable(argument)


@pytest.mark.parametrize(
    "form",
    ["dataset.root=~/{}", "dataset.root='~/{}'", 'dataset.root="~/{}"', "+x=~/{}", "run_dir=~/{}"],
)
@pytest.mark.parametrize("name", ["videos", "mes vidéos", "数据=1"])
def test_the_home_folder_is_found(monkeypatch, form, name):
    monkeypatch.setenv("HOME", "/home/me")
    assert parse(readable(form.format(name))).value() == f"/home/me/{name}"


def test_home_folders_in_lists_and_files_are_found(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    found = parse(readable("dataset.paths=[~/a.mp4,~/ü b.mkv, c.mp4]")).value()
    assert found == ["/home/me/a.mp4", "/home/me/ü b.mkv", "c.mp4"]
    assert homes_spelt_out({"a": ["~/x", {"b": "~"}], "c": "~x y", "d": 3}) == {
        "a": ["/home/me/x", {"b": "/home/me"}], "c": "~x y", "d": 3,
    }  # fmt: skip
    assert parse(readable("dataset.root=~nobody_here/x")).value() == "~nobody_here/x"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--attack", "random"], "without dashes, attack=random"),
        (["--attack=random"], "without dashes, attack=random"),
        (["-seed", "3"], "without dashes, seed=3"),
        (["--resume"], "without dashes, resume=true"),
        (["--side-by-side", "4"], "without dashes, side_by_side=4"),
        (["--config-dir"], "--config-dir/-cd: expected one argument"),
        (["--experimental-rerun", "config.pickle"], "unpickles a file"),
        (["square"], r"do you mean attack=square"),
        (["attack"], r"write attack=NAME"),
        (["seed", "=", "3"], "'seed' is no key=value"),
        (["=3"], "'=3' is no key=value"),
        (["\u2013m"], "another sign than -"),
        (["seed=3 clips=4"], r"more than one key: give clips="),
        (["seed=1,2"], r"\[1,2\] for a list, or add --multirun"),
        (["model=[i3d,x3d]"], "model takes one of c3d"),
        (["model=3"], "model takes one of c3d"),
        (["my key=3"], "no name of a key"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said_in_one_sentence(given, words):
    prepare()
    with pytest.raises(ConfigError, match=words) as error:
        arrange("evaluate", ["checkpoint=null", *given])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("key", ["checkpoint", "seed", "env.budget", "env", "run_dir", "resume"])
def test_a_key_that_is_needed_cannot_be_left_out(key):
    prepare()
    with pytest.raises(ConfigError, match=rf"~{key}: this command needs {key}: leave ~{key} out"):
        arrange("evaluate", [f"~{key}"])


def test_a_key_of_a_component_can_be_left_out():
    prepare()
    given = ["checkpoint=null", "attack=[random,square]", "~attacks.square", "~distortion.std"]
    assert "~attacks.square" in arrange("evaluate", given)


def test_a_value_that_is_taken_from_a_missing_one_is_explained():
    with pytest.raises(SystemExit) as stop, plain_errors():
        _ = OmegaConf.create({"policy": "${checkpoint}"}).policy
    assert "policy takes its value from 'checkpoint', which is not there" in str(stop.value)


def test_options_may_stand_between_keys():
    prepare()
    given = ["checkpoint=null", "-m", "seed=1,2", "--config-dir", "x", "clips=3"]
    assert arrange("evaluate", given) == [
        "checkpoint=null", "seed=1,2", "clips=3", "-m", "--config-dir", "x",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "number"), [("1e3", 1000), ("1E3", 1000), ("2.5e2", 250), ("7", 7)]
)
def test_whole_numbers_may_be_written_short(text, number):
    found = composed(
        "train", f"queries={text}", f"env.budget={text}", f"cluster.cpus={text}", "algo.lr=1e3"
    )
    values = found["queries"], found["env"]["budget"], found["cluster"]["cpus"]
    assert values == (number,) * 3 and {type(value) for value in values} == {int}
    assert isinstance(found["algo"]["lr"], float)
    found = composed("evaluate", "checkpoint=null", f"clips={text}", f"env.budget={text}")
    assert found["clips"] == found["env"]["budget"] == number


@pytest.mark.parametrize(
    ("command", "argument", "words"),
    [
        ("train", "queries=1.5", "queries=1.5: queries takes a whole number"),
        ("train", "algo.lr=fast", "algo.lr takes a number"),
        ("train", "resume=maybe", "resume takes true or false"),
        ("train", "threads=null", "threads takes a value, not null"),
        ("train", "env.windows=3", "takes a list"),
        ("train", "env.reward=3", "takes keys of its own"),
        ("train", "seed=${oc.env:NO_SUCH}", "environment variable 'NO_SUCH' not found"),
        ("train", "seed=${sede}", "from 'sede', which is not there"),
        ("train", 'seed="${a"', "close it as ${...}, or write"),
        ("train", "run_dir=[a]", "run_dir=[a]: run_dir takes a text"),
        ("train", "attack=square", "takes no group 'attack'"),
        ("train", "experiment=mine", "experiment is one of"),
        ("train", "model=", "there is no such choice"),
        ("train", "+env.budget=3", "write env.budget=... without +"),
        ("train", "~env.budgett", "nothing of that name"),
        ("finetune", "model=i3d", "dataset is not chosen: add dataset=..."),
        ("evaluate", "checkpoint=/no/such", "no such folder or file"),
    ],
)  # fmt: skip
def test_hydras_words_are_put_in_plain_ones(command, argument, words):
    with pytest.raises(SystemExit, match=re.escape(words)) as end, plain_errors():
        composed(command, argument)
    said = str(end.value)
    assert said.startswith("error: ") and "\n" not in said
    for theirs in ("full_key", "object_type", "merging override", "interpolation:", "hydra.cc"):
        assert theirs not in said


@pytest.mark.parametrize("value", ["${nope:1}", "${nope}", "${oc.env:NO_SUCH}", "${run_dir}"])
def test_the_folder_of_a_run_is_called_run_dir(value):
    with (
        pytest.raises(SystemExit, match=r"^error: run_dir.*or give run_dir a value of its own$"),
        plain_errors(),
        initialize_config_dir(str(CONF), version_base=None),
    ):
        prepare()
        found = compose(
            "evaluate", [f"run_dir={value}", "checkpoint=null"], return_hydra_config=True
        )
        _ = found.hydra.run.dir


@pytest.mark.parametrize("line", ["--help", "--cfg job", "-c job seed=3", "-sc install=bash"])
def test_options_of_hydra_are_left_as_they_are(line):
    prepare()
    assert arrange("train", line.split()) == line.split()
