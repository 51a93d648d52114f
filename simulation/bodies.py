"""Request and response bodies that the Activity Log carries as text."""

from __future__ import annotations

import json
from collections.abc import Sequence

BUILT_IN = {
    "Reader": "acdd72a7-3385-48ef-bd42-f606fba81ae7",
    "Contributor": "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "Owner": "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    "Key Vault Secrets User": "4633458b-17de-408a-b874-0445c86b69e6",
    "Key Vault Administrator": "00482a5a-887f-4fb3-b363-3b7fe8e74483",
}


def role_id(subscription: str, role: str) -> str:
    """A role definition's id; `role` is a built-in role's name or a custom role's GUID."""
    guid = BUILT_IN.get(role, role)
    return f"/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{guid}"


def assignment(name: str, principal: str, principal_type: str, role: str, scope: str) -> str:
    """The body of roleAssignments/write; `role` is a role definition's id."""
    properties = {
        "PrincipalId": principal,
        "PrincipalType": principal_type,
        "RoleDefinitionId": role,
        "Scope": scope,
    }
    return json.dumps({"Id": name, "Properties": properties}, separators=(",", ":"))


def definition(name: str, title: str, actions: Sequence[str], scope: str) -> str:
    """The body of roleDefinitions/write."""
    permissions = [{"actions": list(actions), "notActions": [], "dataActions": [], "notDataActions": []}]
    properties = {
        "roleName": title,
        "description": "",
        "type": "CustomRole",
        "permissions": permissions,
        "assignableScopes": [scope],
    }
    return json.dumps({"name": name, "properties": properties}, separators=(",", ":"))


def access_policy(tenant: str, principal: str, secrets: Sequence[str], keys: Sequence[str]) -> str:
    """The body of vaults/accessPolicies/write."""
    granted = {"keys": list(keys), "secrets": list(secrets), "certificates": []}
    policy = {"tenantId": tenant, "objectId": principal, "permissions": granted}
    return json.dumps({"properties": {"accessPolicies": [policy]}}, separators=(",", ":"))
