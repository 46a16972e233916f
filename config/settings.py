"""Settings from the environment (prefix VOCALIZED_), read once by each program's `__main__`."""

from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "VOCALIZED_"


class SettingsError(ValueError):
    """Settings that cannot be used; the message lists every fault with the variable's name."""


class MediaSettings(BaseSettings):
    """Settings of the media program. Each field is the variable VOCALIZED_<FIELD> in capitals."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore")

    media_host: str = Field("127.0.0.1", description="Address that the media server listens on.")
    media_state: Path = Field(Path("var/media"), description="Folder for events and recordings in stand-alone mode.")
    media_max_calls: int = Field(1_000, ge=1, le=100_000, description="Calls at once per worker.")
    media_max_message_bytes: int = Field(65_536, ge=1_024, le=4_194_304, description="Longest carrier message, bytes.")
    media_max_messages_per_s: int = Field(1_000, ge=100, description="Messages of one socket within a second.")
    media_start_timeout_s: float = Field(5.0, gt=0, le=60, description="Seconds a socket has to bring its start.")
    media_receive_timeout_s: float = Field(10.0, gt=0, le=300, description="Seconds without any carrier message.")
    media_send_timeout_s: float = Field(5.0, gt=0, le=60, description="Seconds a socket may refuse data.")
    media_max_outbox_bytes: int = Field(4_000_000, ge=100_000, description="Bytes waiting for one socket.")
    media_drain_timeout_s: float = Field(3_600.0, ge=0, le=14_400, description="Seconds calls may go on after SIGTERM.")
    local_engine_socket: str = Field("", description="Socket of a running local speech engine; empty starts one.")
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="debug, info, warning or error.")


def media_settings() -> MediaSettings:
    """Reads the environment. Raises SettingsError that lists all faults at once."""
    try:
        return MediaSettings()  # type: ignore[call-arg]  # every field has a default
    except ValidationError as error:
        faults = [f"{PREFIX}{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in error.errors()]
        raise SettingsError("settings: " + "; ".join(faults)) from error
