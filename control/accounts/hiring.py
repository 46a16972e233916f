"""How somebody joins the staff: by the command line on the machine, never by the API."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from control.accounts import store_admins
from control.accounts.password_rules import require_good
from control.accounts.passwords import Passwords
from control.accounts.store_admins import Admin, AdminRole
from control.db.pool import Connection
from control.platform.audit import Actor, Change, record
from shared.errors import Conflict
from shared.ids import new_id


@dataclass(frozen=True, slots=True)
class NewAdmin:
    """Somebody about to join."""

    email: str
    name: str
    role: AdminRole
    password: str


async def hire(db: Connection, passwords: Passwords, new: NewAdmin, now: datetime) -> Admin:
    """Raises Invalid (weak_password), Conflict (email_taken)."""
    require_good(new.password, email=new.email, name=new.name, param="password")
    hashed = await passwords.hash(new.password)
    admin = await store_admins.insert(db, UUID(new_id()), new.email, new.name, new.role, hashed, now)
    if admin is None:
        raise Conflict("There is an admin with this address.", code="email_taken")
    told = {"email": admin.email, "name": admin.name, "role": admin.role}
    await record(db, Actor("system"), Change("admin.create", "admin", str(admin.id), after=told))
    return admin
