"""Settings from the environment (prefix VOCALIZED_), read once by each program's `__main__`."""

from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from config.account_settings import AccountSettings
from config.embedder_settings import EmbedderSettings
from config.key_settings import KeySetSettings, NodeKeySettings
from config.setting_types import (
    BUS_UNSIGNED,
    BusUnsigned,
    DatabasePasswords,
    DatabaseUrl,
    EgressAllow,
    Figures,
    InvoiceIssuer,
    Mailbox,
    Networks,
    OptionalDatabaseUrl,
    OptionalRedisUrl,
    Origins,
    RedisUrl,
    SecretKeys,
    Secrets,
    SocketPatterns,
    SocketUrl,
    StorageUrl,
    Tokens,
    TwilioApiKey,
    TwilioSharedKeys,
    TwilioUs1Token,
    WebUrl,
)

PREFIX = "VOCALIZED_"
LOCAL_URL = "http://127.0.0.1:8080"

Read = TypeVar("Read", bound=BaseSettings)


class SettingsError(ValueError):
    """The settings are invalid. The message lists every error with the variable's name."""


class MediaSettings(NodeKeySettings):
    """Settings of the media program. Each field is the variable VOCALIZED_<FIELD> in capitals."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore")

    media_host: str = Field("127.0.0.1", description="Address that the media server listens on.")
    media_state: Path = Field(
        Path("var/media"),
        description="Folder of events and recordings; in bus mode of those that are not sent yet. It must "
        "outlive the process.",
    )
    media_max_calls: int = Field(400, ge=1, le=100_000, description="Concurrent calls per worker.")
    media_max_waiting: int = Field(1_000, ge=1, le=100_000, description="Concurrent sockets without a call per worker.")
    media_max_message_bytes: int = Field(65_536, ge=1_024, le=4_194_304, description="Longest carrier message, bytes.")
    media_max_messages_per_s: int = Field(1_000, ge=100, description="Messages of one socket per second.")
    media_start_timeout_s: float = Field(5.0, gt=0, le=60, description="Seconds in which a socket must send its start.")
    media_receive_timeout_s: float = Field(
        10.0, ge=3, le=300, description="Seconds without a frame after which a carrier's socket is dropped."
    )
    media_send_timeout_s: float = Field(
        5.0, gt=0, le=60, description="Seconds after which a socket that accepts no data is dropped."
    )
    media_max_outbox_bytes: int = Field(4_000_000, ge=100_000, description="Bytes queued for one socket.")
    media_max_listeners: int = Field(
        200, ge=0, le=10_000, description="People who listen to calls of a worker at once."
    )
    media_listener_stall_s: float = Field(
        5.0, gt=0, le=60, description="Seconds after which a listener's socket that accepts no data is dropped."
    )
    media_listener_requests_at_once: int = Field(
        10, ge=1, le=1_000, description="Whispers, pauses and takeovers that one session may request at once."
    )
    media_listener_requests_per_s: float = Field(
        1.0, gt=0, le=100, description="Further whispers, pauses and takeovers per second."
    )
    media_max_recording_backlog_bytes: int = Field(
        268_435_456, ge=1_048_576, description="Recorded sound that waits for a slow disk, in bytes; more is lost."
    )
    media_drain_timeout_s: float = Field(
        3_600.0, ge=0, le=14_400, description="Seconds for which calls may continue after SIGTERM."
    )
    media_provider_cool_down_s: float = Field(
        15.0,
        ge=0,
        le=3_600,
        description="Seconds for which a provider that keeps failing is tried last by all calls; doubles with each "
        "failed probe; 0: each call finds out by itself.",
    )
    media_provider_max_cool_down_s: float = Field(
        300.0, gt=0, le=86_400, description="Longest time between two probes of a failing provider, in seconds."
    )
    local_engine_socket: str = Field(
        "", description="Socket of a running local speech engine; empty starts one where the plan of --plan needs it."
    )
    media_completeness_model: str = Field(
        "", description="File of another model that judges whether a caller has finished; empty: the shipped one."
    )
    media_completeness_sha256: str = Field(
        "",
        pattern=r"^([0-9a-fA-F]{64})?$",
        description="SHA-256 of that file, in hex; the server does not start with another file.",
    )
    media_turn_teacher: bool = Field(
        False,
        description="Whether a language model in a process of its own is asked besides whether a caller has finished: "
        "55 ms of a core each time; needs the packages of the dependency group `model`.",
    )
    media_turn_teacher_calls: int = Field(
        50,
        ge=0,
        le=100_000,
        description="Calls of a worker that may ask that model; further calls are judged without it.",
    )
    media_public_url: SocketUrl = Field(
        "",
        description="Base of this node's sockets as carriers reach it, like wss://media-1.example.com; empty "
        "means the address that it listens on.",
    )
    media_node: str = Field(
        "", pattern=r"^[\w.-]{0,64}$", description="Name of this node; empty means the machine's name."
    )
    media_heartbeat_s: float = Field(1.0, gt=0, le=3, description="Seconds between two heartbeats of a node.")
    media_bus_timeout_s: float = Field(2.0, gt=0, le=30, description="Timeout of Redis, in seconds.")
    media_spool_max_bytes: int = Field(
        268_435_456, ge=1_048_576, description="Limit of events on disk while Redis is unavailable, in bytes."
    )
    media_max_requests: int = Field(
        400, ge=1, le=2_000, description="Requests of calls to control that wait for an answer at once."
    )
    redis_url: OptionalRedisUrl = Field(
        SecretStr(""), description="Redis, where plans come from and events go to; not needed with --plan."
    )
    storage_url: StorageUrl = Field(
        "", description="Storage of recordings: file:///folder or s3://bucket?endpoint=…; the same as control's."
    )
    twilio_auth_tokens: Tokens = Field(
        (), description="Twilio's account=token pairs, separated by commas: signatures of media sockets are verified."
    )
    twilio_shared_keys: TwilioSharedKeys = ()
    media_require_signature: bool = Field(
        False, description="Whether a Twilio media socket without a valid signature is refused."
    )
    egress_allow: EgressAllow = ()
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="debug, info, warning or error.")


class DatabaseSettings(BaseSettings):
    """Settings of commands that need the database only."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", hide_input_in_errors=True)

    database_url: DatabaseUrl = Field(
        description="PostgreSQL: postgresql://user:password@host:port/database, or …@/database?host=/folder."
    )
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="debug, info, warning or error.")


