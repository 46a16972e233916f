"""A webhook's response as a carrier reads it."""

from dataclasses import dataclass
from xml.etree import ElementTree

PUBLIC_URL = "https://hooks.example.com"


@dataclass(frozen=True, slots=True)
class WebhookReply:
    """A response of status, text and content type."""

    status: int
    text: str
    content_type: str

    @property
    def xml(self) -> ElementTree.Element:
        """The TwiML document; fails when the response is none."""
        assert (self.status, self.content_type) == (200, "text/xml"), (self.status, self.text)
        return ElementTree.fromstring(self.text)

    @property
    def verbs(self) -> list[str]:
        """The names of its verbs, in order."""
        return [verb.tag for verb in self.xml]

    @property
    def spoken(self) -> str:
        """The text of `<Say>`."""
        return self.xml.findtext("Say") or ""

    @property
    def stream(self) -> str:
        """The URL of `<Stream>`."""
        found = self.xml.find("Connect/Stream")
        assert found is not None, self.text
        return found.attrib["url"]

    @property
    def ticket(self) -> str:
        """The token in `<Parameter>`, for the media node."""
        found = self.xml.find("Connect/Stream/Parameter")
        assert found is not None and found.attrib["name"] == "token", self.text
        return found.attrib["value"]

    @property
    def action(self) -> str:
        """The path of `<Connect>`'s action, without the host."""
        found = self.xml.find("Connect")
        assert found is not None, self.text
        assert found.attrib["action"].startswith(PUBLIC_URL), found.attrib
        return found.attrib["action"].removeprefix(PUBLIC_URL)
