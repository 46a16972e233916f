"""Puts single sign-on together."""

from dataclasses import dataclass

from control.accounts.service import Accounts
from control.integrations.vendor_http import VendorHttp
from control.sso.domain_proofs import DomainProofs
from control.sso.model import SsoPolicy
from control.sso.openid import OpenIdClient
from control.sso.settings import SsoSettings
from control.sso.sign_ins import SsoSignIns
from control.workspaces.service import Workspaces
from shared.egress import EgressGuard
from shared.secrets import Sealer


@dataclass(frozen=True, slots=True)
class SingleSignOn:
    """settings: what owners set. sign_ins: what their people do."""

    settings: SsoSettings
    sign_ins: SsoSignIns


def make_single_sign_on(
    workspaces: Workspaces,
    accounts: Accounts,
    sealer: Sealer,
    guard: EgressGuard,
    policy: SsoPolicy,
    callback: str,
) -> SingleSignOn:
    """callback: see `SsoSignIns`."""
    openid = OpenIdClient(VendorHttp(guard, policy.request_s))
    return SingleSignOn(
        SsoSettings(
            workspaces=workspaces,
            accounts=accounts,
            sealer=sealer,
            openid=openid,
            proofs=DomainProofs(policy),
        ),
        SsoSignIns(
            workspaces=workspaces,
            accounts=accounts,
            sealer=sealer,
            openid=openid,
            policy=policy,
            callback=callback,
        ),
    )
