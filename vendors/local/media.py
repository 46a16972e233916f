"""Media adapter for `local`: recognizer and voice of the speech engine on this machine.

The engine's packages are optional, so they are imported only when a plan uses this vendor.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from media.providers.ports import SpeechToText, TextToSpeech
from media.providers.vendor import Adapter, ProviderSetup, ProviderUnusable, Vendor, VendorResources
from media.providers.wait_history import UsualWait
from shared.providers.options import EmptyOptions
from vendors.local.facts import FACTS

if TYPE_CHECKING:
    from media.providers.local.client import EngineClient


def _make_stt(setup: ProviderSetup) -> SpeechToText:
    from media.providers.local.stt import LocalSpeechToText

    return LocalSpeechToText(_engine(setup.resources), setup.name)


def _make_tts(setup: ProviderSetup) -> TextToSpeech:
    from media.providers.local.tts import LocalTextToSpeech

    return LocalTextToSpeech(_engine(setup.resources), setup.name)


def _engine(resources: VendorResources) -> "EngineClient":
    if not resources.engine_socket:
        raise ProviderUnusable("provider: no local speech engine is running")
    return resources.share(_engine, lambda: _open_engine(resources))


def _open_engine(resources: VendorResources) -> "EngineClient":
    from media.providers.local.client import EngineClient

    client = EngineClient(Path(resources.engine_socket))
    resources.on_close(client.close)
    return client


# On an idle machine, three seconds of speech take 0.1 s to recognize, and the first audio takes 0.08 s. The time under
# load depends on the machine, so the upper limit of all deadlines is used until measured values exist.
_WAIT: Final = UsualWait(0.1, 0.9)


def _usual_wait(options: EmptyOptions) -> UsualWait:
    return _WAIT


VENDOR: Final = Vendor(
    "local",
    stt=Adapter(_make_stt, usual_wait=_usual_wait),
    tts=Adapter(_make_tts, usual_wait=_usual_wait, reads_figures=FACTS.reads_figures),
)
