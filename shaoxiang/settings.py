"""Settings: each has a documented default and may be set as SHAOXIANG_NAME in the environment or a .env file.

docs/settings.md is generated from here.
"""

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "SHAOXIANG_"
Seconds = Annotated[timedelta, Field(gt=timedelta(0))]


class LogFormat(StrEnum):
    """How a log line is written: for a person or for a machine."""

    CONSOLE = "console"
    JSON = "json"


class Settings(BaseSettings):
    """What a site may set. Times are ISO 8601 durations (`PT5S`); sizes are in bytes."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    dir: Path = Field(Path("shaoxiang-data"), description="Folder of the store: the log, the views, photos, the key.")
    database: SecretStr | None = Field(
        None,
        description=(
            "URL of the PostgreSQL database, which may name several hosts; then the folder holds only photos, imports "
            "and the key. Unset, everything lies in the folder, for one process."
        ),
    )
    log_connections: int = Field(
        8, ge=2, le=200, description="Most connections of one process to the log, on PostgreSQL."
    )
    view_connections: int = Field(
        8, ge=2, le=200, description="Most connections of one process to the views, on PostgreSQL."
    )
    retry_for: Seconds = Field(
        timedelta(seconds=5),
        description="How long a command is tried again while the store is away, as in a failover; then 503.",
    )
    timer_threads: int = Field(
        8, ge=1, le=64, description="How many streams one scheduler fires side by side, on PostgreSQL."
    )
    data: Path | None = Field(None, description="A site's own data folder instead of the one that ships.")
    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 is reachable from outside.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    master_key: SecretStr | None = Field(
        None, description="Base64 of the 32 bytes that wrap every person's key; unset, a key file in the store folder."
    )
    log_level: str = Field("INFO", pattern=r"^(DEBUG|INFO|WARNING|ERROR)$", description="Least level that is logged.")
    log_format: LogFormat = Field(LogFormat.CONSOLE, description="`console` for a person, `json` for a machine.")
    poll_every: Seconds = Field(
        timedelta(seconds=2), description="How often the views look for new events when no hint has come."
    )
    tick_every: Seconds = Field(
        timedelta(seconds=5), description="How often the scheduler looks for what is due when nothing wakes it sooner."
    )
    fold_batch: int = Field(5000, ge=1, le=20_000, description="Most events that the views fold in one transaction.")
    wait_at_most: Seconds = Field(
        timedelta(seconds=10), description="Longest that a read waits for a log position (`Prefer: wait`)."
    )
    heartbeat_every: Seconds = Field(
        timedelta(seconds=15), description="How often a quiet event stream sends a comment, to keep proxies patient."
    )
    page_size: int = Field(50, ge=1, le=1000, description="Rows of a page when a request does not say.")
    page_size_at_most: int = Field(200, ge=1, le=1000, description="Most rows of a page that a request may ask for.")
    requests_per_minute: int = Field(
        600, ge=1, description="Requests a minute for one token at one API process; beyond, 429."
    )
    body_at_most: int = Field(1_048_576, ge=1024, description="Largest request body in bytes; beyond, 413.")
    photo_at_most: int = Field(10_485_760, ge=1024, description="Largest photo in bytes.")
    photo_pixels_at_most: int = Field(50_000_000, ge=1, description="Most pixels of a photo, which bounds its memory.")
    metrics_token: SecretStr | None = Field(
        None, description="Bearer token for /metrics; unset, only the machine itself may read it."
    )

    @property
    def database_url(self) -> str | None:
        """The URL of the PostgreSQL database; None for a store in the folder."""
        return None if self.database is None else self.database.get_secret_value()

    @property
    def log_db(self) -> Path:
        """The event log's file."""
        return self.dir / "log.db"

    @property
    def views_db(self) -> Path:
        """The views' file, which may be deleted and folded again."""
        return self.dir / "views.db"

    @property
    def vault_db(self) -> Path:
        """Where identities lie, each under its own key."""
        return self.dir / "vault.db"

    @property
    def access_db(self) -> Path:
        """Where the tokens' hashes lie."""
        return self.dir / "access.db"

    @property
    def imports(self) -> Path:
        """Where the organisations that imports brought along are kept, so that their cases can be worked on."""
        return self.dir / "imports"

    @property
    def logins(self) -> Path:
        """Where the demo city's logins are written, readable by their owner only."""
        return self.dir / "logins.json"

    @property
    def photo_folder(self) -> Path:
        """Where photos lie by their content hash."""
        return self.dir / "photos"

    @property
    def master_key_file(self) -> Path:
        """Where the master key lies when it is not set; readable by its owner only."""
        return self.dir / "master.key"
