"""The command line of `python -m vocalized`: reads flags and runs the command.

A command's module is imported when it runs, so that `doctor` and `--help` work where packages are missing.
"""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn
from uuid import UUID

import typer
from rich.console import Console

from vocalized.commands.agent_test_cli import test
from vocalized.commands.client_cli import client
from vocalized.commands.completion_cli import completion
from vocalized.commands.env_cli import env
from vocalized.commands.mcp_cli import mcp
from vocalized.commands.option_order import OrderedCommand, in_order
from vocalized.commands.up_cli import up
from vocalized.commands.vendors_cli import vendors_app

if TYPE_CHECKING:
    from vocalized.commands.call import CallOptions

app = typer.Typer(
    name="python -m vocalized",
    help="Vocalized: agents on the phone. Commands to try it, call it, measure it and check this machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ROOT = Path(__file__).resolve().parents[2]

To = Annotated[str, typer.Option(metavar="NUMBER", help="Number of the running platform: +1…, as `up` prints it.")]
Media = Annotated[
    str, typer.Option(metavar="URL", help="A stand-alone media server's socket: ws://HOST:PORT/media/twilio.")
]
Audio = Annotated[list[Path] | None, typer.Option(metavar="FILE", help="A turn: play this recording.")]
Say = Annotated[list[str] | None, typer.Option(metavar="TEXT", help="A turn: say this with the local voice.")]
Mic = Annotated[bool, typer.Option("--mic", help="Talk yourself, by this machine's microphone; Ctrl-C hangs up.")]
Record = Annotated[Path | None, typer.Option(metavar="OUT.wav", help="Write both sides: caller left, agent right.")]
Json = Annotated[bool, typer.Option("--json", help="Last line on stdout: the outcome as one JSON object.")]
Timeout = Annotated[float, typer.Option(metavar="S", min=1, help="Longest call, in seconds.")]
State = Annotated[Path, typer.Option(metavar="DIR", help="Where recordings, pictures and the platform's state go.")]
UP = ROOT / "var" / "up"


@app.command(cls=OrderedCommand)
def call(
    ctx: typer.Context,
    to: To = "",
    media: Media = "",
    audio: Audio = None,
    say: Say = None,
    mic: Mic = False,
    record: Record = None,
    as_json: Json = False,
    timeout: Timeout = 600.0,
    state: Annotated[Path, typer.Option(metavar="DIR", help="State of the platform that --to phones.")] = UP,
) -> None:
    """Calls an agent and prints what both sides say.

    With --to a simulated caller calls a number of the platform that `up` runs, through the simulated carrier; words
    and latency come from the API. With --media it opens a media server's socket as a carrier would,
    and waits up to a minute for a server that starts.

    --audio and --say may be given several times, in any order: one turn each. A turn begins when the agent has
    finished speaking; after the answer to the last one the caller hangs up. Exit code 0: the call was completed.
    """
    from vocalized.commands.call import CallOptions

    turns = in_order(ctx, {"audio": [str(path) for path in audio or []], "say": say or []})
    _run_call(
        CallOptions(
            media=media, turns=turns, mic=mic, record=record, as_json=as_json, limit_s=timeout, to=to, state=state
        )
    )


@app.command(cls=OrderedCommand)
def answer(
    ctx: typer.Context,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="The phone's number: +1…, any that nobody has.")],
    audio: Audio = None,
    say: Say = None,
    mic: Mic = False,
    record: Record = None,
    as_json: Json = False,
    timeout: Timeout = 600.0,
    agent: Annotated[str, typer.Option(metavar="NAME", help="The agent of this name places a test call now.")] = "",
    wait: Annotated[float, typer.Option(metavar="S", min=1, help="Longest wait for a call, in seconds.")] = 600.0,
    state: Annotated[Path, typer.Option(metavar="DIR", help="State of the platform whose calls are answered.")] = UP,
) -> None:
    """Answers a call of the platform that `up` runs.

    Waits at a number of the simulated network for an outbound call or a test call to it, picks it up, and prints what
    both sides say; words and latency come from the API. While nobody waits at a number, it rings and is not answered.

    --audio and --say are the turns of the one who was called, as those of `call`. Exit code 0: a call came and was
    completed.
    """
    from vocalized.commands.call import CallOptions

    turns = in_order(ctx, {"audio": [str(path) for path in audio or []], "say": say or []})
    _run_call(
        CallOptions(
            turns=turns,
            mic=mic,
            record=record,
            as_json=as_json,
            limit_s=timeout,
            state=state,
            answer=number,
            wait_s=wait,
            agent=agent,
        )
    )


