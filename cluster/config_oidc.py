"""`[console.oidc]`: an OpenID Connect provider."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from cluster.config_base import File, Table, Variable

Claimed = Annotated[
    tuple[Annotated[str, Meta(description="a group or role of the provider", min_length=1)], ...],
    Meta(description="a list of the provider's groups or roles, like ['soc-analysts']"),
]
Claim = Annotated[str, Meta(description="the name of a claim", min_length=1)]


class OidcTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An OpenID Connect provider through which people sign in to the console."""

    issuer: Annotated[
        str,
        Meta(description="the provider's address, like 'https://id.example.com/realms/soc'", min_length=1),
    ]
    client: Annotated[str, Meta(description="the id that the provider knows the console by", min_length=1)]
    secret_env: Variable | None = None
    secret_file: File | None = None
    name: Annotated[str, Meta(description="what people call it", min_length=1, max_length=60)] = (
        "OpenID Connect"
    )
    scopes: Annotated[str, Meta(description="words, like 'openid profile email'")] = "openid profile email"
    name_claim: Claim | None = None
    role_claim: Claim = "groups"
    viewer: Claimed = ()
    analyst: Claimed = ()
    admin: Claimed = ()
    ca_file: File | None = None
