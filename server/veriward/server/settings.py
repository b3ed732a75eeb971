"""One frozen settings model: defaults, then `VERIWARD_*` from the environment, then a TOML file, then flags."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

MIB = 1 << 20


class Settings(BaseSettings):
    """Everything that an operator may set. Units are in the names."""

    model_config = SettingsConfigDict(env_prefix="VERIWARD_", frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    workers: int = Field(default=1, ge=0, le=64, description="worker processes that this server starts itself")
    graders: int = Field(default=0, ge=0, le=1024, description="graders per import set and worker; 0: one per core")
    sandboxes: int = Field(default=0, ge=0, le=1024, description="sandbox keepers per worker; 0: one per core")
    min_isolation: Literal["L0", "L1", "L2", "L3", "L4"] = "L2"

    max_body_bytes: int = Field(default=32 * MIB, gt=0)
    max_responses: int = Field(default=10_000, gt=0)
    max_response_chars: int = Field(default=1_000_000, gt=0)

    queue_max_rollouts: int = Field(default=50_000, gt=0)
    queue_max_age_seconds: float = Field(default=60.0, gt=0)
    queue_wait_seconds: float = Field(default=3600.0, gt=0, description="longest time in the queue, deadline apart")
    max_tries: int = Field(default=3, ge=1, le=10)
    drain_seconds: float = Field(default=20.0, ge=0)

    cache_bytes: int = Field(default=64 * MIB, ge=0)
    tasks_bytes: int = Field(default=256 * MIB, ge=0)
    tasks_ttl_seconds: float = Field(default=24 * 3600.0, gt=0)
    idempotency_seconds: float = Field(default=600.0, gt=0)

    grader_memory_bytes: int = Field(default=1024 * MIB, gt=0)
    grader_max_rollouts: int = Field(default=20_000, gt=0, description="a grader is replaced after so many")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "json"

    @property
    def cores(self) -> int:
        return len(os.sched_getaffinity(0))

    @classmethod
    def load(cls, toml: Path | None = None, **flags: Any) -> "Settings":
        """Read the environment, then `toml`, then `flags` (None: not given). Raises `pydantic.ValidationError`."""
        given = {name: value for name, value in flags.items() if value is not None}

        class Loaded(cls):  # type: ignore[misc, valid-type]
            @classmethod
            def settings_customise_sources(
                cls, settings_cls: type[BaseSettings], env_settings: PydanticBaseSettingsSource, **_: Any
            ) -> tuple[PydanticBaseSettingsSource, ...]:
                sources: list[PydanticBaseSettingsSource] = [InitSettingsSource(settings_cls, given)]
                if toml is not None:
                    sources.append(TomlConfigSettingsSource(settings_cls, toml))
                return (*sources, env_settings)

        return cls.model_construct(**Loaded().model_dump())
