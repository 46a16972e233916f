"""The same three endpoints as FastAPI's and SQLAlchemy's own documentation build them: an ORM, a session per request by
`Depends`, response models. `python -m lab.benchmarks.api.peer --port N --database postgresql+asyncpg://…`

It uses the tables that our API created, with the same checks: the session is valid, the caller is a member; then the
rows. Password hashes are written by our API.
"""

import argparse
import hashlib
import secrets
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import jwt
import uvicorn
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import joinedload

from lab.benchmarks.api.tables import (
    Agent,
    AgentTotals,
    AgentVersion,
    Member,
    RefreshToken,
    Session,
    User,
    Workspace,
)

SECRET = secrets.token_hex(32)
LIFETIME = timedelta(minutes=10)
hasher = PasswordHasher()
bearer = HTTPBearer()


class LoginBody(BaseModel):
    email: str
    password: str


class UserOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: uuid.UUID
    email: str
    name: str
    is_verified: bool


class WorkspaceOut(BaseModel):
    id: uuid.UUID
    name: str
    industry: str | None
    role: str
    status: str
    subscription_tier: str


class LoginOut(BaseModel):
    token: str
    refresh_token: str
    expires_in: int
    user: UserOut
    workspaces: list[WorkspaceOut]


class AgentRow(BaseModel):
    id: uuid.UUID
    name: str
    status: str
    phone_number: str | None
    template_name: str | None
    created_at: datetime


class AgentsOut(BaseModel):
    agents: list[AgentRow]
    total: int
    page: int
    limit: int


class AgentDetail(BaseModel):
    id: uuid.UUID
    name: str
    status: str
    version: int
    config: dict[str, Any]
    voice_provider: str | None
    voice_config: dict[str, Any]
    template_name: str | None
    created_at: datetime
    updated_at: datetime


class NumberOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: uuid.UUID
    phone_number: str
    friendly_name: str
    status: str


class StatsOut(BaseModel):
    total_calls: int
    avg_duration: float


class AgentOut(BaseModel):
    agent: AgentDetail
    phone_number: NumberOut | None
    stats: StatsOut


async def database(request: Request) -> AsyncIterator[AsyncSession]:
    """A session for one request, committed at its end."""
    maker: async_sessionmaker[AsyncSession] = request.app.state.sessions
    async with maker() as session, session.begin():
        yield session


Database = Annotated[AsyncSession, Depends(database)]


async def current_user(db: Database, credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]) -> User:
    """The user of a valid session."""
    try:
        claims = jwt.decode(credentials.credentials, SECRET, algorithms=["HS256"])
    except jwt.InvalidTokenError:
        raise HTTPException(401, "invalid token") from None
    statement = (
        select(User)
        .join(Session, Session.user_id == User.id)
        .where(Session.id == uuid.UUID(claims["sid"]), Session.revoked_at.is_(None), User.is_active)
        .where(Session.expires_at > func.now())
    )
    user = (await db.scalars(statement)).one_or_none()
    if user is None:
        raise HTTPException(401, "session over")
    return user


async def membership(workspace_id: uuid.UUID, db: Database, user: Annotated[User, Depends(current_user)]) -> Member:
    """The caller's membership of the workspace in the path."""
    statement = (
        select(Member)
        .join(Workspace, Workspace.id == Member.workspace_id)
        .where(Member.workspace_id == workspace_id, Member.user_id == user.id, Workspace.deleted_at.is_(None))
    )
    member = (await db.scalars(statement)).one_or_none()
    if member is None:
        raise HTTPException(404, "no such workspace")
    return member


