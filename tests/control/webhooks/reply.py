"""What our webhooks answer, as a carrier reads it."""

from dataclasses import dataclass
from xml.etree import ElementTree

PUBLIC = "https://hooks.example.com"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer."""

    status: int
    text: str
    content_type: str

    @property
    def xml(self) -> ElementTree.Element:
        """The TwiML; an assertion fails when it is none."""
        assert (self.status, self.content_type) == (200, "text/xml"), (self.status, self.text)
        return ElementTree.fromstring(self.text)

    @property
    def verbs(self) -> list[str]:
        """Names of TwiML's verbs, in order."""
        return [verb.tag for verb in self.xml]

    @property
    def said(self) -> str:
        """The words of `<Say>`."""
        return self.xml.findtext("Say") or ""

    @property
    def stream(self) -> str:
        """The URL of `<Stream>`."""
        found = self.xml.find("Connect/Stream")
        assert found is not None, self.text
        return found.attrib["url"]

    @property
    def ticket(self) -> str:
        """The token for media."""
        found = self.xml.find("Connect/Stream/Parameter")
        assert found is not None and found.attrib["name"] == "token", self.text
        return found.attrib["value"]

    @property
    def action(self) -> str:
        """Where Twilio asks what comes next, without the host."""
        found = self.xml.find("Connect")
        assert found is not None, self.text
        assert found.attrib["action"].startswith(PUBLIC), found.attrib
        return found.attrib["action"].removeprefix(PUBLIC)
