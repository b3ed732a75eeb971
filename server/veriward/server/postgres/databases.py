"""A fresh database for every run, copied from a template per script, and dropped with its role when the run is over.

A template is named by the hash of its script and built once: by a role made for that, which may create and log in
nowhere else; then handed to an owner that can't log in, and opened to reading. A run's role may read, or, where the
task is to change the database, owns what is in the copy. Neither may create a database, a role, an extension or a
schema, become another, or reach files, programs or the network: none is a superuser or a member of anything.
"""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from psycopg import sql

from veriward.server.postgres.cluster import CRASHED, PREFIX, Cluster
from veriward.server.postgres.logins import Login
from veriward.server.postgres.session import GRACE_SECONDS, Clock, Lost, Session
from veriward.verifiers.sql.replies import Failed, Reply

RECIPE = "1"  # of building a template; another one makes other templates
BUILD_SECONDS = 60.0
MAX_DATABASE_BYTES = 256 << 20
NOTE_SECONDS = 60  # how fine the last use of a template is noted
_TEMPLATE = PREFIX + "t_"
_LOCK_CLASS = 0x7E52

# Equal statements, equal rows in equal order: one process, one plan, one way to write a value.
SETTINGS = {
    "bytea_output": "hex",
    "datestyle": "ISO,MDY",
    "extra_float_digits": "1",
    "idle_in_transaction_session_timeout": "60s",
    "intervalstyle": "postgres",
    "jit": "off",
    "lock_timeout": "5s",
    "max_parallel_workers_per_gather": "0",
    "search_path": "public",
    "synchronize_seqscans": "off",
    "timezone": "UTC",
    "work_mem": "16MB",
}
READING = {**SETTINGS, "default_transaction_read_only": "on"}


