"""The read-only REST resources of regulations and bundles (docs: phone-numbers/regulatory/api)."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from aiohttp import web

from simulator.carrier.network.twilio.model import TwilioConfig, sid_of
from simulator.carrier.network.twilio.regulation import Regulation, TwilioBundle
from simulator.carrier.network.twilio.rest import Handler, Json, RequestGuard, meta_page, not_found

_BASE = "/v2/RegulatoryCompliance"
_END_USER_TYPES = ("business", "individual")


class RegulatoryApi:
    """The resources of numbers.twilio.com, served on this host. A bundle has one supporting document with all its
    addresses.
    """

    def __init__(self, config: TwilioConfig, guard: RequestGuard, regulation: Regulation) -> None:
        self._config, self._guard, self._regulation = config, guard, regulation

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of regulations, bundles, their item assignments, and supporting documents."""
        bundle = f"{_BASE}/Bundles/{{sid:BU[0-9a-f]+}}"
        handlers: list[tuple[str, Callable[[web.Request], web.Response]]] = [
            (f"{_BASE}/Regulations", self._regulations),
            (f"{_BASE}/Regulations/{{sid:RN[0-9a-f]+}}", self._one_regulation),
            (bundle, self._bundle),
            (f"{bundle}/ItemAssignments", self._items),
            (f"{_BASE}/SupportingDocuments/{{sid:RD[0-9a-f]+}}", self._document),
        ]
        return [web.get(path, self._guard.guarded(_async(answer))) for path, answer in handlers]

    def _regulations(self, request: web.Request) -> web.Response:
        """List the regulations of numbers that need a bundle, with filters IsoCountry, NumberType and EndUserType."""
        found = [regulation for regulation in self._all_regulations() if _matches(regulation, request)]
        return meta_page(request, "results", found)

    def _one_regulation(self, request: web.Request) -> web.Response:
        return _answer(
            request,
            [regulation for regulation in self._all_regulations() if regulation["sid"] == request.match_info["sid"]],
        )

    def _bundle(self, request: web.Request) -> web.Response:
        bundle = self._find(request)
        return web.json_response(
            {
                "sid": bundle.sid,
                "account_sid": self._config.account_sid,
                "regulation_sid": _regulation_sid(bundle.country, bundle.number_type, _END_USER_TYPES[0]),
                "friendly_name": "Bundle",
                "status": bundle.status,
                "valid_until": _iso(bundle.valid_until),
                "email": "compliance@example.com",
                "status_callback": None,
                "date_created": "2026-01-01T00:00:00Z",
                "date_updated": "2026-01-01T00:00:00Z",
                "url": str(request.url),
                "links": {},
            }
        )

    def _items(self, request: web.Request) -> web.Response:
        """List the items of a bundle: an end user and a supporting document."""
        bundle = self._find(request)
        objects = (sid_of("IT", bundle.sid), sid_of("RD", bundle.sid))
        items: list[Json] = [
            {
                "sid": sid_of("BV", one),
                "bundle_sid": bundle.sid,
                "account_sid": self._config.account_sid,
                "object_sid": one,
                "date_created": "2026-01-01T00:00:00Z",
                "url": str(request.url),
            }
            for one in objects
        ]
        return meta_page(request, "results", items)

    def _document(self, request: web.Request) -> web.Response:
        sid = request.match_info["sid"]
        owners = [bundle for bundle in self._regulation.bundles.values() if sid_of("RD", bundle.sid) == sid]
        documents: list[Json] = [
            {
                "sid": sid,
                "account_sid": self._config.account_sid,
                "friendly_name": "Register",
                "status": "twilio-approved",
                "type": "business_registration",
                "attributes": {"address_sids": list(bundle.address_sids)},
                "date_created": "2026-01-01T00:00:00Z",
                "date_updated": "2026-01-01T00:00:00Z",
                "url": str(request.url),
            }
            for bundle in owners
        ]
        return _answer(request, documents)

    def _all_regulations(self) -> list[Json]:
        """Return a regulation for each country, number type and kind of end user, including those of bundles."""
        groups = {(rule.country, rule.number_type) for rule in self._regulation.rules if rule.needs_bundle}
        groups |= {(bundle.country, bundle.number_type) for bundle in self._regulation.bundles.values()}
        return [_regulation_json(*group, kind) for group in sorted(groups) for kind in _END_USER_TYPES]

    def _find(self, request: web.Request) -> TwilioBundle:
        found = self._regulation.bundles.get(request.match_info["sid"])
        if found is None:
            raise not_found(request)
        return found


def _async(answer: Callable[[web.Request], web.Response]) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        return answer(request)

    return handle


def _answer(request: web.Request, found: Sequence[Json]) -> web.Response:
    """Return the first object found. Raises RestError if there is none."""
    if not found:
        raise not_found(request)
    return web.json_response(found[0])


def _matches(regulation: Json, request: web.Request) -> bool:
    names = {"iso_country": "IsoCountry", "number_type": "NumberType", "end_user_type": "EndUserType"}
    return all(request.query.get(theirs, "") in ("", regulation[ours]) for ours, theirs in names.items())


def _regulation_sid(country: str, number_type: str, end_user_type: str) -> str:
    return sid_of("RN", f"{country} {number_type} {end_user_type}")


def _regulation_json(country: str, number_type: str, end_user_type: str) -> Json:
    return {
        "sid": _regulation_sid(country, number_type, end_user_type),
        "friendly_name": f"{country}: {number_type} - {end_user_type}",
        "iso_country": country,
        "number_type": number_type,
        "end_user_type": end_user_type,
        "requirements": {
            "end_user": [{"name": end_user_type.capitalize(), "type": end_user_type, "fields": []}],
            "supporting_document": [],
        },
        "url": "",
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
