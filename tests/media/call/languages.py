"""Languages of calls, for tests."""

from media.call.call_language import CallLanguage
from shared.plan import LanguagePlan


def spoken(*tags: str, goodbye: str = "") -> CallLanguage:
    """A call's language, that of the first tag; it may go on in the others. goodbye: the agent's."""
    main, *others = tags
    return CallLanguage((LanguagePlan(main, goodbye), *map(LanguagePlan, others)))
