"""Media adapter for `pipecat`: any of pipecat's recognizers, language models and voices, by class name and settings.

The services run in a separate process (`media/providers/pipecat/`); this process does not import pipecat. Only staff
may configure these providers.
"""

from functools import partial
from typing import Final

import msgspec

from media.providers.pipecat.llm import PipecatLanguageModel
from media.providers.pipecat.process import PipecatProcess
from media.providers.pipecat.session import PipecatSession
from media.providers.pipecat.stt import PipecatSpeechToText
from media.providers.pipecat.tts import PipecatTextToSpeech
from media.providers.pipecat.wire import OpenService
from media.providers.ports import ProviderKind
from media.providers.vendor import Adapter, ProviderSetup, ProviderUnusable, Vendor, VendorResources
from media.providers.warm_connections import WarmConnections
from shared.pipecat_services import find_faults, find_service
from vendors.pipecat.facts import PipecatOptions


def _make_stt(setup: ProviderSetup) -> PipecatSpeechToText:
    wanted = _read_wanted("stt", setup)
    return PipecatSpeechToText(setup.name, partial(_open, setup, wanted), _share_process(setup.resources).start)


def _make_llm(setup: ProviderSetup) -> PipecatLanguageModel:
    return PipecatLanguageModel(setup.name, _share_sessions(setup, _read_wanted("llm", setup), ""))


def _make_tts(setup: ProviderSetup) -> PipecatTextToSpeech:
    wanted = _read_wanted("tts", setup)
    sessions_of = partial(_share_sessions, setup, wanted)
    return PipecatTextToSpeech(setup.name, sessions_of, _share_process(setup.resources).start)


def _read_wanted(kind: ProviderKind, setup: ProviderSetup) -> OpenService:
    """Return the configured service. Raises ProviderUnusable, which names the invalid option."""
    options: PipecatOptions = setup.options
    for field, reason in find_faults(kind, options.service, options.settings, has_key=bool(options.api_key)):
        raise ProviderUnusable(f"options.{field}: {reason}")
    found = find_service(options.service)
    assert found is not None
    return OpenService(kind, found[0], options.settings, options.api_key)


async def _open(setup: ProviderSetup, wanted: OpenService, language: str) -> PipecatSession:
    """Open a session of the service. Raises ProviderError."""
    process, options = _share_process(setup.resources), setup.options
    with_language = msgspec.structs.replace(wanted, language=language)
    return await PipecatSession.open(process, setup.name, with_language, options.open_s)


def _share_sessions(setup: ProviderSetup, wanted: OpenService, language: str) -> WarmConnections[PipecatSession]:
    """Return the sessions that all calls with the same provider, service, settings, key and language share."""
    key = msgspec.json.encode(wanted, order="sorted")
    return setup.resources.share_account(
        (PipecatSession, setup.name, key, language),
        lambda: WarmConnections(partial(_open, setup, wanted, language)),
        WarmConnections.close,
    )


def _share_process(resources: VendorResources) -> PipecatProcess:
    """Return the engine process that belongs to this media process, without starting it."""

    def make() -> PipecatProcess:
        process = PipecatProcess()
        resources.on_close(process.close)
        return process

    return resources.share(PipecatProcess, make)


def _model(options: PipecatOptions) -> str:
    """Return the configured model, else the service's name, because the default model may change with pipecat's
    version.
    """
    model = options.settings.get("model")
    return model if isinstance(model, str) else options.service.rpartition(".")[2]


VENDOR: Final = Vendor(
    "pipecat",
    stt=Adapter(_make_stt, PipecatOptions, model=_model),
    llm=Adapter(_make_llm, PipecatOptions, model=_model),
    tts=Adapter(_make_tts, PipecatOptions, model=_model),
)
