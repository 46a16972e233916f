"""Checks the database and the storage."""

import asyncio

from shared.doctor import DoctorFinding

_TIMEOUT_S = 10.0
_RELEASE_S = 0.1


def check_database(url: str) -> DoctorFinding:
    """Sign in to PostgreSQL as the API and the worker do."""
    import asyncpg  # type: ignore[import-untyped]

    from control.db.pool import open_pool

    async def sign_in() -> None:
        async with asyncio.timeout(_TIMEOUT_S), open_pool(url, size=1, name="vocalized-doctor") as pool:
            await pool.ping()

    try:
        asyncio.run(sign_in())
    except (asyncpg.UndefinedObjectError, asyncpg.UndefinedFunctionError, asyncpg.InvalidParameterValueError):
        return DoctorFinding("database", False, "it is not migrated", "run `python -m control migrate` as the owner")
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        remedy = "check VOCALIZED_DATABASE_URL, its user and password, and that this machine reaches the server"
        return DoctorFinding("database", False, f"not reached: {type(error).__name__}", remedy)
    return DoctorFinding("database", True, "the login is accepted")


def check_storage(url: str) -> DoctorFinding:
    """Request an object that does not exist from the storage."""
    from shared.storage import ObjectNotFound, Storage, StorageUnavailable

    async def ask() -> None:
        try:
            await Storage(url, timeout_s=_TIMEOUT_S).size("doctor/no-object")
        finally:
            # The client's threads may still release Python objects; an interpreter that exits meanwhile would abort.
            await asyncio.sleep(_RELEASE_S)

    try:
        asyncio.run(ask())
    except ObjectNotFound:
        pass
    except StorageUnavailable as error:
        remedy = "check VOCALIZED_STORAGE_URL, its keys and bucket, and that this machine reaches the server"
        return DoctorFinding("storage", False, f"not reached: {error}", remedy)
    return DoctorFinding("storage", True, "it answers")
