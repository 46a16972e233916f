"""Which voices speak which languages (docs: voice/twiml/say, voice/twiml/say/text-speech).

If Twilio lacks the voice or language of a `<Say>`, or both do not match, this "may result in error and instruction
failure". The simulator always says nothing in these cases.
"""

# Languages available without a Polly or Google voice.
_BASIC = frozenset({"en", "en-us", "en-gb", "es", "fr", "de"})
_POLLY = {
    "arb": ("Zeina",), "cmn-CN": ("Zhiyu",), "cy-GB": ("Gwyneth",), "da-DK": ("Naja", "Mads"),
    "de-DE": ("Marlene", "Vicki", "Hans"), "en-AU": ("Nicole", "Russell"), "en-GB": ("Amy", "Emma", "Brian"),
    "en-IN": ("Raveena", "Aditi"), "en-US": ("Joanna", "Salli", "Kendra", "Kimberly", "Ivy", "Joey", "Matthew"),
    "es-ES": ("Conchita", "Lucia", "Enrique"), "es-MX": ("Mia",), "es-US": ("Penelope", "Miguel", "Lupe"),
    "fi-FI": ("Suvi-Neural",), "fr-CA": ("Chantal",), "fr-FR": ("Celine", "Lea", "Mathieu"), "hi-IN": ("Aditi",),
    "is-IS": ("Dora", "Karl"), "it-IT": ("Carla", "Bianca", "Giorgio"), "ja-JP": ("Mizuki", "Takumi"),
    "ko-KR": ("Seoyeon",), "nb-NO": ("Liv",), "nl-NL": ("Lotte", "Ruben"), "pl-PL": ("Ewa", "Maja", "Jacek", "Jan"),
    "pt-BR": ("Vitoria", "Camila", "Ricardo"), "pt-PT": ("Ines", "Cristiano"), "ro-RO": ("Carmen",),
    "ru-RU": ("Tatyana", "Maxim"), "sv-SE": ("Astrid",), "tr-TR": ("Filiz",),
}  # fmt: skip


def can_speak(voice: str, language: str) -> bool:
    """Return whether a voice can speak a language.

    Args:
        voice: Empty for the default voice.
        language: Empty for the voice's own language.
    """
    if voice in ("", "man", "woman"):
        return (language or "en-US").lower() in _BASIC
    name = voice.removeprefix("Polly.")
    spoken = [known for known, names in _POLLY.items() if name in names]
    return bool(spoken) and name != voice and (not language or language in spoken)
