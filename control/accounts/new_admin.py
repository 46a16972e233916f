"""Creation of staff accounts: by the command line only, never by the API."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from control.accounts import store_admins
from control.accounts.model import Admin, AdminRole
from control.accounts.password_rules import require_strong_password
from control.accounts.passwords import Passwords
from control.audit.service import Actor, Change, record_change
from control.db.pool import Connection
from shared.errors import Conflict
from shared.ids import new_id


@dataclass(frozen=True, slots=True)
class NewAdmin:
    """A staff account to create."""

    email: str
    name: str
    role: AdminRole
    password: str


async def create_admin(db: Connection, passwords: Passwords, new: NewAdmin, now: datetime) -> Admin:
    """Creates the account. Raises Invalid (weak_password), Conflict (email_taken)."""
    require_strong_password(new.password, email=new.email, name=new.name, param="password")
    hashed = await passwords.hash(new.password)
    admin = await store_admins.insert(db, UUID(new_id()), new.email, new.name, new.role, hashed, now)
    if admin is None:
        raise Conflict("There is an admin with this address.", code="email_taken")
    created = {"email": admin.email, "name": admin.name, "role": admin.role}
    await record_change(db, Actor("system"), Change("admin.create", "admin", str(admin.id), after=created))
    return admin
