"""The tool `send_digits` for carriers that make key tones themselves."""

from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import structlog
from msgspec import Meta, Struct

from control.calls.records import queries as records_queries
from control.carriers.rules import CarrierRefused, CarrierUnavailable
from control.carriers.service import Carriers, KeypadCarrier
from control.media_requests.handlers import HandlerContext, MediaRequestHandler, RequestHandlers
from shared.bus.requests import TOOL_REQUEST
from shared.errors import Conflict, Invalid, NotFound, Unavailable
from shared.plan import LONGEST_KEYS, SEND_DIGITS

log = structlog.get_logger()


class SentDigitArguments(Struct, frozen=True):
    """The arguments that media sends."""

    digits: Annotated[str, Meta(min_length=1, max_length=LONGEST_KEYS, pattern=r"^[0-9A-D*#wW]+$")]


@dataclass(frozen=True, slots=True)
class SentDigitRuns:
    """Has the call's carrier send key tones, only on the line of the requesting call. The digits are never logged."""

    carriers: Carriers

    def handlers(self) -> RequestHandlers:
        """Returns the handlers for the reader of media's requests.

        They may be repeated: the run's id is the carrier's command id.
        """
        return {f"{TOOL_REQUEST}{SEND_DIGITS}": MediaRequestHandler(self._run, effect="repeatable")}

    async def _run(self, context: HandlerContext) -> dict[str, Any]:
        """Runs the tool. Raises Invalid, NotFound, Conflict (keys_refused, no_keypad), Unavailable."""
        digits = _parse(context.arguments)
        call = await context.in_transaction(lambda db: records_queries.lock_one(db, context.call.id))
        if call is None or not call.state.carrier_call_id:
            raise NotFound("No such call is in progress.", code="call_not_running")
        carrier_call_id, name = call.state.carrier_call_id, call.state.carrier
        try:
            carrier = self.carriers.get(name)
            if not isinstance(carrier, KeypadCarrier):
                raise Conflict("This carrier presses no keys.", code="no_keypad")
            await carrier.send_digits(carrier_call_id, digits, f"{context.run_id}-keys")
        except CarrierRefused as error:
            log.warning("keys.refused", carrier=name, code=error.code, call_id=str(context.call.id))
            raise Conflict("The carrier did not press the keys.", code="keys_refused") from error
        except CarrierUnavailable as error:
            log.warning("keys.unknown", carrier=name, code=error.code, call_id=str(context.call.id))
            raise Unavailable("It is unknown whether the carrier pressed the keys.") from error
        return {"sent": True}


def _parse(text: str) -> str:
    try:
        return msgspec.json.decode(text, type=SentDigitArguments).digits
    except msgspec.DecodeError as error:
        raise Invalid(f"The arguments are invalid: {error}.", code="arguments_invalid") from None
