"""Who may do what in Redis: a user for each program, with the least keys and commands (ACL, the same in Valkey).

Neither program can list keys, change users or the server, or empty it. media cannot read events, checkpoints and
outcomes that it writes, and of tickets it reads only those whose token it knows.
"""

from collections.abc import Mapping
from typing import Final

# What a cluster's client needs besides, at each program.
# Not `+@connection`: CLIENT TRACKING with BCAST reports the names of all changed keys, and tickets' keys hold tokens.
_CLIENT: Final = (
    "+auth +hello +ping +echo +quit +reset +select +readonly +readwrite +asking +client|setname +client|setinfo "
    "+client|id +cluster|slots +command +time"
)
_ANY_CONTROL: Final = f"+@read +@write +@scripting +@transaction {_CLIENT} -@keyspace +del +exists +expire +pexpire"
# Control loads scripts and functions, and ends them. A node calls the functions of control
# (shared/bus/functions.py); what they call is checked by the node's own rules. It has neither scripts nor MULTI, with
# which one message could hold up Redis for any time.
_CONTROL_KEYS: Final = (
    "~vocalized:ticket:* ~vocalized:{nodes}:* ~vocalized:live:* ~vocalized:checkpoint:* ~vocalized:over:* "
    "~vocalized:assigned:* ~vocalized:commands:* ~vocalized:command:* ~vocalized:answer:* ~vocalized:granted:* "
    "~vocalized:reservations:* ~vocalized:dial_pace:* ~vocalized:notes ~vocalized:{provider-health}:*"
)
RULES: Final[Mapping[str, str]] = {
    "api": f"{_CONTROL_KEYS} ~vocalized:requests ~vocalized:replies:* ~vocalized:request:* ~{{limit:* {_ANY_CONTROL}",
    "worker": f"{_CONTROL_KEYS} ~vocalized:events ~vocalized:events:aside {_ANY_CONTROL}",
    "media": (
        "~vocalized:ticket:* ~vocalized:{nodes}:* ~vocalized:requests ~vocalized:replies:* "
        "~vocalized:{provider-health}:* ~vocalized:command:* %R~vocalized:commands:* %R~vocalized:granted:* "
        "%W~vocalized:events %W~vocalized:live:* %W~vocalized:checkpoint:* %W~vocalized:over:* %W~vocalized:answer:* "
        f"+get +set +del +exists +expire +pexpire +hget +hset +hdel +hlen +hgetall +smembers +xadd +xtrim "
        f"+xlen +xread +xdel +fcall {_CLIENT}"
    ),
}
# For health checks, which have no password.
_DEFAULT: Final = "user default on nopass resetkeys resetchannels -@all +ping"
_LAST: Final = "-@admin -@dangerous"


def user_lines(passwords: Mapping[str, str]) -> list[str]:
    """The lines of an ACL file. passwords: of each program."""
    lines = [f"user {name} on >{passwords[name]} resetchannels {rules} {_LAST}" for name, rules in RULES.items()]
    return [_DEFAULT, *lines]
