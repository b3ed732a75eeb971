"""One connection of untrusted SQL: statements sent one way only, rows read within bounds, every wait bounded.

It logs in as a role made for it, never as the operator's: whatever `RESET ROLE` or `SET SESSION AUTHORIZATION` give
back is that role.
"""

import json
import select
import socket
import time
from collections.abc import Callable, Iterator, Sequence

import psycopg
from psycopg import pq

from veriward.server.postgres.cells import Plain, plain
from veriward.server.postgres.logins import Login, connect
from veriward.verifiers.sql.replies import Failed, Reply, Rows, quoted, require_columns, require_tables

LOOK_SECONDS = 0.1  # between two looks at what a running script has written
GRACE_SECONDS = 1.0  # after the server's own statement_timeout, which a script can switch off

_KINDS = {
    "25006": "denied",  # read_only_sql_transaction
    "42501": "denied",  # insufficient_privilege
    "53200": "memory_limit",
    "53400": "size_limit",  # temp_file_limit
    "57014": "time_limit",  # query_canceled
}
_TOO_LARGE = "54"  # class: program limit exceeded
_SYNTAX_ERROR = "42601"
_COPYING = {pq.ExecStatus.COPY_IN, pq.ExecStatus.COPY_OUT, pq.ExecStatus.COPY_BOTH}
_OPEN = {pq.TransactionStatus.ACTIVE, pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR}

_TABLES = """
    SELECT n.nspname, c.relname, c.relkind IN ('v', 'm'), array_to_json(ARRAY(
        SELECT attname FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum))
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition
        AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
    ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"
"""


