"""Who may use the console: users, tokens for programs, and sessions. Times are arguments, secrets come as digests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from alerts.store.opening import reading, writing
from alerts.store.schema import SESSIONS, TOKENS, USERS
from alerts.store.store import AlertStore

Role = Literal["viewer", "analyst", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)


class Person(NamedTuple):
    """Somebody, or a program, with what it may do."""

    name: str
    role: Role


class User(NamedTuple):
    """Somebody who signs in with a password."""

    name: str
    role: Role
    secret: str
    made: str


class Token(NamedTuple):
    """What a program signs in with; itself it is nowhere kept."""

    name: str
    role: Role
    made: str
    expires: str | None


class People:
    """Those of one store."""

    def __init__(self, store: AlertStore) -> None:
        self._engine = store.engine

    # Users

    def any(self) -> bool:
        """Whether there is a user."""
        with reading(self._engine) as connection:
            return bool(connection.execute(select(func.count()).select_from(USERS)).scalar())

    def users(self) -> list[User]:
        """All, by name."""
        with reading(self._engine) as connection:
            return [User(*row) for row in connection.execute(select(*USERS.c).order_by(USERS.c.name))]

    def user(self, name: str) -> User | None:
        """One of them."""
        with reading(self._engine) as connection:
            row = connection.execute(select(*USERS.c).where(USERS.c.name == name)).first()
        return None if row is None else User(*row)

    def add(self, user: User) -> bool:
        """Put one in; False where the name is taken."""
        with writing(self._engine) as connection:
            if connection.execute(select(USERS.c.name).where(USERS.c.name == user.name)).first():
                return False
            connection.execute(insert(USERS).values(user._asdict()))
        return True

    def change(self, name: str, secret: str | None, role: Role | None) -> bool:
        """Another password or role: whoever is signed in under the name must sign in again. False: no such user."""
        values = {key: value for key, value in (("secret", secret), ("role", role)) if value is not None}
        with writing(self._engine) as connection:
            done = connection.execute(update(USERS).where(USERS.c.name == name).values(values)).rowcount
            _end_sessions(connection, [name])
        return bool(done)

    def remove(self, name: str) -> bool:
        """Take one out, with the sessions; of who is no user here, the sessions. False: there is neither."""
        with writing(self._engine) as connection:
            ended = _end_sessions(connection, [name])
            return bool(connection.execute(delete(USERS).where(USERS.c.name == name)).rowcount or ended)

    # Sessions

    def begin(self, digest: str, name: str, expires: str, now: str, role: Role | None = None) -> None:
        """A session; those that are over go. `role`: of somebody who is no user, as another system says."""
        with writing(self._engine) as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.expires <= now))
            connection.execute(insert(SESSIONS).values(digest=digest, name=name, expires=expires, role=role))

    def of_session(self, digest: str, now: str, vouched: bool = False) -> Person | None:
        """Whose session it is; `vouched`: those whose role another system says count too."""
        c = SESSIONS.c
        joined = select(c.name, c.role, USERS.c.role).outerjoin(USERS, c.name == USERS.c.name)
        with reading(self._engine) as connection:
            row = connection.execute(joined.where(c.digest == digest, c.expires > now)).first()
        if row is None:
            return None
        name, said, own = row
        if said is not None:
            return Person(name, said) if vouched and own is None else None
        return None if own is None else Person(name, own)

    def end(self, digest: str) -> None:
        """Sign out."""
        with writing(self._engine) as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.digest == digest))

    # Tokens

    def add_token(self, token: Token, digest: str) -> bool:
        """Put one in; False where the name is taken."""
        with writing(self._engine) as connection:
            if connection.execute(select(TOKENS.c.name).where(TOKENS.c.name == token.name)).first():
                return False
            connection.execute(insert(TOKENS).values(digest=digest, **token._asdict()))
        return True

    def tokens(self) -> list[Token]:
        """All, by name."""
        c = TOKENS.c
        rows = select(c.name, c.role, c.made, c.expires).order_by(c.name)
        with reading(self._engine) as connection:
            return [Token(*row) for row in connection.execute(rows)]

    def of_token(self, digest: str, now: str) -> Person | None:
        """Whose token it is."""
        c = TOKENS.c
        holds = or_(c.expires.is_(None), c.expires > now)
        with reading(self._engine) as connection:
            row = connection.execute(select(c.name, c.role).where(c.digest == digest, holds)).first()
        return None if row is None else Person(*row)

    def remove_token(self, name: str) -> bool:
        """Take one back. False: there is none."""
        with writing(self._engine) as connection:
            return bool(connection.execute(delete(TOKENS).where(TOKENS.c.name == name)).rowcount)


def _end_sessions(connection: Connection, names: Sequence[str]) -> int:
    return connection.execute(delete(SESSIONS).where(SESSIONS.c.name.in_(names))).rowcount
