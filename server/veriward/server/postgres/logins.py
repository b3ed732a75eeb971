"""Who logs in to the operator's server, and with which settings; the operator's own address stays with us."""

import secrets
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

CONNECT_SECONDS = 10
PASSWORD_BYTES = 32
CLIENT = {
    "application_name": "veriward",
    "client_encoding": "UTF8",
    "connect_timeout": str(CONNECT_SECONDS),
    "gssencmode": "disable",
}


@dataclass(frozen=True, slots=True)
class Login:
    """A role and the one database that it may connect to."""

    role: str
    database: str
    password: str

    @classmethod
    def named(cls, name: str) -> "Login":
        return cls(name, name, secrets.token_hex(PASSWORD_BYTES))


def connect(
    dsn: str, login: Login | None, settings: dict[str, str], database: str = ""
) -> "psycopg.Connection[tuple[object, ...]]":
    """A connection to the server of `dsn`, as its own user where there is no `login`. Raises `OperationalError`."""
    parameters: dict[str, Any] = {**conninfo_to_dict(dsn), **CLIENT}
    parameters["options"] = " ".join(f"-c {name}={value}" for name, value in settings.items())
    if login is not None:
        parameters |= {"user": login.role, "password": login.password, "dbname": login.database}
        parameters.pop("passfile", None)
    elif database:
        parameters["dbname"] = database
    return psycopg.connect(make_conninfo(**parameters), autocommit=True)
