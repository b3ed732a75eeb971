"""The operator's side of the server: roles and databases made, dropped, and swept up after whoever died.

What a process makes carries its number in its name, and the process holds an advisory lock of that number: a name whose
lock is free is nobody's, and goes.
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from psycopg import sql

from veriward.server.postgres.logins import Login, connect

PREFIX = "veriward_"
TEMP_FILE_BYTES = 64 << 20
CRASHED = "57P02"
"""What a server says to all sessions but the one that crashed it, before it ends them."""
MIN_VERSION = 130000  # DROP DATABASE … WITH (FORCE)
_BOUNDABLE_VERSION = 150000  # GRANT SET ON PARAMETER

_LOCK_CLASS = 0x7E51
# A database that untrusted scripts have filled is entered with no name of theirs in sight, and read by nobody of ours.
_SETTINGS = {"search_path": "pg_catalog", "statement_timeout": "60s", "lock_timeout": "30s"}
_OF_A_PROCESS = re.compile(rf"^{PREFIX}[br]_([0-9a-f]{{8}})_\d+$")


class NotFit(Exception):
    """The server, or our role on it, is not what this needs; says what to change."""


class Cluster:
    """Raises `psycopg.OperationalError` where the server can't be reached, `NotFit` where it can't be used."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.farewell = ""
        self._count = 0
        self._left_behind: list[str] = []
        self._admin = connect(dsn, None, _SETTINGS)
        self._admin.add_notice_handler(self._note)
        try:
            self._require_powers()
            self._number = self._own_number()
            ((user,),) = self.ask("SELECT oid::text FROM pg_roles WHERE rolname = current_user")
            self.owner = f"{PREFIX}sql_{user}"
            """Owns what the scripts of templates made, logs in nowhere, and may do nothing."""
            if not self.ask("SELECT 1 FROM pg_roles WHERE rolname = {}", sql.Literal(self.owner)):
                with suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
                    self.do("CREATE ROLE {}", sql.Identifier(self.owner))
            self.do("GRANT {} TO CURRENT_USER", sql.Identifier(self.owner))
            self._sweep()
        except BaseException:
            self.close()
            raise

    def _note(self, notice: psycopg.errors.Diagnostic) -> None:
        if notice.sqlstate == CRASHED:
            self.farewell = CRASHED

    @property
    def is_open(self) -> bool:
        return not self._admin.closed and not self._admin.broken

    def close(self) -> None:
        self._admin.close()

    def do(self, statement: str, *parts: sql.Composable) -> None:
        self._admin.execute(sql.SQL(statement).format(*parts))

    def ask(self, statement: str, *parts: sql.Composable) -> list[tuple[object, ...]]:
        return self._admin.execute(sql.SQL(statement).format(*parts)).fetchall()

    def name(self, kind: str) -> str:
        self._count += 1
        return f"{PREFIX}{kind}_{self._number:08x}_{self._count}"

    def create_login(self, name: str) -> Login:
        """A role that may log in, and do nothing yet."""
        login = Login.named(name)
        self.do("CREATE ROLE {} LOGIN NOINHERIT CONNECTION LIMIT 2", sql.Identifier(name))
        self.restore(login)
        self.do("GRANT {} TO CURRENT_USER", sql.Identifier(name))  # to end its sessions, and to hand on what it owns
        return login

    def restore(self, login: Login) -> None:
        """Give the role its password and settings, whatever it did to them: both are a role's own to change."""
        role = sql.Identifier(login.role)
        name = login.role.encode()
        hashed = self._admin.pgconn.encrypt_password(login.password.encode(), name, b"scram-sha-256")
        self.do("ALTER ROLE {} PASSWORD {}", role, sql.Literal(hashed.decode()))
        self.do("ALTER ROLE {} RESET ALL", role)
        if self._bounds_temporary_files:  # what sorting and joining may write to disk
            limit = sql.Literal(f"{TEMP_FILE_BYTES >> 10}kB")
            self.do("ALTER ROLE {} SET temp_file_limit = {}", role, limit)

    def create_database(self, name: str, template: str) -> None:
        """For us alone. In the C locale, text sorts by its bytes, as in SQLite and alike on every host."""
        locale = sql.SQL(" ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'" if template == "template0" else "")
        parts = sql.Identifier(name), sql.Identifier(template), locale
        self.do("CREATE DATABASE {} TEMPLATE {}{}", *parts)
        self.do("REVOKE ALL ON DATABASE {} FROM PUBLIC", sql.Identifier(name))

    @contextmanager
    def inside(self, database: str) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
        with connect(self.dsn, None, _SETTINGS, database) as connection:
            yield connection

    def size_bytes(self, database: str) -> int:
        ((size,),) = self.ask("SELECT pg_database_size({})", sql.Literal(database))
        return int(str(size))

    def drop(self, name: str) -> None:
        """The database and the role of that name, its sessions ended. What resists is tried again at the next drop."""
        for each in [*self._left_behind, name]:
            try:
                self.do("DROP DATABASE IF EXISTS {} WITH (FORCE)", sql.Identifier(each))
                self.do("DROP ROLE IF EXISTS {}", sql.Identifier(each))
            except psycopg.errors.ObjectInUse:
                if each not in self._left_behind:
                    self._left_behind.append(each)
            else:
                if each in self._left_behind:
                    self._left_behind.remove(each)

    def _require_powers(self) -> None:
        version = self._admin.info.server_version
        if version < MIN_VERSION:
            raise NotFit(f"PostgreSQL {version // 10000} is too old: 13 is the oldest that this can use")
        ((is_super, may_databases, may_roles),) = self.ask(
            "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        )
        if not is_super and not (may_databases and may_roles):
            raise NotFit("the role of postgres_dsn needs CREATEDB and CREATEROLE")
        self._bounds_temporary_files = bool(is_super) or (
            version >= _BOUNDABLE_VERSION
            and self.ask("SELECT has_parameter_privilege('temp_file_limit', 'SET')") == [(True,)]
        )
        if not self._bounds_temporary_files and self.ask("SELECT current_setting('temp_file_limit')") == [("-1",)]:
            raise NotFit(
                "nothing bounds temporary files: set temp_file_limit in postgresql.conf, or "
                "GRANT SET ON PARAMETER temp_file_limit to the role of postgres_dsn"
            )

    def _own_number(self) -> int:
        while True:
            number = secrets.randbits(31)
            if self._lock(number):
                return number

    def _lock(self, number: int) -> bool:
        return self.ask("SELECT pg_try_advisory_lock({}, {})", sql.Literal(_LOCK_CLASS), sql.Literal(number)) == [
            (True,)
        ]

    def _sweep(self) -> None:
        """Drop what the dead left, if it is ours to drop."""
        names = self.ask("SELECT datname FROM pg_database UNION SELECT rolname FROM pg_roles")
        for (name,) in names:
            found = _OF_A_PROCESS.match(str(name))
            if found is None:
                continue
            number = int(found[1], 16)
            if number != self._number and self._lock(number):
                try:
                    with suppress(psycopg.errors.InsufficientPrivilege):
                        self.drop(str(name))
                finally:
                    self.do("SELECT pg_advisory_unlock({}, {})", sql.Literal(_LOCK_CLASS), sql.Literal(number))