@asynccontextmanager
async def lifespan(api: FastAPI) -> AsyncIterator[None]:
    engine = create_async_engine(api.state.database_url, pool_size=16, max_overflow=0)
    api.state.sessions = async_sessionmaker(engine, expire_on_commit=False)
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/auth/login", response_model=LoginOut)
async def login(body: LoginBody, db: Database) -> LoginOut:
    user = (await db.scalars(select(User).where(User.email == body.email.lower()))).one_or_none()
    if user is None or not await run_in_threadpool(_matches, user.password_hash, body.password):
        raise HTTPException(401, "wrong e-mail or password")
    now = datetime.now(UTC)
    session = Session(id=uuid.uuid4(), user_id=user.id, created_at=now, expires_at=now + timedelta(days=30))
    token = secrets.token_urlsafe(32)
    refresh = RefreshToken(
        token_hash=hashlib.sha256(token.encode()).digest(),
        session_id=session.id,
        issued_at=now,
        expires_at=now + timedelta(days=30),
    )
    db.add(session)
    await db.flush()
    db.add(refresh)
    user.last_login_at = now
    statement = (
        select(Member).options(joinedload(Member.workspace)).join(Workspace).where(Member.user_id == user.id)
        .where(Workspace.deleted_at.is_(None))
    )  # fmt: skip
    members = (await db.scalars(statement)).all()
    access = jwt.encode({"sid": str(session.id), "exp": now + LIFETIME}, SECRET, algorithm="HS256")
    return LoginOut(
        token=access,
        refresh_token=token,
        expires_in=int(LIFETIME.total_seconds()),
        user=UserOut(id=user.id, email=user.email, name=user.name, is_verified=user.email_verified_at is not None),
        workspaces=[
            WorkspaceOut(
                id=member.workspace.id,
                name=member.workspace.name,
                industry=member.workspace.industry,
                role=member.role,
                status=member.workspace.status,
                subscription_tier=member.workspace.tier_name,
            )
            for member in members
        ],
    )


@app.get("/workspaces/{workspace_id}/agents", response_model=AgentsOut)
async def list_agents(
    workspace_id: uuid.UUID,
    db: Database,
    member: Annotated[Member, Depends(membership)],
    page: Annotated[int, Query(ge=1)] = 1,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> AgentsOut:
    mine = (Agent.workspace_id == workspace_id, Agent.deleted_at.is_(None))
    total = (await db.scalar(select(func.count()).select_from(Agent).where(*mine))) or 0
    statement = (
        select(Agent)
        .options(joinedload(Agent.template), joinedload(Agent.number))
        .where(*mine)
        .order_by(Agent.created_at.desc())
        .limit(limit)
        .offset((page - 1) * limit)
    )
    rows = (await db.scalars(statement)).all()
    return AgentsOut(
        agents=[
            AgentRow(
                id=agent.id,
                name=agent.name,
                status=agent.status,
                phone_number=agent.number.phone_number if agent.number else None,
                template_name=agent.template.name if agent.template else None,
                created_at=agent.created_at,
            )
            for agent in rows
        ],
        total=total,
        page=page,
        limit=limit,
    )


@app.get("/workspaces/{workspace_id}/agents/{agent_id}", response_model=AgentOut)
async def get_agent(
    workspace_id: uuid.UUID, agent_id: uuid.UUID, db: Database, member: Annotated[Member, Depends(membership)]
) -> AgentOut:
    statement = (
        select(Agent, AgentVersion, AgentTotals)
        .options(joinedload(Agent.template), joinedload(Agent.number))
        .join(AgentVersion, (AgentVersion.agent_id == Agent.id) & (AgentVersion.version == Agent.version))
        .outerjoin(AgentTotals, AgentTotals.agent_id == Agent.id)
        .where(Agent.workspace_id == workspace_id, Agent.id == agent_id, Agent.deleted_at.is_(None))
    )
    row = (await db.execute(statement)).one_or_none()
    if row is None:
        raise HTTPException(404, "no such agent")
    agent, version, totals = row
    calls = totals.calls if totals else 0
    return AgentOut(
        agent=AgentDetail(
            id=agent.id,
            name=agent.name,
            status=agent.status,
            version=agent.version,
            config=version.config,
            voice_provider=version.voice_provider,
            voice_config=version.voice_config,
            template_name=agent.template.name if agent.template else None,
            created_at=agent.created_at,
            updated_at=agent.updated_at,
        ),
        phone_number=NumberOut.model_validate(agent.number) if agent.number else None,
        stats=StatsOut(total_calls=calls, avg_duration=totals.seconds / calls if calls else 0.0),
    )


def _matches(stored: str, password: str) -> bool:
    try:
        return hasher.verify(stored, password)
    except VerifyMismatchError:
        return False


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--database", required=True)
    arguments = parser.parse_args()
    app.state.database_url = arguments.database
    uvicorn.run(app, host="127.0.0.1", port=arguments.port, loop="uvloop", log_level="warning", access_log=False)
