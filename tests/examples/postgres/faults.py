"""Ways to make commits of a PostgreSQL store fail, each as a fault of the conformance kit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import psycopg
from psycopg import sql

from sequencectl.testing import Fault

_RAISES = "RAISE EXCEPTION 'made up'"
_ENDS = "PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(60)"
_TOO_SLOW = "PERFORM pg_sleep(60)"


@contextmanager
def trigger(url: str, body: str, table: str, when: str, place: str) -> Iterator[None]:
    """Something happens at each write to a table, or at the COMMIT of whoever wrote to it."""
    with psycopg.connect(url, autocommit=True) as other:
        named = {"schema": sql.Identifier(place), "table": sql.Identifier(table)}
        create = """CREATE FUNCTION {schema}.fault() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN BODY; RETURN NEW; END $$;
            CREATE WHEN ON {schema}.{table} TIMING FOR EACH ROW EXECUTE FUNCTION {schema}.fault()"""
        kind, _, timing = when.partition("|")
        create = create.replace("BODY", body).replace("WHEN", kind).replace("TIMING", timing)
        other.execute(sql.SQL(create).format(**named))  # type: ignore[arg-type] # no LiteralString
        yield
        drop = sql.SQL("DROP FUNCTION {schema}.fault() CASCADE").format(**named)
        other.execute(drop)


@contextmanager
def locked(url: str, place: str) -> Iterator[None]:
    """Somebody else writes to the projects and does not stop."""
    with psycopg.connect(url) as other:
        table = sql.Identifier(place, "project")
        other.execute(sql.SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(table))
        yield


def end_all_others(url: str) -> None:
    """End every other session of this database, and wait until they are gone."""
    with psycopg.connect(url, autocommit=True) as other:
        ended = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
        where = " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        other.execute(ended + where)


AT_COMMIT = "CONSTRAINT TRIGGER fault AFTER INSERT|DEFERRABLE INITIALLY DEFERRED"
AT_ONCE = "TRIGGER fault BEFORE INSERT OR UPDATE|"


def faults(url: str) -> Mapping[str, Fault]:
    """Return the faults for stores in this database, which wait 0.2 s and 0.5 s at most."""
    return {
        "locked": partial(locked, url),
        **{
            f"table {table}": partial(trigger, url, _RAISES, table, AT_ONCE)
            for table in ("project", "sequence", "event")
        },
        "at COMMIT": partial(trigger, url, _RAISES, "event", AT_COMMIT),
        "terminated in the statement": partial(trigger, url, _ENDS, "event", AT_ONCE),
        "terminated at COMMIT": partial(trigger, url, _ENDS, "event", AT_COMMIT),
        "too slow": partial(trigger, url, _TOO_SLOW, "sequence", AT_ONCE),
    }
