"""Tries the simulated vendors with the vendors' own and widely used clients: python -m tools.vendor_clients

Not part of the suite, because the clients take 180 MB and 50 packages. In an environment of their own:

    uv venv clients && uv pip install --python clients/bin/python aiohttp==3.14.5 slack-sdk==3.48.0 \\
        simple-salesforce==1.12.10 hubspot-api-client==12.0.0 google-api-python-client==2.202.0 gspread==6.2.1 \\
        O365==2.1.10
    clients/bin/python -m tools.vendor_clients

Each check prints what the client understood, and fails where it does not take an answer, or a refusal, as the vendor's.
Nothing leaves the machine: clients whose address is fixed get a transport that leads to the simulator.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit
from zoneinfo import ZoneInfo

import gspread
import requests
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError
from hubspot.crm.contacts import (
    ApiClient,
    ApiException,
    BasicApi,
    Configuration,
    PublicObjectSearchRequest,
    SearchApi,
    SimplePublicObjectInput,
    SimplePublicObjectInputForCreate,
)
from O365 import Account, MSGraphProtocol
from O365.utils.token import MemoryTokenBackend
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce, SalesforceMalformedRequest, SalesforceResourceNotFound
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from simulator.integrations.server import SimulatedIntegrations, running_integrations

START: Final = datetime(2026, 12, 1, 10, tzinfo=ZoneInfo("UTC"))
HALF_HOUR: Final = timedelta(minutes=30)


class LocalTransport(HTTPAdapter):
    """Sends requests for any https address to the simulator instead."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._local = urlsplit(url)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """The simulator's answer."""
        wanted = urlsplit(request.url)
        request.url = urlunsplit((self._local.scheme, self._local.netloc, wanted.path, wanted.query, ""))
        return super().send(request, *args, **kwargs)


