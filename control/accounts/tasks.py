"""Background tasks for accounts: send e-mails and delete expired data."""

from datetime import UTC, datetime

from control.accounts.emails.service import EMAIL_JOB, EmailRefused, EmailSender, EmailUnavailable
from control.accounts.users.service import PASSWORD_RESET_JOB, Accounts
from control.db.duties import Duty, WorkerTasks
from control.db.jobs import JobFailed, JobHandler
from control.db.pool import Connection, Pool
from shared.secrets import UnsealError


def accounts_tasks(pool: Pool, accounts: Accounts, sender: EmailSender) -> WorkerTasks:
    """Return the jobs `mail.send` and `accounts.recover`, and the duty `sign_ins`."""

    async def sign_ins(db: Connection, now: datetime) -> int:
        return await accounts.purge(db, now, 1_000)

    return WorkerTasks(
        handlers={EMAIL_JOB: _send_email(sender), PASSWORD_RESET_JOB: _send_password_reset(pool, accounts)},
        duties=[Duty("sign_ins", 600, sign_ins, 1_000)],
    )


def _send_email(sender: EmailSender) -> JobHandler:
    async def run(payload: bytes) -> None:
        try:
            await sender.send(payload)
        except (EmailRefused, UnsealError) as error:
            raise JobFailed(type(error).__name__, is_permanent=True) from None
        except EmailUnavailable as error:
            raise JobFailed(type(error).__name__) from None

    return run


def _send_password_reset(pool: Pool, accounts: Accounts) -> JobHandler:
    """Return the handler that sends a password reset e-mail. It sends nothing if the address has no account."""

    async def run(payload: bytes) -> None:
        try:
            async with pool.transaction() as db:
                await accounts.email_links.send_password_reset(db, payload, datetime.now(UTC))
        except UnsealError as error:
            raise JobFailed(type(error).__name__, is_permanent=True) from None

    return run