class MigrationSettings(DatabaseSettings):
    """Settings of `python -m control migrate`, which connects as the owner of the database."""

    database_passwords: DatabasePasswords = ()


class KeySettings(DatabaseSettings, KeySetSettings):
    """Settings of `python -m control providers` and `audit`."""


class KeyCommandSettings(KeySettings):
    """Settings of `python -m control keys`."""

    database_url: OptionalDatabaseUrl = Field(
        SecretStr(""), description="PostgreSQL as the owner of the tables: what `rotate` and `revoke` need."
    )


class BackupSettings(BaseSettings):
    """Settings of `python -m control backups`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", hide_input_in_errors=True)

    backup_url: StorageUrl = Field(
        min_length=1,
        description="Storage of backups, separate from that of recordings: "
        "s3://bucket/prefix?endpoint=…&region=…, or file:///folder.",
    )
    backup_keys: SecretStr = Field(
        SecretStr(""),
        description="Keys that encrypt backups: base64url of 32 bytes each, separated by commas; the first one "
        "encrypts, all of them decrypt; empty stores dumps as they are.",
    )
    database_url: OptionalDatabaseUrl = Field(
        SecretStr(""),
        description="PostgreSQL as the login for backups, or the owner of the tables: `create` backs it up, and "
        "`create` and `check` record their runs there.",
    )
    restore_url: OptionalDatabaseUrl = Field(
        SecretStr(""),
        description="PostgreSQL server on which `check` creates its own database, as a user who may create "
        "databases and roles; required by `check`.",
    )
    vault_keys: SecretStr = Field(
        SecretStr(""), description="The platform's vault keys; with them `check` opens the sealed keys of providers."
    )
    secret_keys: SecretKeys = SecretStr("")
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="debug, info, warning or error.")


class ControlSettings(DatabaseSettings, AccountSettings, EmbedderSettings, KeySetSettings):
    """Settings of the control program: the API and the worker. Limits apply to each process."""

    redis_url: RedisUrl = Field(
        description="Redis: redis://host:port/0, rediss://… or unix:///socket; a cluster: redis+cluster://host:port,host:port."
    )
    bus_unsigned: BusUnsigned = BUS_UNSIGNED
    public_url: WebUrl = Field(LOCAL_URL, description="Public URL of the API.")
    portal_url: WebUrl | None = Field(
        None,
        description="URL of the client portal, for links in emails; default: the console at the public URL.",
    )
    smtp_url: SecretStr = Field(
        SecretStr("smtp://localhost:25?tls=off"),
        description="Mail server: smtps://user:password@host, smtp://host:587 (STARTTLS) or file:///folder.",
    )
    mail_from: Mailbox = Field("Vocalized <no-reply@vocalized.app>", description="From address of emails.")
    invoice_issuer: InvoiceIssuer = Field(
        (),
        description="Name, address, tax id and bank account on invoices: lines, separated by semicolons; empty: "
        "Vocalized.",
    )
    invoice_fonts: str = Field(
        "",
        description="Folder of fonts (.ttf, .otf, .ttc) for characters on invoices that Roboto lacks, such as "
        "Chinese and Arabic ones; the first font by name that has the character is used.",
    )
    stripe_api_key: SecretStr = Field(
        SecretStr(""), description="Stripe's secret key; empty: the platform issues its invoices itself."
    )
    stripe_webhook_secrets: Secrets = Field(
        (), repr=False, description="Signing secrets of Stripe's webhook endpoint (whsec_…), separated by commas."
    )
    stripe_webhook_body_bytes: int = Field(
        524_288, ge=65_536, le=16_777_216, description="Longest event of Stripe, in bytes; at most `MAX_BODY_BYTES`."
    )
    stripe_meter_event: str = Field(
        "",
        pattern=r"^[A-Za-z0-9_.-]{0,100}$",
        description="Event name of a daily Stripe meter that receives each workspace's seconds of calls; empty: none.",
    )
    stripe_api_url: WebUrl = Field("https://api.stripe.com", description="Stripe's API.")
    stripe_timeout_s: float = Field(10.0, gt=0, le=60, description="Timeout of one request to Stripe, in seconds.")
    billing_days_ahead: int = Field(
        0,
        ge=0,
        le=3_660,
        description="For rehearsals on one machine only: days by which the worker's billing is ahead of the clock.",
    )
    standin_providers: bool = Field(False, description="Whether test providers may answer calls.")

    storage_url: StorageUrl = Field(
        "file:///var/lib/vocalized/objects",
        description="Storage of recordings: file:///folder or s3://bucket/prefix?endpoint=…&region=…; with "
        "&links=true browsers fetch recordings there (at public_endpoint=… if set), otherwise from "
        "the API.",
    )
    webhook_url: WebUrl | None = Field(
        None, description="URL at which carriers reach the webhooks; default: the public URL."
    )
    bus_timeout_s: float = Field(1.0, gt=0, le=10, description="Timeout of the bus (Redis), in seconds.")
    request_concurrency: int = Field(
        256, ge=1, le=1_000, description="Requests of running calls that one API process handles at once."
    )
    live_streams: int = Field(200, ge=1, le=10_000, description="Streams of live calls of one API process at once.")
    live_streams_per_workspace: int = Field(
        20, ge=1, le=10_000, description="Of these, streams of one workspace, and of the staff."
    )
    live_streams_per_person: int = Field(
        10, ge=1, le=10_000, description="Of these, streams of one person or API key in one workspace."
    )
    media_urls: SocketPatterns = Field(
        (),
        description="URLs of the media nodes that calls may be routed to, separated by commas; one that ends with /* "
        "allows all below it. Needed unless `PUBLIC_URL` is this machine, where empty allows every node.",
    )
    twilio_account_sid: str = Field("", description="Twilio's account for numbers and outbound calls.")
    twilio_auth_tokens: Tokens = Field(
        (),
        description="Twilio's account=token pairs, separated by commas; an account's first token signs in, all "
        "tokens verify. Accounts other than `TWILIO_ACCOUNT_SID` are subaccounts whose calls are "
        "answered.",
    )
    twilio_shared_keys: TwilioSharedKeys = ()
    twilio_api_key: TwilioApiKey = ()
    twilio_us1_token: TwilioUs1Token = SecretStr("")
    twilio_api_url: WebUrl = Field("https://api.twilio.com", description="Twilio's REST API.")
    twilio_region: str = Field(
        "",
        pattern=r"^[a-z]{2}[0-9]?$|^$",
        description="Twilio's region that processes and stores calls, like ie1; empty means us1.",
    )
    twilio_edge: str = Field("", pattern=r"^[a-z-]{0,30}$", description="Twilio's edge; empty: next to the region.")
    twilio_call_rate: float = Field(
        1.0, gt=0, le=100, description="Outbound calls that may begin in a second at Twilio, in all workers together."
    )
    twilio_require_signature: bool = Field(True, description="Whether Twilio's webhooks must be signed.")
    telnyx_api_key: SecretStr = Field(SecretStr(""), description="Telnyx's API key.")
    telnyx_public_keys: Secrets = Field((), description="Telnyx's public keys, base64, separated by commas.")
    telnyx_connection_id: str = Field("", description="Telnyx's Call Control application for numbers and calls.")
    telnyx_api_url: WebUrl = Field("https://api.telnyx.com/v2", description="Telnyx's REST API.")
    telnyx_call_rate: float = Field(
        1.0, gt=0, le=100, description="Outbound calls that may begin in a second at Telnyx, in all workers together."
    )
    carrier_timeout_s: float = Field(5.0, gt=0, le=30, description="Timeout of a carrier's API, in seconds.")
    default_carrier: Literal["", "twilio", "telnyx"] = Field(
        "", description="Carrier at which numbers are bought; empty: the first that is configured."
    )
    carrier_recordings: Literal["ours", "carrier", "both"] = Field(
        "ours",
        description="Who records calls: ours (the media node), carrier (control fetches and stores its "
        "recording), or both.",
    )
    carrier_recordings_deleted: bool = Field(
        True, description="Whether a carrier's recording is deleted at the carrier after control has stored it."
    )
    unknown_calls_ended: bool = Field(
        False,
        description="Whether calls at the carrier without a record are ended. Set it only if no other "
        "installation uses the Telnyx application and the Twilio account.",
    )
    resume_apology: str = Field(
        "Sorry, we were cut off for a moment.",
        description="What an English agent says when a call is resumed after a loss.",
    )
    call_analysis: bool = Field(
        True, description="Whether ended calls are analyzed, if their agent's config enables it."
    )
    call_analysis_max_tokens: int = Field(
        60_000,
        ge=5_000,
        le=1_000_000,
        description="Tokens that the analysis of one call may use, including repeated requests.",
    )
    call_analysis_timeout_s: float = Field(
        30.0, gt=0, le=60, description="Timeout of one request of the analysis of a call, in seconds."
    )

    egress_allow: EgressAllow = ()
    control_host: str = Field("127.0.0.1", description="Address that API and worker listen on.")
    trusted_proxies: Networks = Field((), description="Networks of your proxies, whose X-Forwarded-For is trusted.")
    cors_origins: Origins = Field((), description="Origins of web pages that may call the API.")
    max_body_bytes: int = Field(1_048_576, ge=1_024, le=67_108_864, description="Longest request body, in bytes.")
    body_timeout_s: float = Field(15.0, gt=0, le=300, description="Timeout of receiving a request body, in seconds.")
    keepalive_timeout_s: float = Field(75.0, gt=0, le=3_600, description="Seconds that an idle connection stays open.")
    connections_per_address: int = Field(
        500,
        ge=1,
        le=100_000,
        description="Simultaneous connections from one client address per API process; trusted proxies have no limit.",
    )
    control_drain_timeout_s: float = Field(
        20.0, ge=0, le=600, description="Seconds for which requests may continue after SIGTERM."
    )
    export_concurrency: int = Field(2, ge=1, le=100, description="Exports of one workspace at a time.")
    exports_per_hour: int = Field(20, ge=1, le=10_000, description="Exports that one workspace may begin in an hour.")
    export_stall_s: float = Field(
        60.0, gt=0, le=3_600, description="Seconds after which an export ends if its client reads nothing."
    )
    export_longest_s: float = Field(3_600.0, gt=0, le=86_400, description="Longest export, in seconds.")
    rate_limits: Figures = Field({}, description="Overrides of rate limits: name=times/seconds, separated by commas.")

    database_pool_size: int = Field(16, ge=1, le=500, description="Connections to PostgreSQL per API process.")
    database_connect_timeout_s: float = Field(
        5.0, gt=0, le=60, description="Timeout of opening a connection, in seconds."
    )
    database_acquire_timeout_s: float = Field(
        2.0, gt=0, le=60, description="Timeout of waiting for a free connection, in seconds."
    )
    database_statement_timeout_s: float = Field(10.0, gt=0, le=600, description="Timeout of a statement, in seconds.")
    database_idle_timeout_s: float = Field(
        30.0, gt=0, le=600, description="Seconds after which the server ends an idle transaction."
    )
    redis_timeout_s: float = Field(
        0.25, gt=0, le=10, description="Timeout of Redis, in seconds; the request then continues without it."
    )


def media_settings() -> MediaSettings:
    """Read the environment. Raises SettingsError, which lists all errors."""
    return _read(MediaSettings)


def database_settings() -> DatabaseSettings:
    """Read the environment as `media_settings` does."""
    return _read(DatabaseSettings)


def migration_settings() -> MigrationSettings:
    """Read the environment as `media_settings` does."""
    return _read(MigrationSettings)


def key_settings() -> KeySettings:
    """Read the environment as `media_settings` does."""
    return _read(KeySettings)


def key_command_settings() -> KeyCommandSettings:
    """Read the environment as `media_settings` does."""
    return _read(KeyCommandSettings)


def backup_settings() -> BackupSettings:
    """Read the environment as `media_settings` does."""
    return _read(BackupSettings)


def control_settings() -> ControlSettings:
    """Read the environment as `media_settings` does."""
    return _read(ControlSettings)


def _read(kind: type[Read]) -> Read:
    try:
        return kind()
    except ValidationError as error:
        errors = [f"{PREFIX}{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in error.errors()]
        raise SettingsError("settings: " + "; ".join(dict.fromkeys(errors))) from error
