"""A PostgreSQL server of our own, for tests, measurements and demonstrations.

Shows: a server in a folder under the temporary directory, reached through a socket in that folder
alone, so that it needs no port; another user for it, since PostgreSQL refuses to run as root; a
copied folder in place of one that is made each time; and an end with the program that started it,
however that ends. Leaves out: Windows, and everything that a server with real data needs.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import monotonic, sleep
from types import MappingProxyType
from typing import Final, final

import psycopg

_USER: Final = "sequencectl"
_NONE: Final[Mapping[str, str]] = MappingProxyType({})
_PATIENCE: Final = 120.0
_OTHERS: Final = ("postgres", "nobody")
_HOLD: Final = '"$@" & server=$!; read -r _; kill -INT "$server"; wait "$server"'
"""Run the server until our end of the standard input is closed, then stop it fast."""


class CannotServe(Exception):
    """There is no PostgreSQL here, or its server does not start; the message says why."""


def programs() -> Path:
    """Return the folder of PostgreSQL's programs: that of PATH, else the newest of Debian's.

    Raises `CannotServe`.
    """
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    debian = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(debian, key=lambda path: float(path.parts[-3]), default=None)
    if newest is None:
        raise CannotServe("no PostgreSQL: there is no initdb on PATH and none of Debian's")
    return newest.parent


@final
class PrivateServer:
    """A server in a new folder; start it, use it, close it.

    `settings` are those of ``postgresql.conf``. `template` is another server's folder, stopped, to
    copy in place of making a new one. Raises `CannotServe`.
    """

    def __init__(
        self, *, settings: Mapping[str, str] = _NONE, template: PrivateServer | None = None
    ) -> None:
        self._programs = programs()
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._as_user = _other_user()
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self._data = self.folder / "data"
        try:
            if template is None:
                self._own()
                self._run(
                    "initdb", "--pgdata", str(self._data), "--username", _USER, "--auth", "trust",
                    "--encoding", "UTF8", "--no-locale", "--no-sync",
                )  # fmt: skip
            else:
                shutil.copytree(template._data, self._data)
                self._own()
        except BaseException:
            self.close()
            raise

    def start(self) -> None:
        """Start the server and wait until it takes connections; raise `CannotServe`."""
        own = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "log_min_messages": "fatal",
            **self._settings,
        }
        options = [text for name, value in own.items() for text in ("-c", f"{name}={value}")]
        server = [str(self._programs / "postgres"), "-D", str(self._data), *options]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a program of this machine
                ["/bin/sh", "-c", _HOLD, "sh", *server],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                user=self._as_user,
                start_new_session=True,  # a Ctrl-C is for us alone
            )
        give_up_at = monotonic() + _PATIENCE
        while not self._answers():
            if monotonic() > give_up_at:
                self.stop()
                raise CannotServe(f"PostgreSQL does not start: {self._log()}")
            sleep(0.02)

    def stop(self) -> None:
        """Stop the server fast: sessions are ended, what was committed is written."""
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.wait(_PATIENCE)
            self._process = None

    def crash(self) -> None:
        """End the server as a crash does; the next start recovers what was committed."""
        pid = int((self._data / "postmaster.pid").read_text().split(maxsplit=1)[0])
        os.kill(pid, signal.SIGQUIT)
        self.stop()

    def close(self) -> None:
        """Stop the server and delete its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str = "postgres") -> str:
        """Return the address of one of its databases."""
        return f"postgresql://{_USER}@/{database}?host={self.folder}"

    def create(self, database: str) -> str:
        """Make a database; return its address."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{database}"'.encode())
        return self.url(database)

    def __enter__(self) -> PrivateServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url()).close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, name: str, *arguments: str) -> None:
        done = subprocess.run(  # noqa: S603 - a program of this machine
            [str(self._programs / name), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            user=self._as_user,
            check=False,
        )
        if done.returncode:
            raise CannotServe(f"{name} failed: {done.stdout.strip()}")

    def _own(self) -> None:
        """Give all of the folder to the server's user."""
        if self._as_user is not None:
            for path in (self.folder, *self.folder.rglob("*")):
                shutil.chown(path, self._as_user)

    def _log(self) -> str:
        return (self.folder / "log").read_text(errors="replace").strip()[-500:]


def _other_user() -> str | None:
    """Return the user for a server if we are root; PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    import pwd  # noqa: PLC0415 - there is none on Windows

    known = {entry.pw_name for entry in pwd.getpwall()}
    for name in _OTHERS:
        if name in known:
            return name
    raise CannotServe(f"PostgreSQL refuses to run as root, and there is no user {_OTHERS}")
