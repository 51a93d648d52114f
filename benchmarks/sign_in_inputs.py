"""Sign-ins for the benchmarks: people whose programs renew their tokens all day, with all that Azure writes beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.inputs import Input
from benchmarks.log_inputs import FIRST_HOUR, TENANT, times, write

PROGRAMS = 10  # of a person
INTERACTIVE = 0.05  # share of the sign-ins

# About 2,700 octets, of which a dozen members are looked at.
RECORD = (
    '{"time":"%(at)s","resourceId":"/tenants/'
    + TENANT
    + '/providers/Microsoft.aadiam","operationName":"Sign-in activity",'
    '"operationVersion":"1.0","category":"%(log)s","tenantId":"'
    + TENANT
    + '","resultType":"0","resultSignature":"None",'
    '"durationMs":0,"callerIpAddress":"81.%(a)d.%(b)d.7","correlationId":"%(id)s","identity":"User %(who)d","Level":4,'
    '"location":"GB","properties":{"id":"%(id)s","createdDateTime":"%(at)s","userDisplayName":"User %(who)d",'
    '"userPrincipalName":"user%(who)d@contoso.example","userId":"5f2a0c11-7d1e-4b35-a0c2-%(who)012x",'
    '"appId":"9b0e33d4-1c2f-4d0a-8e55-%(program)012x","appDisplayName":"Program %(program)d","ipAddress":"81.%(a)d.%(b)d.7",'
    '"status":{"errorCode":0,"additionalDetails":"MFA requirement satisfied by claim in the token"},'
    '"clientAppUsed":"Mobile Apps and Desktop clients","userAgent":"Mozilla/5.0 (Windows NT 10.0; Win64; x64)",'
    '"deviceDetail":{"deviceId":"%(who)036x","displayName":"PC-%(who)d","operatingSystem":"Windows10","browser":"Edge 120.0.0",'
    '"isCompliant":true,"isManaged":true,"trustType":"Azure AD joined"},"location":{"city":"London","state":"London",'
    '"countryOrRegion":"GB","geoCoordinates":{"latitude":51.5,"longitude":-0.12}},"correlationId":"%(id)s",'
    '"conditionalAccessStatus":"success","appliedConditionalAccessPolicies":[{"id":"6c3f4a0e-1111-4d1b-8e0a-0f6a1b2c3d4e",'
    '"displayName":"Require MFA","enforcedGrantControls":["Mfa"],"enforcedSessionControls":[],"result":"success"}],'
    '"authenticationContextClassReferences":[],"originalRequestId":"%(id)s","isInteractive":%(interactive)s,'
    '"tokenIssuerName":"","tokenIssuerType":"AzureAD","authenticationProcessingDetails":[],"networkLocationDetails":[],'
    '"processingTimeInMilliseconds":%(took)d,"riskDetail":"none","riskLevelAggregated":"none","riskLevelDuringSignIn":"none",'
    '"riskState":"none","riskEventTypes":[],"riskEventTypes_v2":[],"resourceDisplayName":"Windows Azure Service Management API",'
    '"resourceId":"797f4846-ba00-4fd7-ba43-dac1f8f63013","resourceTenantId":"'
    + TENANT
    + '","homeTenantId":"'
    + TENANT
    + '",'
    '"authenticationDetails":[],"authenticationRequirementPolicies":[],"authenticationRequirement":"multiFactorAuthentication",'
    '"alternateSignInName":"","signInIdentifier":"","servicePrincipalId":"","userType":"Member","flaggedForReview":false,'
    '"isTenantRestricted":false,"autonomousSystemNumber":5413,"crossTenantAccessType":"none","privateLinkDetails":{},'
    '"ssoExtensionVersion":"","uniqueTokenIdentifier":"%(id)s","incomingTokenType":"primaryRefreshToken"}}\n'
)


def sign_ins(folder: Path, count: int, people: int = 2_000, files: int = 2, seed: int = 5) -> Input:
    """Sign-ins of people from their own devices, most of them by a program that renews its token."""
    chance = np.random.default_rng(seed)
    who, program = chance.integers(0, people, count).tolist(), chance.integers(0, PROGRAMS, count).tolist()
    asked = (chance.random(count) < INTERACTIVE).tolist()
    lines: list[list[str]] = [[] for _ in range(files)]
    for number, at in enumerate(times(count)):
        person = who[number]
        said = {
            "at": f"{FIRST_HOUR}:{at}",
            "log": "SignInLogs" if asked[number] else "NonInteractiveUserSignInLogs",
            "interactive": "true" if asked[number] else "false",
            "id": f"{number:08x}-6a3c-4d1e-9f20-{number * 2_654_435_761 & 0xFFFFFFFFFFFF:012x}",
            "a": person >> 8 & 255,
            "b": person & 255,
            "who": person,
            "program": program[number],
            "took": 90 + number % 400,
        }
        lines[number % files].append(RECORD % said)
    paths = write(folder, "sign-ins", lines)
    return Input("sign-ins", "sign-ins", paths, {"records": count, "applied": count, "entities": 0})
