"""SQLAlchemy models of the tables that the three endpoints read and write."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.dialects.postgresql import BYTEA, JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    """The base of all models."""

    type_annotation_map = {  # noqa: RUF012  # SQLAlchemy's own way to say it
        datetime: TIMESTAMP(timezone=True),
        dict[str, Any]: JSONB,
        bytes: BYTEA,
    }


class User(Base):
    """An account."""

    __tablename__ = "users"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    email: Mapped[str]
    name: Mapped[str]
    password_hash: Mapped[str]
    email_verified_at: Mapped[datetime | None]
    is_active: Mapped[bool]
    last_login_at: Mapped[datetime | None]


class Session(Base):
    """A session of a signed-in user."""

    __tablename__ = "sessions"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    user_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class RefreshToken(Base):
    """A refresh token of a session."""

    __tablename__ = "refresh_tokens"
    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    session_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("sessions.id"))
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class Workspace(Base):
    """A customer."""

    __tablename__ = "workspaces"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    industry: Mapped[str | None]
    status: Mapped[str]
    tier_name: Mapped[str]
    deleted_at: Mapped[datetime | None]


class Member(Base):
    """A user's membership of a workspace."""

    __tablename__ = "workspace_members"
    workspace_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    role: Mapped[str]
    workspace: Mapped[Workspace] = relationship()


class Template(Base):
    """An agent template."""

    __tablename__ = "agent_templates"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    name: Mapped[str]


class PhoneNumber(Base):
    """A number."""

    __tablename__ = "phone_numbers"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    phone_number: Mapped[str]
    friendly_name: Mapped[str]
    status: Mapped[str]
    agent_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("agents.id"))


class Agent(Base):
    """An agent."""

    __tablename__ = "agents"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[uuid.UUID]
    name: Mapped[str]
    status: Mapped[str]
    template_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("agent_templates.id"))
    version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
    template: Mapped[Template | None] = relationship()
    number: Mapped[PhoneNumber | None] = relationship(
        primaryjoin="and_(PhoneNumber.agent_id == Agent.id, PhoneNumber.status.in_(['buying', 'active']))",
        uselist=False,
        viewonly=True,
    )


class AgentVersion(Base):
    """A version of an agent."""

    __tablename__ = "agent_versions"
    agent_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("agents.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    config: Mapped[dict[str, Any]]
    voice_provider: Mapped[str | None]
    voice_config: Mapped[dict[str, Any]]


class AgentTotals(Base):
    """Statistics of an agent's calls."""

    __tablename__ = "agent_totals"
    agent_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("agents.id"), primary_key=True)
    calls: Mapped[int]
    seconds: Mapped[int]
