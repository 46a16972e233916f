"""Texts of the e-mails about accounts.

E-mails to an unconfirmed address do not contain the account's name, because a stranger may have chosen it.
"""

from control.accounts.emails.service import Email
from control.http.names import letter_name


def verification_email(to: str, link: str, hours: int) -> Email:
    """Return the e-mail that asks the recipient to confirm the address."""
    return Email(
        to,
        "Confirm your e-mail address",
        f"""Hello,

please confirm that this address is yours by opening this link within {hours} hours:

{link}

If you did not sign up for Vocalized, you need do nothing.
""",
    )


def password_reset_email(to: str, link: str, minutes: int) -> Email:
    """Return the e-mail with the link for setting a new password."""
    return Email(
        to,
        "Choose a new password",
        f"""Hello,

somebody, probably you, asked for a new password for Vocalized. Open this link within {minutes} minutes to choose one:

{link}

The link works once. If you did not ask for it, you need do nothing: your password stays as it is.
""",
    )


def own_password_changed_email(to: str, name: str, ends_sessions: bool) -> Email:
    """Return the e-mail that reports a password change by the signed-in person."""
    elsewhere = ", and you were signed out everywhere else" if ends_sessions else ""
    return Email(
        to,
        "Your password was changed",
        f"""Hello {letter_name(name)},

the password of your Vocalized account was just changed by somebody who is signed in and knew the old one{elsewhere}.

If that was not you, choose a new password at once by "Forgot password" on the sign-in page.
""",
    )


def second_factor_email(to: str, name: str, is_enabled: bool) -> Email:
    """Return the e-mail that reports that the second factor was enabled or removed."""
    what = "needs a code of your authenticator app from now on" if is_enabled else "needs the password only from now on"
    return Email(
        to,
        "Your second factor was set up" if is_enabled else "Your second factor was removed",
        f"""Hello {letter_name(name)},

the sign-in to your Vocalized account {what}.

If that was not you, choose a new password at once by "Forgot password" on the sign-in page, and write to the support.
""",
    )


def password_changed_email(to: str, name: str) -> Email:
    """Return the e-mail that reports a password change through a reset link."""
    return Email(
        to,
        "Your password was changed",
        f"""Hello {letter_name(name)},

the password of your Vocalized account was just changed, and you were signed out everywhere.

If that was not you, choose a new password at once by "Forgot password" on the sign-in page.
""",
    )
