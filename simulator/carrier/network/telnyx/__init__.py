"""The simulated Telnyx: Call Control and numbers by REST, signed webhooks, media streams.

Written from developers.telnyx.com and the SDK's types. What Telnyx offers and this network does not is refused:

- A line has one endpoint at a time. `speak` and `playback_start` are refused (90045) while a stream runs, and a
  transfer or bridge ends the stream when it begins; Telnyx would mix them. The tones of `send_dtmf` are mixed into a
  stream.
- Streams carry the call's codec (PCMU, PCMA, G.722, or silence of Opus) from the caller, PCMU to it, on the inbound
  track; other codecs and tracks are refused.
  In the default mode, "mp3", nothing that an agent sends is played, neither RTP nor MP3.
- `to` is one number. A leg that isn't answered is reported by call.hangup alone: there is no ringing event.
- Keys are reported while a stream runs.

Chosen where the documentation says nothing: a media socket that breaks causes streaming.failed (see
`TelnyxMediaStreams`); hanging up a parked call rejects it; an unavailable number fails its order, not the request.
"""
