"""Run one job of this repository, first setting up all it needs: ``python3 dev.py VERB``.

Needs nothing but Python's standard library. It parses on Python 2.7 as well (hence no annotations
and no f-strings), so that an old interpreter is told what is missing instead of meeting a syntax
error.

Set-up makes ``.venv``, installs the hashed requirement layers the verb needs and the package itself
in editable form, and notes what it installed in ``.venv/dev-stamp.json``; a second run only
compares that stamp. The stamp is taken away before anything is changed, so whatever was
interrupted, moved or made by another Python is made again.

Exit status: that of the job (128+n if signal n ended it), 2 for an unknown verb, 3 if this machine
lacks a part. stdout belongs to the job alone; what dev.py itself has to say goes to stderr.
"""

import collections
import contextlib
import glob
import hashlib
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys

try:
    import fcntl
except ImportError:  # Windows: there, two set-ups at once are not kept apart
    fcntl = None

OLDEST = (3, 11)
ROOT = os.path.dirname(os.path.realpath(__file__))
VENV = os.path.join(ROOT, ".venv")
STAMP = os.path.join(VENV, "dev-stamp.json")
PROGRAMS = os.path.join(VENV, "Scripts" if os.name == "nt" else "bin")
UNTIL_STDIN_CLOSES = "--until-stdin-closes"  # the option of commands that do not outlive us

USAGE = """usage: python3 dev.py VERB [-- ARGUMENTS]

  demo [ARGUMENTS]     play the user stories on a real shipyard
  demo --people        play four more, in which a person decides
  demo --failures      play five more, in which something fails
  demo --serve         serve the reference controller, with executors, and play them there
  scale-demo           three controllers on one PostgreSQL, while much of that fails
  cli [ARGUMENTS]      the command line of the reference controller
  test [-- ARGUMENTS]  all tests with branch coverage, or pytest with these arguments
  lint                 style, format and import contracts
  types                mypy and basedpyright, strict
  docs                 build the documentation, warnings are errors
  bench [ARGUMENTS]    measure; with --write, renew docs/performance.md
  load [ARGUMENTS]     the reference controller under load: writers, and clients of its stream
  peers [ARGUMENTS]    measure ours beside other libraries
  defects [ARGUMENTS]  seed known defects; the tests must catch each of them
  explore [ARGUMENTS]  every state of small worlds, slice by slice
  simulate [ARGUMENTS] worlds in which everything goes wrong: 5 000 seeds, every small schedule
  fuzz [ARGUMENTS]     read damaged documents; only typed refusals may come out, and soon
  fuzz-api [ARGUMENTS] send what the OpenAPI document permits, and what not; the answers must fit it
  deep hypothesis      the property tests with many more examples
  deep exploration     the same slices with more sequences or executors
  deep simulation      the simulation with 100 000 seeds
  deep fuzz            the same documents, damaged by atheris where that leads to new branches
  deep mutation [M]    mutmut over the modules M, or over all of its table
  deep budget [LAYER]  each layer on each layer's own defect: none but that layer may catch it
  lock                 make requirements/*.txt afresh from requirements/*.in
"""


class CannotRun(Exception):
    """Something this machine should have is missing; the message says what (exit status 3)."""


class WrongUsage(Exception):
    """The arguments make no sense; the message says which (exit status 2)."""


def program(name, *arguments):
    """A command that runs a program of the virtual environment."""
    return [os.path.join(PROGRAMS, name)] + list(arguments)


def module(name, *arguments):
    """A command that runs a module with the virtual environment's Python."""
    return program("python", "-m", name, *arguments)


# The jobs: each takes the verb's arguments and gives the commands to run, one after the other.


def demo(arguments):
    if "--serve" in arguments:
        rest = [argument for argument in arguments if argument != "--serve"]
        return [module("examples.controller.demo", UNTIL_STDIN_CLOSES, *rest)]
    return [module("examples.demo", *arguments)]


def scale_demo(arguments):
    return [module("examples.scale", UNTIL_STDIN_CLOSES, *arguments)]


def cli(arguments):
    return [module("examples.controller.cli", *arguments)]


