"""Without the address of a PostgreSQL server, what needs one is refused with what to do, and no process is started."""

from veriward.server.worker.databases import Databases
from veriward.server.worker.processes import Reaper


def test_without_an_address_a_statement_is_refused() -> None:
    told: list[tuple[bytes, bytes]] = []
    databases = Databases(2, {}, Reaper())
    running = databases.submit(b"", lambda kind, payload: told.append((kind, payload)))
    ((kind, message),) = told
    assert kind == b"F"
    assert b"VERIWARD_POSTGRES_DSN" in message
    running.stop()
    databases.close()
    assert len(told) == 1