class Databases:
    """`most_templates` are kept, the least recently used dropped for a new one."""

    def __init__(self, cluster: Cluster, seconds: float, most_templates: int) -> None:
        self._cluster = cluster
        self._seconds = seconds
        self._most_templates = most_templates
        self._noted: dict[str, float] = {}

    def answer(self, schema: str, query: str, writable: bool, clock: Clock) -> Reply:
        """Raises `Failed` for the statement's own faults (kind `schema`: the script's), `Lost` where nobody can say."""
        template = self._template(schema, clock)
        clock.start(self._seconds + GRACE_SECONDS)
        with self._run(template, writable) as login:
            if not writable:
                with self._session(login, READING, clock) as session:
                    return session.query(query)
            clock.start(self._seconds + GRACE_SECONDS, lambda: self._require_size(login.database))
            with self._session(login, SETTINGS, clock) as session:
                session.run(query)
            self._cluster.restore(login)
            # Read by its own role, so that what a policy or a view of the script's does, it does as nobody.
            with self._session(login, {**READING, "search_path": "pg_catalog"}, clock) as session:
                return session.state()

    def _session(self, login: Login, settings: dict[str, str], clock: Clock) -> Session:
        timeout = {"statement_timeout": f"{self._seconds * 1000:.0f}"}
        return Session(self._cluster.dsn, login, settings | timeout, clock)

    @contextmanager
    def _run(self, template: str, writable: bool) -> Iterator[Login]:
        name = self._cluster.name("r")
        try:
            login = self._cluster.create_login(name)
            self._cluster.create_database(name, template)
            role, database = sql.Identifier(name), sql.Identifier(name)
            if writable:
                self._cluster.do("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}", database, role)
                with self._cluster.inside(name) as inside:
                    inside.execute(
                        sql.SQL("REASSIGN OWNED BY {} TO {}").format(sql.Identifier(self._cluster.owner), role)
                    )
                    inside.execute(sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(role))
            else:
                self._cluster.do("GRANT CONNECT ON DATABASE {} TO {}", database, role)
            yield login
        except Lost as lost:
            self._drop_after(lost, name)
            raise
        except BaseException:
            with suppress(psycopg.OperationalError):  # what is told is what came first; the next sweep drops it
                self._cluster.drop(name)
            raise
        else:
            self._cluster.drop(name)

    def _drop_after(self, lost: Lost, name: str) -> None:
        try:
            self._cluster.drop(name)
        except psycopg.OperationalError as down:
            if self._cluster.farewell == CRASHED and not lost.sqlstate:  # all were told but the one that did it
                raise Failed("crashed", "the server went down under it") from down
            raise

    def _require_size(self, database: str) -> None:
        if self._cluster.size_bytes(database) > MAX_DATABASE_BYTES:
            raise Failed("size_limit", f"the database has grown past {MAX_DATABASE_BYTES >> 20} MiB")

    def _template(self, schema: str, clock: Clock) -> str:
        made_by = f"{RECIPE}\n{self._cluster.owner}\n{schema}"
        name = _TEMPLATE + hashlib.sha256(made_by.encode("utf-8", "surrogatepass")).hexdigest()[:40]
        key = sql.Literal(_LOCK_CLASS), sql.Literal(int(name[-7:], 16))
        self._cluster.do("SELECT pg_advisory_lock({}, {})", *key)  # builders of one wait for the first
        try:
            if not self._cluster.ask("SELECT 1 FROM pg_database WHERE datname = {}", sql.Literal(name)):
                self._make_room()
                self._build(name, schema, clock)
            self._note(name)
        finally:
            with suppress(psycopg.OperationalError):
                self._cluster.do("SELECT pg_advisory_unlock({}, {})", *key)
        return name

    def _build(self, template: str, schema: str, clock: Clock) -> None:
        name = self._cluster.name("b")
        clock.start(BUILD_SECONDS, lambda: self._require_size(name))
        try:
            login = self._cluster.create_login(name)
            self._cluster.create_database(name, "template0")
            role, database = sql.Identifier(name), sql.Identifier(name)
            self._cluster.do("GRANT CONNECT, CREATE, TEMPORARY ON DATABASE {} TO {}", database, role)
            with self._cluster.inside(name) as inside:
                inside.execute(sql.SQL("GRANT ALL ON SCHEMA public TO {}").format(role))
            self._fill(login, schema, clock)
            self._require_size(name)
            with self._cluster.inside(name) as inside:
                if inside.execute("SELECT 1 FROM pg_extension WHERE extname <> 'plpgsql'").fetchall():
                    raise Failed("schema", "extensions are not offered")
                inside.execute(sql.SQL("REASSIGN OWNED BY {} TO {}").format(role, sql.Identifier(self._cluster.owner)))
                inside.execute(sql.SQL("DROP OWNED BY {}").format(role))
            self._cluster.do("ALTER DATABASE {} RENAME TO {}", database, sql.Identifier(template))
        finally:
            with suppress(psycopg.OperationalError):
                self._cluster.drop(name)

    def _fill(self, login: Login, schema: str, clock: Clock) -> None:
        """Run the script, then open what it made to reading, all as the role that made it."""
        settings = SETTINGS | {"statement_timeout": f"{BUILD_SECONDS:.0f}s"}
        try:
            with Session(self._cluster.dsn, login, settings, clock) as session:
                session.run(schema)
                if session.is_in_transaction():
                    raise Failed("schema", "the script leaves a transaction open")
            with Session(self._cluster.dsn, login, settings | {"search_path": "pg_catalog"}, clock) as session:
                session.run("ANALYZE")
                session.run(_OPEN_TO_READING)
        except Failed as failed:
            raise Failed("schema", str(failed)) from None

    def _make_room(self) -> None:
        found = self._cluster.ask(
            "SELECT datname FROM pg_database WHERE starts_with(datname, {})"
            " AND datdba = (SELECT oid FROM pg_roles WHERE rolname = current_user)"
            " ORDER BY COALESCE(shobj_description(oid, 'pg_database'), '')",
            sql.Literal(_TEMPLATE),
        )
        for (name,) in found[: max(0, len(found) - self._most_templates + 1)]:
            self._noted.pop(str(name), None)
            self._cluster.do("DROP DATABASE IF EXISTS {} WITH (FORCE)", sql.Identifier(str(name)))

    def _note(self, template: str) -> None:
        """When it was last used, in a comment that every worker sees."""
        now = time.time()
        if now - self._noted.get(template, 0.0) > NOTE_SECONDS:
            self._noted[template] = now
            note = sql.Literal(f"used {now:.0f}")
            self._cluster.do("COMMENT ON DATABASE {} IS {}", sql.Identifier(template), note)


def is_template_gone(error: psycopg.Error) -> bool:
    """Whether a template was dropped, by a worker in need of room, before it could be copied."""
    return isinstance(error, psycopg.errors.InvalidCatalogName | psycopg.errors.UndefinedObject)


_OPEN_TO_READING = """
    DO $$
    DECLARE found text;
    BEGIN
        FOR found IN SELECT nspname FROM pg_namespace
            WHERE nspname = 'public' OR nspowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)
        LOOP
            EXECUTE format('GRANT USAGE ON SCHEMA %I TO PUBLIC', found);
            EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO PUBLIC', found);
        END LOOP;
    END $$
"""