def test(arguments):
    if arguments:
        return [module("pytest", *arguments)]
    spread = ["--numprocesses=auto", "--maxprocesses=4", "--dist=worksteal"]
    coverage = ["--cov", "--cov-report=term-missing:skip-covered", "--cov-fail-under=100"]
    return [module("pytest", *(spread + coverage))]


def lint(_arguments):
    return [
        program("ruff", "check", "."),
        program("ruff", "format", "--check", "."),
        program("lint-imports", "--no-cache", "--no-logo"),
    ]


def types(_arguments):
    trees = ["src", "docs", "examples"]
    trees += ["tests/" + name for name in ("defects", "docs", "e2e", "typing")]
    trees = [tree for tree in trees if os.path.isdir(os.path.join(ROOT, tree))]
    return [module("mypy", *trees), module("tests.typing")]


def docs(_arguments):
    strict = ["-W", "--keep-going", "-q", "-E"]  # -E: an unchanged page repeats its warnings
    return [module("sphinx", *(strict + ["-b", "html", "docs", "docs/_build/html"]))]


def bench(arguments):
    return [module("tests.bench", *arguments)]


def load(arguments):
    return [module("tests.bench.load", *arguments)]


def peers(arguments):
    return [module("tests.bench.peers", *arguments)]


def defects(arguments):
    return [module("tests.defects", *arguments)]


def explore(arguments):
    return [module("tests.exploration", *arguments)]


def simulate(arguments):
    seeds = module("sequencectl.testing.simulation", *arguments)
    return [seeds] if arguments else [seeds, module("tests.simulation")]


def fuzz(arguments):
    return [module("tests.fuzz", *arguments)]


def fuzz_api(arguments):
    return [module("tests.fuzz_api", *arguments)]


DEEP = {
    "hypothesis": ("pytest", "--hypothesis-profile=deep", "tests/properties"),
    "exploration": ("tests.exploration", "--deep"),
    "simulation": ("sequencectl.testing.simulation", "--seeds=100000"),
    "fuzz": ("tests.fuzz.guided",),
    "mutation": ("tests.mutation",),
    "budget": ("tests.defects.budget",),
}


def deep(arguments):
    if not arguments or arguments[0] not in DEEP:
        raise WrongUsage("deep needs one of: {}".format(", ".join(sorted(DEEP))))
    return [module(*(DEEP[arguments[0]] + tuple(arguments[1:])))]


def lock(_arguments):
    """One fresh resolution of everything, and each layer cut out of it: so the layers agree.

    The peers take no part in the resolution, so that what is measured beside the package never
    decides what the package is tested with; their layer is cut last, in agreement with the others.
    """
    sources = sorted(glob.glob(os.path.join(ROOT, "requirements", "*.in")))
    sources = [os.path.relpath(source, ROOT) for source in sources]
    beside = os.path.join("requirements", "peers.in")
    sources.remove(beside)
    everything = os.path.join(".venv", "everything.txt")
    resolve = ["pip", "compile", "--quiet", "--upgrade", "--generate-hashes"]
    resolve += ["--universal", "--python-version=3.11", "--fork-strategy=fewest"]
    resolve += ["--no-header", "--no-annotate"]
    commands = [program("uv", *(resolve + ["--output-file", everything] + sources))]
    for source in sources + [beside]:
        layer = source[: -len(".in")] + ".txt"
        cut = ["--constraint", everything, "--output-file", layer, source]
        commands.append(program("uv", *(resolve + cut)))
    return commands


Verb = collections.namedtuple("Verb", "job layers takes_arguments")

