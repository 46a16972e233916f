"""The models that the simulated Deepgram knows: those of deepgram-sdk 7.17.0 (its types of listen and speak)."""

from typing import Final

NOVA_MODELS: Final = frozenset(
    [
        "nova-3",
        "nova-3-general",
        "nova-3-medical",
        "nova-2",
        "nova-2-general",
        "nova-2-meeting",
        "nova-2-finance",
        "nova-2-conversationalai",
        "nova-2-voicemail",
        "nova-2-video",
        "nova-2-medical",
        "nova-2-drivethru",
        "nova-2-automotive",
        "nova",
        "nova-general",
        "nova-phonecall",
        "nova-medical",
        "enhanced",
        "enhanced-general",
        "enhanced-meeting",
        "enhanced-phonecall",
        "enhanced-finance",
        "base",
    ]
)
FLUX_MODELS: Final = frozenset(("flux-general-en", "flux-general-multi"))
# By family and language.
_AURA_VOICES: Final = {
    ("aura", "en"): ("angus arcas asteria athena helios hera luna orion orpheus perseus stella zeus"),
    ("aura-2", "en"): (
        "amalthea andromeda apollo arcas aries asteria athena atlas aurora callista cora cordelia delia draco "
        "electra harmonia helena hera hermes hyperion iris janus juno jupiter luna mars minerva neptune odysseus "
        "ophelia orion orpheus pandora phoebe pluto saturn selene thalia theia vesta zeus"
    ),
    ("aura-2", "es"): (
        "agustina alvaro antonia aquila carina celeste diana estrella gloria javier luciano nestor olivia selena "
        "silvia sirio valerio"
    ),
    ("aura-2", "de"): ("aurelia elara fabian julius kara lara viktoria"),
    ("aura-2", "nl"): ("beatrix cornelia daphne hestia lars leda rhea roman sander"),
    ("aura-2", "fr"): ("agathe hector"),
    ("aura-2", "it"): ("cesare cinzia demetra dionisio elio flavio livia maia melia"),
    ("aura-2", "ja"): ("ama ebisu fujin izanami uzume"),
}
AURA_MODELS: Final = frozenset(
    f"{family}-{name}-{language}" for (family, language), names in _AURA_VOICES.items() for name in names.split()
)
