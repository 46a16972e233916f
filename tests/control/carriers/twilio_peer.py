"""The part of Twilio's REST API that we use, from its documentation."""

from base64 import b64encode
from itertools import count
from typing import Any

from aiohttp import web

from tests.control.carriers.peer import CarrierPeer

SID = "AC" + "0" * 32
TOKEN = "token-of-the-account"
BASE = f"/2010-04-01/Accounts/{SID}"
WAV = b"RIFF" + bytes(range(256)) * 8
_FLAGS = {"voice": True, "SMS": True, "MMS": False}


class TwilioPeer(CarrierPeer):
    """numbers: of the account, by sid. calls: newest first. recordings: (call, recording) that are being made.
    is_dual: whether recordings have two channels."""

    refusal = (401, {"code": 20003, "message": "Authenticate +14155550123", "more_info": "", "status": 401})

    def __init__(self) -> None:
        super().__init__()
        self.numbers: dict[str, dict[str, Any]] = {}
        self.calls: list[dict[str, Any]] = []
        self.deleted: set[str] = set()
        self.recordings: list[tuple[str, str]] = []
        self.is_dual = True
        self.market = [f"+1415555{n:04}" for n in range(100, 160)]
        self._ids = count(1)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(f"{BASE}/AvailablePhoneNumbers/{{country}}/{{kind}}.json", self._available),
            web.get("/v1/PhoneNumbers/Countries/{country}", self._prices),
            web.get(f"{BASE}/IncomingPhoneNumbers.json", self._owned),
            web.post(f"{BASE}/IncomingPhoneNumbers.json", self._buy),
            web.get(f"{BASE}/IncomingPhoneNumbers/{{sid}}.json", self._number),
            web.post(f"{BASE}/IncomingPhoneNumbers/{{sid}}.json", self._update),
            web.delete(f"{BASE}/IncomingPhoneNumbers/{{sid}}.json", self._release),
            web.post(f"{BASE}/Calls.json", self._dial),
            web.get(f"{BASE}/Calls.json", self._calls),
            web.get(f"{BASE}/Calls/{{sid}}.json", self._call),
            web.post(f"{BASE}/Calls/{{sid}}.json", self._change_call),
            web.get(f"{BASE}/Calls/{{sid}}/Recordings.json", self._recordings),
            web.post(f"{BASE}/Calls/{{sid}}/Recordings.json", self._record),
            web.get(f"{BASE}/Recordings/{{sid}}.wav", self._wav),
            web.delete(f"{BASE}/Recordings/{{sid}}.json", self._delete_recording),
        ]

    def add_number(self, phone_number: str, name: str = "") -> dict[str, Any]:
        """Adds a number to the account."""
        sid = self._sid("PN")
        self.numbers[sid] = {
            "sid": sid,
            "phone_number": phone_number,
            "friendly_name": name,
            "capabilities": {"voice": True, "sms": True, "mms": False, "fax": False},
            "voice_url": "https://demo.twilio.com/welcome/voice/",
            "trunk_sid": None,
            "voice_application_sid": None,
        }
        return self.numbers[sid]

    def _sid(self, kind: str) -> str:
        return f"{kind}{next(self._ids):032x}"

    async def _available(self, request: web.Request) -> web.Response:
        if request.match_info["country"] not in ("US", "FI"):
            return _refused(404, 20404)
        searched = f"+1{request.query.get('AreaCode', '')}"
        found = [number for number in self.market if number.startswith(searched)][: int(request.query["PageSize"])]
        if request.match_info["country"] == "FI":
            found = ["+358401234567"] if request.match_info["kind"] == "Mobile" else []
        rows = [
            {"phone_number": number, "friendly_name": number, "locality": "San Francisco", "region": "CA",
             "iso_country": "US",
             "capabilities": _FLAGS, "address_requirements": "none", "beta": False}
            for number in found
        ]  # fmt: skip
        return web.json_response({"available_phone_numbers": rows, "uri": request.path})

    async def _prices(self, request: web.Request) -> web.Response:
        prices = [
            {"number_type": "local", "base_price": "1.15", "current_price": "1.10"},
            {"number_type": "toll free", "base_price": "2.15", "current_price": "2.15"},
            {"number_type": "mobile", "base_price": "5.00", "current_price": "5.00"},
        ]
        country = request.match_info["country"]
        return web.json_response(
            {"country": country, "iso_country": country, "price_unit": "USD", "phone_number_prices": prices, "url": ""}
        )

    async def _owned(self, request: web.Request) -> web.Response:
        searched = request.query.get("PhoneNumber", "").lstrip("+")
        rows = [number for number in self.numbers.values() if searched in number["phone_number"]]
        return web.json_response({"incoming_phone_numbers": rows, "next_page_uri": None})

    async def _buy(self, request: web.Request) -> web.Response:
        form = await request.post()
        number = str(form["PhoneNumber"])
        if number not in self.market:
            return _refused(400, 21422, f"{number} is not available")
        self.market.remove(number)
        return web.json_response(self.add_number(number, str(form["FriendlyName"])), status=201)

    async def _number(self, request: web.Request) -> web.Response:
        found = self.numbers.get(request.match_info["sid"])
        return _refused(404, 20404) if found is None else web.json_response(found)

    async def _update(self, request: web.Request) -> web.Response:
        found = self.numbers.get(request.match_info["sid"])
        if found is None:
            return _refused(404, 20404)
        form = await request.post()
        found["friendly_name"] = form.get("FriendlyName", found["friendly_name"])
        found["voice_url"] = form.get("VoiceUrl", "")
        return web.json_response(found)

    async def _release(self, request: web.Request) -> web.Response:
        found = self.numbers.pop(request.match_info["sid"], None)
        if found is None:
            return _refused(404, 20404)
        self.market.append(found["phone_number"])
        return web.Response(status=204)

    async def _dial(self, request: web.Request) -> web.Response:
        form = await request.post()
        call = {
            "sid": self._sid("CA"), "to": form["To"], "from": form["From"], "status": "queued",
            "direction": "outbound-api", "date_created": "Tue, 24 Nov 2026 10:00:05 +0000", "start_time": None,
        }  # fmt: skip
        self.calls.insert(0, call)
        return web.json_response(call, status=201)

    async def _calls(self, request: web.Request) -> web.Response:
        query = request.query
        parent = query.get("ParentCallSid")
        wanted = {"to": query.get("To"), "from": query.get("From"), "status": query.get("Status")}
        rows = [call for call in self.calls if all(value in (None, call.get(name)) for name, value in wanted.items())]
        rows = [call for call in rows if not parent or call.get("parent_call_sid") == parent]
        return web.json_response({"calls": rows, "next_page_uri": None})

    async def _call(self, request: web.Request) -> web.Response:
        found = [call for call in self.calls if call["sid"] == request.match_info["sid"]]
        return web.json_response(found[0]) if found else _refused(404, 20404)

    async def _change_call(self, request: web.Request) -> web.Response:
        sid = request.match_info["sid"]
        if sid in self.deleted:
            return _refused(400, 21220, "Call is not in-progress. Cannot redirect.")
        return web.json_response({"sid": sid, "status": "completed"})

    async def _recordings(self, request: web.Request) -> web.Response:
        sid = request.match_info["sid"]
        rows = [{"sid": one, "status": "in-progress"} for of, one in self.recordings if of == sid]
        return web.json_response({"recordings": rows, "next_page_uri": None})

    async def _record(self, request: web.Request) -> web.Response:
        """21220 for a call that is not in progress: not any more, or not yet."""
        if request.match_info["sid"] in self.deleted:
            return _refused(400, 21220)
        self.recordings.append((request.match_info["sid"], self._sid("RE")))
        return web.json_response({"sid": self.recordings[-1][1], "status": "in-progress"}, status=201)

    async def _wav(self, request: web.Request) -> web.StreamResponse:
        sign_in = b64encode(f"{SID}:{TOKEN}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {sign_in}":
            return _refused(401, 20003)
        if request.match_info["sid"] in self.deleted:
            return _refused(404, 20404)
        if "RequestedChannels" in request.query and not self.is_dual:
            return _refused(400, 21610)
        return web.Response(body=WAV, content_type="audio/x-wav")

    async def _delete_recording(self, request: web.Request) -> web.Response:
        return _refused(404, 20404) if request.match_info["sid"] in self.deleted else web.Response(status=204)


def _refused(status: int, code: int, message: str = "no") -> web.Response:
    answer = {"code": code, "message": message, "more_info": f"https://www.twilio.com/docs/errors/{code}"}
    return web.json_response(answer | {"status": status}, status=status)