PACKAGE = ("build", "run")
TESTS = PACKAGE + ("demo", "controller", "postgres", "browser", "test", "api")
EVERY_CHECK = ("demo", "controller", "postgres", "browser", "test", "api", "fuzz-api")
EVERY_CHECK += ("lint", "types", "docs")
VERBS = {
    "demo": Verb(demo, PACKAGE + ("demo",), True),
    "scale-demo": Verb(scale_demo, PACKAGE + ("demo", "controller", "postgres"), True),
    "cli": Verb(cli, PACKAGE + ("demo", "controller"), True),
    "test": Verb(test, TESTS, True),
    "lint": Verb(lint, PACKAGE + ("lint",), False),
    "types": Verb(types, TESTS + ("types",), False),
    "docs": Verb(docs, TESTS + ("docs",), False),
    "bench": Verb(bench, PACKAGE + ("demo", "controller", "postgres", "test"), True),
    "load": Verb(load, PACKAGE + ("demo", "controller", "test"), True),
    "peers": Verb(peers, PACKAGE + ("demo", "controller", "test", "peers"), True),
    "defects": Verb(defects, PACKAGE + EVERY_CHECK, True),
    "fuzz": Verb(fuzz, PACKAGE + ("demo", "controller", "test"), True),
    "fuzz-api": Verb(fuzz_api, PACKAGE + ("demo", "controller", "fuzz-api"), True),
    "simulate": Verb(simulate, PACKAGE + ("demo", "controller", "test"), True),
    "explore": Verb(explore, PACKAGE + ("demo", "controller", "test"), True),
    "deep": Verb(deep, PACKAGE + ("demo", "controller", "test"), True),
    "lock": Verb(lock, ("lock",), False),
}
# What an argument of a verb needs on top.
MORE_LAYERS = {
    ("demo", "--serve"): ("controller",),
    ("bench", "--write"): ("bench",),
    ("deep", "fuzz"): ("fuzz",),
    ("deep", "mutation"): ("mutation",),
    ("deep", "budget"): ("browser", "api", "fuzz-api", "lint", "types", "docs"),
}


def layers_of(name, arguments):
    """The requirement layers of a verb with these arguments."""
    more = [MORE_LAYERS.get((name, argument), ()) for argument in arguments]
    return VERBS[name].layers + sum(more, ())


def say(sentence):
    sys.stderr.write(sentence + "\n")
    sys.stderr.flush()


def check_machine():
    """Raise CannotRun unless this Python is new enough and can make virtual environments."""
    if sys.version_info[:2] < OLDEST:
        oldest = ".".join(str(part) for part in OLDEST)
        this = ".".join(str(part) for part in sys.version_info[:3])
        raise CannotRun("needs Python >= {}, this is {} ({})".format(oldest, this, sys.executable))
    for name in ("venv", "ensurepip"):
        try:
            importlib.import_module(name)
        except ImportError:
            lacking = "this Python ({}) lacks the module {}".format(sys.executable, name)
            raise CannotRun(lacking + "; on Debian, install python3-venv")


# Set-up.


def requirements(layer):
    return os.path.join("requirements", layer + ".txt")


def digest(path):
    """The hash of a file of this repository, None if there is no such file."""
    try:
        with open(os.path.join(ROOT, path), "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except IOError:
        return None


def wanted_stamp(layers):
    """What the stamp says once these layers and the package are installed."""
    return {
        "home": VENV,
        "python": "{} in {}".format(sys.version, sys.base_prefix),
        "project": digest("pyproject.toml"),
        "layers": {layer: digest(requirements(layer)) for layer in layers},
    }


def read_stamp():
    """What is installed, or None if there is no .venv that was completed."""
    try:
        with open(STAMP) as file:
            stamp = json.load(file)
    except (IOError, ValueError):
        return None
    return stamp if os.path.exists(program("python")[0]) else None


def can_stay(stamp, wanted):
    """Whether what is installed was made here, by this Python, from these requirement files."""
    if stamp is None or any(stamp[key] != wanted[key] for key in ("home", "python")):
        return False
    return all(digest(requirements(layer)) == made for layer, made in stamp["layers"].items())


def lacks_package(stamp, wanted):
    """Whether the package itself is to be installed; a verb without its layers needs no package."""
    return "run" in wanted["layers"] and stamp["project"] != wanted["project"]


def is_complete(stamp, wanted):
    """Whether nothing is left to do."""
    if not can_stay(stamp, wanted):
        return False
    return set(wanted["layers"]) <= set(stamp["layers"]) and not lacks_package(stamp, wanted)


@contextlib.contextmanager
def only_one():
    """Hold the lock that keeps two set-ups of this folder apart, waiting for it if need be."""
    with open(VENV + ".lock", "w") as file:
        if fcntl is not None:
            # inherited by the steps: one that outlives a killed dev.py goes on holding it
            os.set_inheritable(file.fileno(), True)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except IOError:
                say("waiting for another dev.py to set up .venv ...")
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def install_step(command):
    """Run one step of the set-up in silence; if it fails, show all it said."""
    child = subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        close_fds=False,  # the lock, see only_one
    )
    with child:
        output = child.communicate()[0]
    if child.returncode != 0:
        say(output.decode("utf-8", "replace"))
        failed = "setting up .venv failed, exit status {}: {}"
        raise CannotRun(failed.format(child.returncode, " ".join(command)))