@contextmanager
def serve() -> Iterator[SimulatedIntegrations]:
    """The simulated vendors, on a thread of their own: most of the clients block."""
    ready, stop, loop, made = threading.Event(), asyncio.Event(), asyncio.new_event_loop(), []

    async def run() -> None:
        async with running_integrations() as vendors:
            made.append(vendors)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    ready.wait(10)
    try:
        yield made[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


def local_session(vendors: SimulatedIntegrations) -> requests.Session:
    """A session that reaches nothing else."""
    session = requests.Session()
    session.mount("https://", LocalTransport(vendors.url))
    session.headers["Authorization"] = f"Bearer {vendors.token}"
    return session


def check_slack(vendors: SimulatedIntegrations) -> str:
    """slack-sdk, by Slack."""
    client = WebClient(vendors.token, base_url=f"{vendors.url}/api/")
    require(client.auth_test()["ok"])
    posted = client.chat_postMessage(channel="C0123456789", text="Hello", mrkdwn=False)
    require(posted["message"]["text"] == "Hello" and posted["ts"] == posted["message"]["ts"])
    error = refused(SlackApiError, lambda: client.chat_postMessage(channel="C0", text="Hello"))
    require(error.response["error"] == "channel_not_found")
    stranger = WebClient("wrong", base_url=f"{vendors.url}/api/")
    require(refused(SlackApiError, stranger.auth_test).response["error"] == "invalid_auth")
    return f"posted {posted['ts']}"


def check_salesforce(vendors: SimulatedIntegrations) -> str:
    """simple-salesforce."""
    client = Salesforce(
        instance="local.example.com", session_id=vendors.token, version="62.0", session=local_session(vendors)
    )
    made = client.Contact.create({"LastName": "Lee", "FirstName": "Ann", "Phone": "(415) 555-0100"})
    require(made["success"] and made["errors"] == [])
    require(client.Contact.update(made["id"], {"Phone": "+1 415 555 0101"}) == 204)
    require(client.Contact.get(made["id"])["Phone"] == "+1 415 555 0101")
    lead = client.Lead.create({"LastName": "Bo", "Company": "Bo Inc."})
    error = refused(SalesforceMalformedRequest, lambda: client.Lead.create({"LastName": "Bo"}))
    require(error.content[0]["errorCode"] == "REQUIRED_FIELD_MISSING" and error.content[0]["fields"] == ["Company"])
    refused(SalesforceResourceNotFound, lambda: client.Contact.get("003none"))
    found = client.restful(
        "parameterizedSearch", {"q": "14155550101", "in": "PHONE", "sobject": "Contact", "Contact.fields": "Id,Name"}
    )
    require([one["Name"] for one in found["searchRecords"]] == ["Ann Lee"])
    return f"created {made['id']}, {lead['id']}"


def check_hubspot(vendors: SimulatedIntegrations) -> str:
    """hubspot-api-client, by HubSpot."""
    configuration = Configuration(host=vendors.url)
    configuration.access_token = vendors.token
    client = ApiClient(configuration)
    basic, search = BasicApi(client), SearchApi(client)
    new = SimplePublicObjectInputForCreate(properties={"firstname": "Ann", "phone": "+14155550100", "email": "a@b.com"})
    made = basic.create(new)
    require(made.properties["firstname"] == "Ann" and made.created_at.tzinfo is not None and made.archived is False)
    require(refused(ApiException, lambda: basic.create(new)).status == 409)
    changed = basic.update(made.id, SimplePublicObjectInput(properties={"lastname": "Lee"}))
    require(changed.properties["lastname"] == "Lee" and basic.get_by_id(made.id).id == made.id)
    since = str(round(made.updated_at.timestamp() * 1_000))
    filters = [{"propertyName": "lastmodifieddate", "operator": "GTE", "value": since}]
    found = search.do_search(PublicObjectSearchRequest(filter_groups=[{"filters": filters}], limit=100))
    require(found.total == 1 and found.results[0].id == made.id)
    require(basic.get_page(limit=10).results[0].id == made.id)
    return f"contact {made.id}"


def check_google_calendar(vendors: SimulatedIntegrations) -> str:
    """google-api-python-client, by Google, with the discovery document that it brings along."""
    client = build(
        "calendar", "v3", credentials=Credentials(vendors.token),
        client_options={"api_endpoint": f"{vendors.url}/calendar/v3/"}, static_discovery=True,
    )  # fmt: skip
    times = {"start": {"dateTime": START.isoformat()}, "end": {"dateTime": (START + HALF_HOUR).isoformat()}}
    body = {"id": "0123456789abcdef", "summary": "Ann", **times}
    events = client.events()
    made = events.insert(calendarId="primary", body=body).execute()
    twice = refused(HttpError, lambda: events.insert(calendarId="primary", body=body).execute())
    require(twice.status_code == 409)
    later = {"start": {"dateTime": (START + HALF_HOUR).isoformat()}, "end": {"dateTime": "2026-12-01T11:00:00Z"}}
    moved = events.patch(calendarId="primary", eventId=made["id"], body=later).execute()
    require(moved["status"] == "confirmed" and moved["summary"] == "Ann")
    question = {
        "timeMin": "2026-12-01T00:00:00Z",
        "timeMax": "2026-12-02T00:00:00Z",
        "items": [{"id": "primary"}, {"id": "x"}],
    }
    answer = client.freebusy().query(body=question).execute()["calendars"]
    require(answer["primary"]["busy"][0]["start"] == "2026-12-01T10:30:00Z" and answer["x"]["errors"])
    listed = events.list(calendarId="primary").execute()
    require(len(listed["items"]) == 1)
    require(events.delete(calendarId="primary", eventId=made["id"]).execute() == "")
    require(refused(HttpError, events.delete(calendarId="primary", eventId=made["id"]).execute).status_code == 410)
    changed = events.list(calendarId="primary", syncToken=listed["nextSyncToken"]).execute()
    require([one["status"] for one in changed["items"]] == ["cancelled"])
    return f"event {made['id']}"


def check_google_sheets(vendors: SimulatedIntegrations) -> str:
    """google-api-python-client, and gspread."""
    client = build(
        "sheets", "v4", credentials=Credentials(vendors.token), client_options={"api_endpoint": vendors.url},
        static_discovery=True,
    )  # fmt: skip
    values = client.spreadsheets().values()
    arguments = {"spreadsheetId": "1AbC", "range": "Calls!A:F", "body": {"values": [["Ann", "=1+1"]]}}
    done = values.append(valueInputOption="RAW", insertDataOption="INSERT_ROWS", **arguments).execute()
    require(done["updates"]["updatedRange"] == "Calls!A1:B1" and done["updates"]["updatedCells"] == 2)
    require(refused(HttpError, values.append(**arguments).execute).status_code == 400)
    wrong = {**arguments, "spreadsheetId": "none", "valueInputOption": "RAW"}
    require(refused(HttpError, values.append(**wrong).execute).status_code == 404)
    sheet = gspread.Client(Credentials(vendors.token), session=local_session(vendors)).open_by_key("1AbC").sheet1
    sheet.append_row(["Bo"], value_input_option="RAW")
    require(sheet.get_all_values() == [["Ann", "=1+1"], ["Bo", ""]])
    return f"rows {len(vendors.sheets.sheets['Calls'])}"


def check_microsoft(vendors: SimulatedIntegrations) -> str:
    """O365."""
    account = Account(
        ("client", "secret"), protocol=MSGraphProtocol(timezone="UTC"), token_backend=MemoryTokenBackend()
    )
    account.con.session = local_session(vendors)
    calendar = _own_calendar(account)
    event = calendar.new_event("Ann")
    event.start, event.end = START, START + HALF_HOUR
    event.transaction_id = "run-1"
    require(event.save() and event.object_id in vendors.graph.events)
    event.start, event.end = START + HALF_HOUR, START + 2 * HALF_HOUR
    require(event.save())
    query = {"start_recurring": START - HALF_HOUR, "end_recurring": START + 4 * HALF_HOUR}
    (found,) = calendar.get_events(include_recurring=True, limit=20, **query)
    require((found.subject, found.start, found.end) == ("Ann", START + HALF_HOUR, START + 2 * HALF_HOUR))
    require(event.delete() and not vendors.graph.events)
    require(not list(calendar.get_events(include_recurring=True, limit=20, **query)))
    return f"event {found.object_id}"


def _own_calendar(account: Account) -> Any:
    """The account's default calendar, without asking for its name."""
    schedule = account.schedule()
    return schedule.calendar_constructor(parent=schedule)


def require(is_so: object) -> None:
    """Raises AssertionError, also under python -O."""
    if not is_so:
        raise AssertionError("the client understood something else")


def refused(kind: type[Exception], work: Callable[[], object]) -> Any:
    """The client's error. Raises AssertionError if there is none."""
    try:
        work()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


CHECKS: Final = (
    check_slack, check_salesforce, check_hubspot, check_google_calendar, check_google_sheets, check_microsoft,
)  # fmt: skip


def main() -> None:
    """Runs the checks, each against new vendors."""
    for check in CHECKS:
        with serve() as vendors:
            print(f"{check.__name__}: {check(vendors)}")


if __name__ == "__main__":
    main()