class Lost(Exception):
    """The session ended without a word on the statement. `sqlstate` is the server's farewell, if there was one."""

    def __init__(self, sqlstate: str, message: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


class Clock:
    """Until when, who may call it off (`heed`, when `hearing` can be read), and what to `look` at meanwhile."""

    def __init__(self, hearing: socket.socket | None, heed: Callable[[], None]) -> None:
        self._hearing = [] if hearing is None else [hearing.fileno()]
        self._heed = heed
        self.start(0.0)

    def start(self, seconds: float, look: Callable[[], None] = lambda: None) -> None:
        self._until = time.monotonic() + seconds
        self._look = look

    def wait(self, descriptor: int, *, writing: bool = False) -> None:
        """Until the descriptor is ready. Raises `Failed`, or what `heed` and `look` raise."""
        while True:
            left = self._until - time.monotonic()
            if left <= 0:
                raise Failed("time_limit", "the server was still at it when its time was over")
            writes = [descriptor] if writing else []
            ready, writable, _ = select.select([descriptor, *self._hearing], writes, [], min(left, LOOK_SECONDS))
            if set(ready) & set(self._hearing):
                self._heed()
            if descriptor in ready or writable:
                return
            self._look()


class Session:
    """A context manager. `settings` are the server's; those of the connection request outrank the role's own.

    Raises `psycopg.OperationalError` where it can't log in, which no statement can bring about.
    """

    def __init__(self, dsn: str, login: Login, settings: dict[str, str], clock: Clock) -> None:
        self._clock = clock
        self._farewell = ""
        self._connection = connect(dsn, login, settings)
        self._connection.add_notice_handler(self._note)
        self._server = self._connection.pgconn

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def _note(self, notice: psycopg.errors.Diagnostic) -> None:
        """A server that goes down because another session crashed it says so in a warning, and hangs up."""
        if (notice.sqlstate or "").startswith("57P"):
            self._farewell = notice.sqlstate or ""

    def query(self, statement: str) -> Reply:
        """Columns and rows of one statement, in a transaction that only reads. Raises `Failed` or `Lost`."""
        self.run("BEGIN READ ONLY")
        self.run("SELECT pg_catalog.setseed(0)")  # equal queries give equal rows
        rows = Rows()
        columns, gathered = self._table(_encoded(statement), rows)
        return {"columns": columns, "rows": gathered}

    def run(self, script: str) -> None:
        """Any number of statements, their rows passed over. Raises `Failed` or `Lost`."""
        text = _encoded(script)
        self._sent(lambda: self._server.send_query(text))
        self._server.set_single_row_mode()  # of what is passed over, nothing is kept
        for _ in self._results():
            pass

    def is_in_transaction(self) -> bool:
        return self._server.transaction_status in _OPEN

    def state(self) -> Reply:
        """All tables and views of the database, as far as they are committed."""
        self.run("BEGIN READ ONLY")
        _, found = self._table(_TABLES.encode(), Rows())
        require_tables(len(found))
        rows = Rows()
        state = []
        for schema, name, is_view, columns in [(str(s), str(n), v, str(c)) for s, n, v, c in found]:
            _, gathered = self._table(f"SELECT * FROM {quoted(schema, name)}".encode(), rows)
            shown = name if schema == "public" else f"{schema}.{name}"
            state.append(["view" if is_view else "table", shown, _names(columns), gathered])
        return {"state": state}

    def _table(self, statement: bytes, rows: Rows) -> tuple[int, list[list[Plain]]]:
        """By the extended protocol, in which the server takes one statement alone."""
        self._sent(lambda: self._server.send_query_params(statement, []))
        self._server.set_single_row_mode()
        columns: int | None = None

        def read() -> Iterator[Sequence[Plain]]:
            nonlocal columns
            for result in self._results():
                if result.status in (pq.ExecStatus.SINGLE_TUPLE, pq.ExecStatus.TUPLES_OK):
                    columns = require_columns(result.nfields)
                    types = [result.ftype(index) for index in range(columns)]
                    for row in range(result.ntuples):
                        yield [plain(result.get_value(row, index), oid) for index, oid in enumerate(types)]

        gathered = rows.gather(read())
        if columns is None:
            raise Failed("no_query", "the statement gives no rows")
        return columns, gathered

    def _sent(self, send: Callable[[], None]) -> None:
        try:
            send()
            while self._server.flush():
                self._clock.wait(self._server.socket, writing=True)
                self._server.consume_input()
        except psycopg.OperationalError as error:
            raise Lost(self._farewell, str(error)) from error

    def _results(self) -> Iterator["pq.abc.PGresult"]:
        while True:
            try:
                while self._server.is_busy():
                    self._clock.wait(self._server.socket)
                    self._server.consume_input()
                result = self._server.get_result()
            except psycopg.OperationalError as error:
                raise Lost(self._farewell, str(error)) from error
            if result is None:
                return
            if result.status in _COPYING:
                raise Failed("denied", "COPY has no place here")
            if result.status == pq.ExecStatus.FATAL_ERROR:
                raise self._fault(result)
            yield result

    def _fault(self, result: "pq.abc.PGresult") -> Failed | Lost:
        def field(name: pq.DiagnosticField) -> str:
            return (result.error_field(name) or b"").decode(errors="replace")

        sqlstate = field(pq.DiagnosticField.SQLSTATE)
        message = field(pq.DiagnosticField.MESSAGE_PRIMARY) or result.error_message.decode(errors="replace").strip()
        is_over = field(pq.DiagnosticField.SEVERITY_NONLOCALIZED) in ("FATAL", "PANIC")
        if is_over or self._server.status == pq.ConnStatus.BAD:
            return Lost(sqlstate or self._farewell, message)
        if not sqlstate:  # libpq's own: it had no memory for a row
            return Failed("size_limit", message)
        by_parser = field(pq.DiagnosticField.SOURCE_FUNCTION) == "exec_parse_message"
        if sqlstate == _SYNTAX_ERROR and by_parser:
            return Failed("several_statements", message)
        too_large = "size_limit" if sqlstate.startswith(_TOO_LARGE) else "sql_error"
        return Failed(_KINDS.get(sqlstate, too_large), message)


def _encoded(statement: str) -> bytes:
    """Raises `Failed` where libpq would cut it short, or the server could not read it."""
    if "\0" in statement:
        raise Failed("sql_error", "a NUL")
    try:
        return statement.encode()
    except UnicodeEncodeError:
        raise Failed("sql_error", "a lone surrogate") from None


def _names(columns: str) -> list[str]:

    names: list[str] = json.loads(columns)
    require_columns(len(names))
    return names
