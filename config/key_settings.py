"""The settings of keys: for control's programs and commands, and for a media node."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from config.setting_types import BUS_UNSIGNED, BusKeys, BusUnsigned, SecretKeys, TokenKeys, VaultKeys


class KeySetSettings(BaseSettings):
    """The three sets of control's keys, and the single set of the previous version."""

    model_config = SettingsConfigDict(env_prefix="VOCALIZED_", extra="ignore", hide_input_in_errors=True)

    token_keys: TokenKeys = SecretStr("")
    vault_keys: VaultKeys = SecretStr("")
    bus_keys: BusKeys = SecretStr("")
    secret_keys: SecretKeys = SecretStr("")


class NodeKeySettings(BaseSettings):
    """The credentials of a media node."""

    model_config = SettingsConfigDict(env_prefix="VOCALIZED_", extra="ignore", hide_input_in_errors=True)

    media_pass: SecretStr = Field(
        SecretStr(""),
        description="The node credential with which control accepts this node: `python -m control keys media-pass URL` "
        "makes it.",
    )
    media_node_key: SecretStr = Field(
        SecretStr(""),
        description="Private key of several nodes that share one address, base64url of 32 bytes; empty: each start "
        "makes its own.",
    )
    secret_keys: SecretStr = Field(
        SecretStr(""),
        description="For this release: control's, of platforms that have no node credential for this node yet.",
    )
    bus_unsigned: BusUnsigned = BUS_UNSIGNED
