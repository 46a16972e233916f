"""The settings of sign-ins, sessions and passwords; part of ControlSettings."""

from pydantic import BaseModel, Field


class AccountSettings(BaseModel):
    """Settings for accounts of customers and of the staff."""

    access_token_s: int = Field(600, ge=10, le=3_600, description="Lifetime of an access token, in seconds.")
    session_idle_s: int = Field(
        14 * 86_400, ge=60, description="Seconds after which a user's unused refresh token expires."
    )
    session_longest_s: int = Field(90 * 86_400, ge=60, description="Seconds after which a user must sign in again.")
    admin_session_idle_s: int = Field(
        3_600, ge=60, description="Seconds after which an admin's unused refresh token expires."
    )
    admin_session_longest_s: int = Field(
        12 * 3_600, ge=60, description="Seconds after which an admin must sign in again."
    )
    sso_session_s: int = Field(
        12 * 3_600, ge=300, le=90 * 86_400, description="Seconds after which single sign-on is repeated."
    )
    refresh_grace_s: int = Field(
        0, ge=0, le=60, description="Seconds for which a used refresh token is still accepted."
    )
    recent_sign_in_s: int = Field(
        900,
        ge=60,
        le=86_400,
        description="Seconds after a sign-in during which sensitive actions need no further proof.",
    )
    sign_in_free_failures: int = Field(
        5, ge=1, le=100, description="Wrong passwords after which an address has to wait at that network or device."
    )
    sign_in_longest_wait_s: int = Field(
        900, ge=2, le=86_400, description="Longest wait after wrong passwords, seconds."
    )
    sign_in_address_failures: int = Field(
        100, ge=10, le=100_000, description="Wrong passwords of an address within an hour; then new devices wait."
    )
    sign_in_network_failures: int = Field(
        200, ge=10, le=100_000, description="Wrong passwords from a network within an hour; then new devices wait."
    )
    password_passes: int = Field(2, ge=1, le=100, description="Passes of argon2id over its memory.")
    password_memory_kib: int = Field(19_456, ge=8, le=4_194_304, description="Memory of argon2id per hash, in KiB.")
    password_workers: int = Field(2, ge=1, le=64, description="Concurrent password hashes.")
    password_waiting: int = Field(64, ge=1, le=10_000, description="Requests that may wait for a password hash.")