@app.command()
def agent(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of a new agent, or of one that is to change.")],
    prompt: Annotated[str, typer.Option(metavar="TEXT", help="Who it is, and what it knows and does.")],
    greeting: Annotated[str, typer.Option(metavar="TEXT", help="Its first words; empty: the caller begins.")] = (
        "Hello, how can I help you?"
    ),
    as_json: Json = False,
    state: Annotated[Path, typer.Option(metavar="DIR", help="State of the platform that `up` runs.")] = UP,
) -> None:
    """Makes an agent at the platform that `up` runs.

    It is made over the API in the demonstration's workspace, gets a number at the simulated carrier, and goes live. It
    uses the language model that `providers set-key` put into service. Exit code 1: it was not made, with the reason.
    """
    from vocalized.commands.agent import AgentError, AgentOptions, make_agent
    from vocalized.stack.addresses import StackNotRunning

    options = AgentOptions(name, prompt, greeting, state, as_json)
    try:
        asyncio.run(make_agent(options, Console(highlight=False)))
    except (AgentError, StackNotRunning) as error:
        Console(stderr=True, highlight=False).print(f"error: {error}", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None


def _run_call(options: "CallOptions") -> NoReturn:
    from vocalized.caller.console import CallPrinter
    from vocalized.commands.call import UsageError, run_call

    printer = CallPrinter(Console(stderr=options.as_json, highlight=False))
    try:
        code = asyncio.run(run_call(options, printer))
    except UsageError as error:
        raise typer.BadParameter(error.reason, param_hint=f"'{error.flag}'") from error
    raise typer.Exit(code)


@app.command()
def demo(state: State = ROOT / "var" / "demo") -> None:
    """Two calls to an agent on this machine.

    Starts the platform with a simulated carrier and the local recognizer, voice and receptionist: nothing leaves the
    machine. In the first call a human recording leaves a message, which the agent reads back; in the second a caller
    asks three questions and interrupts one answer. What was said is read from the API's record. Stereo recordings and
    a picture of each are saved. Exit code 0: both were completed, and the message is recognized again in the recording
    of what the caller heard.
    """
    from vocalized.caller.console import CallPrinter
    from vocalized.commands.demo import run_demo

    raise typer.Exit(asyncio.run(run_demo(ROOT, state.resolve(), CallPrinter(Console(highlight=False)))))


PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


@app.command(context_settings=PASSED_ON)
def bench(ctx: typer.Context) -> None:
    """Measures load and latency: python -m lab.benchmarks."""
    raise typer.Exit(subprocess.run([sys.executable, "-m", "lab.benchmarks", *ctx.args], cwd=ROOT).returncode)


@app.command(context_settings=PASSED_ON)
def rehearse(ctx: typer.Context) -> None:
    """Runs the whole platform under load, faults and upgrades: python -m lab."""
    raise typer.Exit(subprocess.run([sys.executable, "-m", "lab", *ctx.args], cwd=ROOT).returncode)


@app.command()
def doctor(
    providers: Annotated[bool, typer.Option("--providers", help="Try the providers, not the machine.")] = False,
    workspace: Annotated[UUID | None, typer.Option(metavar="ID", help="Try this workspace's own keys.")] = None,
    language: Annotated[str, typer.Option(metavar="TAG", help="That voices are to speak.")] = "en",
    timeout: Annotated[float, typer.Option(metavar="S", min=0.1, max=60, help="Longest request, in seconds.")] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="Of --providers: one line of JSON.")] = False,
    state: Annotated[Path, typer.Option(metavar="DIR", help="Of --providers: state of the platform that runs.")] = UP,
) -> None:
    """Reports what this machine lacks, or tries the providers.

    Looks at interpreter, packages, model files, servers, ports, memory, disk and the carriers' settings, each with what
    to do about it. Exit code 1: something that is needed is missing.

    --providers sends one tiny request for each role of each provider with a key: a recognizer hears two seconds, a
    model says a word, a voice speaks one. It prints whether each works, else the vendor's reason, milliseconds and
    cost. The platform is the one that `up` runs, or that VOCALIZED_DATABASE_URL and VOCALIZED_VAULT_KEYS name. Exit
    code 1: one failed.
    """
    if not providers and workspace is None:
        from vocalized.commands.doctor import examine, report

        raise typer.Exit(report(examine(ROOT), Console(highlight=False)))
    from vocalized.commands.doctor_providers import DoctorError, ProviderDoctorOptions, try_providers

    options = ProviderDoctorOptions(state, workspace, timeout, language, as_json)
    try:
        code = asyncio.run(try_providers(ROOT, options, Console(highlight=False)))
    except DoctorError as error:
        Console(stderr=True, highlight=False).print(f"error: {error}", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    raise typer.Exit(code)


app.command()(up)
app.command()(env)
app.command()(completion)
app.command()(client)
app.command()(test)
app.command()(mcp)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def providers(
    ctx: typer.Context,
    state: Annotated[Path, typer.Option(metavar="DIR", help="State of the platform that `up` runs.")] = UP,
) -> None:
    """Keys of providers, at the platform that `up` runs.

    providers set-key INSTANCE: seals a key, which is asked for or read from standard input, and puts the provider into
    service. INSTANCE is one of the catalog (openai, groq, openrouter), or a server of your own with --vendor openai
    --base-url URL --model NAME; --no-key if it takes none; --priority N: its place, the lower the earlier.

    providers list: all providers, and whether they have a key and are in service.

    providers test INSTANCE: asks its server one short question; --timeout S is the longest wait.

    Runs `python -m control providers` with that platform's settings. Exit code 1: refused, or the provider failed.
    """
    _run_control_command("providers", state, ctx.args)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def prices(
    ctx: typer.Context,
    state: Annotated[Path, typer.Option(metavar="DIR", help="State of the platform that `up` runs.")] = UP,
) -> None:
    """Prices, at the platform that `up` runs.

    prices list: the newest version of each price.

    prices set PROVIDER ROLE MODEL UNIT PRICE: opens a version of what a provider or carrier costs, in US dollars:
    prices set my-llama llm "*" million_prompt_tokens 0.10

    Runs `python -m control prices` with that platform's settings. Exit code 1: refused.
    """
    _run_control_command("prices", state, ctx.args)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def explain(
    ctx: typer.Context,
    state: Annotated[Path, typer.Option(metavar="DIR", help="State of the platform that `up` runs.")] = UP,
) -> None:
    """Where money comes from, at the platform that `up` runs.

    explain invoice-line ID: the ledger's rows behind a line of an invoice.

    explain figure NAME: what total_revenue_month, total_cost_month or mrr is the sum of.

    Runs `python -m control explain` with that platform's settings. Exit code 1: there is no such line.
    """
    _run_control_command("explain", state, ctx.args)


def _run_control_command(command: str, state: Path, arguments: list[str]) -> None:
    from vocalized.commands.control_command import run_control_command
    from vocalized.stack.addresses import StackNotRunning

    try:
        code = run_control_command(ROOT, state.resolve(), command, arguments)
    except StackNotRunning as error:
        Console(stderr=True, highlight=False).print(str(error), markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    raise typer.Exit(code)


@app.command()
def services(
    state: Annotated[Path, typer.Option(metavar="DIR", help="Where their data is kept.")] = ROOT / "var" / "services",
    as_json: Annotated[bool, typer.Option("--json", help="When ready, one line: database_url and redis_url.")] = False,
    durable: Annotated[bool, typer.Option(help="Whether data survives a failure of the machine.")] = True,
) -> None:
    """PostgreSQL and Valkey on this machine.

    Both listen on Unix sockets only and run until Ctrl-C or SIGTERM; their data stays for the next run.
    """
    from vocalized.commands.services import run_services

    raise typer.Exit(run_services(state, durable=durable, as_json=as_json, console=Console(highlight=False)))


@app.command("seed-load")
def seed_load(
    state: Annotated[Path, typer.Option(metavar="DIR", help="Where its data is kept.")] = ROOT / "var" / "seed-load",
    database_url: Annotated[str, typer.Option(metavar="URL", help="An empty PostgreSQL to fill instead.")] = "",
    workspaces: Annotated[int, typer.Option(metavar="N", min=10, help="How many workspaces.")] = 1_000,
    calls: Annotated[int, typer.Option(metavar="N", min=1_000, help="How many calls.")] = 1_000_000,
) -> None:
    """Fills a database and measures the API's lists.

    Generates workspaces, users, agents, 90 days of calls and their ledger, with all roll-ups; then requests every list
    and overview 200 times over HTTP. A database that was filled before is only measured. Exit code 1: some p95 is above
    50 ms.
    """
    from vocalized.commands.seed_load import SeedOptions, run_seed_load
    from vocalized.seed.rows import SeedSize

    options = SeedOptions(state, database_url, SeedSize(workspaces, calls))
    raise typer.Exit(asyncio.run(run_seed_load(ROOT, options, Console(highlight=False))))


app.add_typer(vendors_app, name="vendors")
admin_app = typer.Typer(help="The platform's staff.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(admin_app, name="admin")


@admin_app.callback()
def admin() -> None:
    """The platform's staff."""


@admin_app.command("create")
def admin_create(
    email: Annotated[str, typer.Option(metavar="ADDRESS", help="Signs in with it.")],
    role: Annotated[
        Literal["super_admin", "support", "finance", "read_only"], typer.Option(help="What they may do.")
    ] = "super_admin",
    name: Annotated[str, typer.Option(help="Shown to others; else the address up to the @.")] = "",
    ask: Annotated[bool, typer.Option("--ask", help="Ask for the password instead of generating one.")] = False,
    database_url: Annotated[
        str, typer.Option(envvar="VOCALIZED_DATABASE_URL", show_envvar=True, help="PostgreSQL of the platform.")
    ] = "",
    as_json: Json = False,
    state: Annotated[
        Path, typer.Option(metavar="DIR", help="Without a database: state of a platform that `up` runs.")
    ] = UP,
) -> None:
    """Adds an admin of the platform.

    Without --ask a password is generated and printed once. Exit code 1: no admin was added, with the reason.
    """
    from vocalized.commands.admin import AdminError, AdminOptions, create_admin

    options = AdminOptions(
        database_url=database_url,
        email=email,
        role=role,
        name=name,
        ask=ask,
        as_json=as_json,
        state=state.resolve(),
    )
    try:
        asyncio.run(create_admin(options, Console(highlight=False)))
    except AdminError as error:
        Console(stderr=True, highlight=False).print(str(error), markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
