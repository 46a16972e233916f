"""What we write to people about their accounts.

As long as an address is not confirmed, its account's name may be a stranger's words: it stands in no letter to it.
"""

from control.accounts.mail import Mail


def verify_letter(to: str, link: str, hours: int) -> Mail:
    """Asks whether the address is theirs."""
    return Mail(
        to,
        "Confirm your e-mail address",
        f"""Hello,

please confirm that this address is yours by opening this link within {hours} hours:

{link}

If you did not sign up for Vocalized, you need do nothing.
""",
    )


def reset_letter(to: str, link: str, minutes: int) -> Mail:
    """Leads to a new password."""
    return Mail(
        to,
        "Choose a new password",
        f"""Hello,

somebody, probably you, asked for a new password for Vocalized. Open this link within {minutes} minutes to choose one:

{link}

The link works once. If you did not ask for it, you need do nothing: your password stays as it is.
""",
    )


def changed_letter(to: str, name: str) -> Mail:
    """Tells that the password is another one now."""
    return Mail(
        to,
        "Your password was changed",
        f"""Hello {name},

the password of your Vocalized account was just changed, and you were signed out everywhere.

If that was not you, choose a new password at once by "Forgot password" on the sign-in page.
""",
    )