def make_venv():
    shutil.rmtree(VENV, ignore_errors=True)
    # our own interpreter may have been the one of the .venv just removed
    base_python = getattr(sys, "_base_executable", sys.executable)
    install_step([base_python, "-m", "venv", VENV])


def install(stamp, wanted):
    """Install what the stamp lacks of the wanted."""
    # -I: neither PYTHONPATH nor the user's own site-packages may pass for something installed here
    pip = program("python", "-I", "-m", "pip", "--disable-pip-version-check", "--no-input")
    pip += ["install", "--no-deps"]
    layers = [layer for layer in wanted["layers"] if layer not in stamp["layers"]]
    if layers:
        files = ["--requirement=" + requirements(layer) for layer in layers]
        install_step(pip + ["--require-hashes"] + files)
    if lacks_package(stamp, wanted):
        install_step(pip + ["--no-build-isolation", "--editable", "."])


def set_up(name, layers):
    """Make .venv hold these layers and the package; quick if it already does."""
    wanted = wanted_stamp(layers)
    if is_complete(read_stamp(), wanted):
        return
    with only_one():
        stamp = read_stamp()
        if is_complete(stamp, wanted):
            return
        say("setting up .venv ({}) ...".format(name))
        if can_stay(stamp, wanted):
            os.remove(STAMP)
        else:
            stamp = {"project": None, "layers": {}}
            make_venv()
        install(stamp, wanted)
        if "run" not in layers:
            wanted["project"] = stamp["project"]
        wanted["layers"].update(stamp["layers"])
        with open(STAMP + ".part", "w") as file:
            json.dump(wanted, file, indent=1)
        os.rename(STAMP + ".part", STAMP)


# Running.


def run(command):
    """Run a command from the root and give its exit status as a shell does.

    Ctrl-C reaches the child by itself, from the terminal: here it is only outlived, so that the
    child's own answer is handed on. (A handler, unlike ignoring, is not inherited by the child.)
    SIGTERM is handed on. A command that ends when stdin closes ends with us even if we are killed.
    """
    children = []

    def hand_on(number, _frame):
        for child in children:
            child.send_signal(number)

    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, lambda _number, _frame: None),
        signal.SIGTERM: signal.signal(signal.SIGTERM, hand_on),
    }
    try:
        lifeline = subprocess.PIPE if UNTIL_STDIN_CLOSES in command else None
        children.append(subprocess.Popen(command, cwd=ROOT, stdin=lifeline))
        status = children[0].wait()
    except OSError as error:
        raise CannotRun("cannot run {} ({}); remove .venv and try again".format(command[0], error))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 128 - status if status < 0 else status


def run_all(commands):
    """Run them all and give the first status that is not 0; a signal ends the row at once."""
    failure = 0
    for command in commands:
        status = run(command)
        failure = failure or status
        if status > 128:
            break
    return failure


def main(arguments):
    """Do what the arguments say and give the exit status."""
    name, rest = (arguments[0] if arguments else ""), list(arguments[1:])
    if rest[:1] == ["--"]:
        del rest[0]
    try:
        if name not in VERBS:
            raise WrongUsage("no such verb: {}".format(name) if name else "a verb is missing")
        verb = VERBS[name]
        if rest and not verb.takes_arguments:
            raise WrongUsage("{} takes no arguments".format(name))
        commands = verb.job(rest)
        check_machine()
        set_up(name, layers_of(name, rest))
        return run_all(commands)
    except WrongUsage as error:
        say("dev.py: {}\n{}".format(error, USAGE.rstrip()))
        return 2
    except CannotRun as error:
        say("dev.py: {}".format(error))
        return 3
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
