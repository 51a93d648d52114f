"""Control-plane operations by what they are good for. Names are lower case, as `Event.operation` has them."""

from __future__ import annotations

from ingest.records import DENIED, FAILURE, MANAGEMENT, Event

# Operations that can secure a way back in: rights, code that runs later, keys.
PERSISTENCE = frozenset(
    {
        "microsoft.authorization/roleassignments/write",
        "microsoft.authorization/roledefinitions/write",
        "microsoft.authorization/elevateaccess/action",
        "microsoft.authorization/classicadministrators/write",
        "microsoft.automation/automationaccounts/write",
        "microsoft.automation/automationaccounts/runbooks/write",
        "microsoft.automation/automationaccounts/runbooks/publish/action",
        "microsoft.automation/automationaccounts/webhooks/write",
        "microsoft.automation/automationaccounts/webhooks/action",
        "microsoft.automation/automationaccounts/jobs/write",
        "microsoft.automation/automationaccounts/schedules/write",
        "microsoft.compute/virtualmachines/extensions/write",
        "microsoft.compute/virtualmachines/runcommand/action",
        "microsoft.compute/virtualmachines/runcommands/write",
        "microsoft.compute/sshpublickeys/write",
        "microsoft.keyvault/vaults/accesspolicies/write",
        "microsoft.managedidentity/userassignedidentities/assign/action",
        "microsoft.managedidentity/userassignedidentities/federatedidentitycredentials/write",
        "microsoft.logic/workflows/write",
        "microsoft.web/sites/publishxml/action",
        "microsoft.insights/diagnosticsettings/delete",
    }
)

PUBLISH_XML = "microsoft.web/sites/publishxml/action"
# Operations whose answer is a secret: keys, passwords, tokens, profiles.
SECRET_REVEALING = frozenset(
    {
        PUBLISH_XML,
        "microsoft.web/sites/config/list/action",
        "microsoft.web/sites/host/listkeys/action",
        "microsoft.containerregistry/registries/listcredentials/action",
        "microsoft.storage/storageaccounts/listkeys/action",
        "microsoft.storage/storageaccounts/listaccountsas/action",
        "microsoft.documentdb/databaseaccounts/listkeys/action",
        "microsoft.documentdb/databaseaccounts/listconnectionstrings/action",
        "microsoft.containerservice/managedclusters/listclusteradmincredential/action",
        "microsoft.containerservice/managedclusters/listclusterusercredential/action",
        "microsoft.app/containerapps/listsecrets/action",
        "microsoft.apimanagement/service/namedvalues/listvalue/action",
        "microsoft.servicebus/namespaces/authorizationrules/listkeys/action",
        "microsoft.eventhub/namespaces/authorizationrules/listkeys/action",
        "microsoft.appconfiguration/configurationstores/listkeys/action",
        "microsoft.batch/batchaccounts/listkeys/action",
        "microsoft.cognitiveservices/accounts/listkeys/action",
        "microsoft.compute/disks/begingetaccess/action",
        "microsoft.logic/workflows/triggers/listcallbackurl/action",
    }
)
LIST_STORAGE_KEYS = "microsoft.storage/storageaccounts/listkeys/action"
RUN_COMMAND = frozenset(
    {
        "microsoft.compute/virtualmachines/runcommand/action",
        "microsoft.compute/virtualmachinescalesets/virtualmachines/runcommand/action",
    }
)
RUNBOOK_STEPS = {
    "microsoft.automation/automationaccounts/runbooks/write": "made",
    "microsoft.automation/automationaccounts/runbooks/draft/write": "made",
    "microsoft.automation/automationaccounts/runbooks/draft/content/write": "made",
    "microsoft.automation/automationaccounts/runbooks/publish/action": "published",
    "microsoft.automation/automationaccounts/jobs/write": "run",
    "microsoft.automation/automationaccounts/runbooks/delete": "deleted",
}
VAULT_POLICY = frozenset(
    {"microsoft.keyvault/vaults/write", "microsoft.keyvault/vaults/accesspolicies/write"}
)
ROLE_DEFINITION = "microsoft.authorization/roledefinitions/write"
ROLE_ASSIGNMENT = "microsoft.authorization/roleassignments/write"

# Rights in a custom role that reach far: over everything, over rights themselves, into machines and secrets.
_FAR = (
    "*",
    "*/write",
    "*/action",
    "microsoft.authorization/*",
    "microsoft.authorization/elevateaccess/action",
)
_FAR_PARTS = ("microsoft.authorization/roleassignments/", "microsoft.authorization/roledefinitions/")
_FAR_ENDS = ("/runcommand/action", "/listkeys/action", "/listcredentials/action", "/publishxml/action")
_FAR_OPERATIONS = (
    ROLE_ASSIGNMENT,
    ROLE_DEFINITION,
    *sorted(RUN_COMMAND),
    *sorted(operation for operation in SECRET_REVEALING if operation.endswith(_FAR_ENDS)),
)


def covers(pattern: str, operation: str) -> bool:
    """Whether an action of a role, in which `*` stands for anything, covers an operation; in linear time.

    >>> covers("microsoft.compute/*/action", "microsoft.compute/virtualmachines/runcommand/action")
    True
    """
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == operation
    if not operation.startswith(first):
        return False
    at = len(first)
    for part in rest[:-1]:
        found = operation.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return len(operation) - len(rest[-1]) >= at and operation.endswith(rest[-1])


def reaches_far(action: str) -> bool:
    """Whether an action of a role gives far-reaching rights.

    >>> reaches_far("*"), reaches_far("Microsoft.Compute/*"), reaches_far("*/read")
    (True, True, False)
    """
    lower = action.lower()
    if lower.endswith("/read"):
        return False
    if lower in _FAR or lower.startswith(_FAR_PARTS) or lower.endswith(_FAR_ENDS):
        return True
    if "*" not in lower:
        return False
    return lower.startswith("microsoft.authorization/") or any(covers(lower, one) for one in _FAR_OPERATIONS)


def done(event: Event) -> bool:
    """Whether a control-plane operation was carried out (or begun, where no end was logged)."""
    return event.layer == MANAGEMENT and event.outcome not in (DENIED, FAILURE)


def is_write(event: Event) -> bool:
    """Whether the operation changes something."""
    return event.layer == MANAGEMENT and event.operation.endswith(("/write", "/delete"))
