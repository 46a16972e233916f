"""The command line of `vocalized up`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

_ROOT = Path(__file__).resolve().parents[2]
_UP = _ROOT / "var" / "up"

_ControlPort = Annotated[int, typer.Option(metavar="N", min=0, max=65_535, help="Of the API; 0: a free one.")]
_MediaPort = Annotated[
    int, typer.Option(metavar="N", min=0, max=65_535, help="Of the first media node; others follow. 0: free ones.")
]
_CarrierPort = Annotated[
    int, typer.Option(metavar="N", min=0, max=65_535, help="Of the simulated carriers; 0: a free one.")
]


def up(
    state: Annotated[Path, typer.Option(metavar="DIR", help="Where everything is kept.")] = _UP,
    control_port: _ControlPort = 8081,
    media_port: _MediaPort = 8083,
    carrier_port: _CarrierPort = 8082,
    media_nodes: Annotated[int, typer.Option(metavar="K", min=1, max=16, help="How many media nodes.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="When ready, one line with addresses and sign-ins.")] = False,
    simulated_vendors: Annotated[
        bool, typer.Option("--simulated-vendors", help="The agent uses simulated vendors of speech and language.")
    ] = False,
    simulated_stripe: Annotated[
        bool, typer.Option("--simulated-stripe", help="Invoices go to a simulated Stripe, which takes its test cards.")
    ] = False,
    simulated_integrations: Annotated[
        bool,
        typer.Option("--simulated-integrations", help="Workspaces can connect simulated calendars, CRMs and channels."),
    ] = False,
    billing_days_ahead: Annotated[
        int,
        typer.Option(metavar="N", min=0, max=3_660, help="With --simulated-stripe: so much later is it for billing."),
    ] = 0,
) -> None:
    """The platform on this machine, in the foreground.

    PostgreSQL, Valkey, the API and its worker, media nodes with local speech, and a simulated Twilio and Telnyx; with
    an admin, a customer, a workspace and a live agent on a phone number, which `call --to` calls. A carrier whose
    VOCALIZED_TWILIO_… or VOCALIZED_TELNYX_… is set is the real one. With --simulated-vendors the agent hears by a
    simulated Deepgram, thinks by a simulated OpenAI and speaks by a simulated Cartesia, over TLS and at the real
    prices; `vendors` lets them fail. Until the next start without the option, agents that name no provider use them
    before real ones that have a key. With --simulated-stripe a subscription can be walked through by hand
    (docs/run/stripe.md). With --simulated-integrations a workspace connects a simulated Google Calendar, HubSpot or
    Slack, and agents use them (docs/use/simulated-integrations.md). State is kept between runs; emails become files
    in DIR/mail. Ctrl-C or SIGTERM stops all of it, exit code 0.
    """
    from vocalized.commands.up import UpOptions, run_up

    options = UpOptions(
        state=state,
        control_port=control_port,
        media_port=media_port,
        carrier_port=carrier_port,
        media_nodes=media_nodes,
        as_json=as_json,
        simulated_vendors=simulated_vendors,
        simulated_stripe=simulated_stripe,
        simulated_integrations=simulated_integrations,
        billing_days_ahead=billing_days_ahead,
    )
    raise typer.Exit(asyncio.run(run_up(_ROOT, options, Console(stderr=as_json, highlight=False))))
