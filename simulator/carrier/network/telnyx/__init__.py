"""The simulated Telnyx: Call Control and numbers through REST, signed webhooks, and media streams.

Follows developers.telnyx.com and the SDK's types. Features of Telnyx that this network lacks are refused:

- A line has one endpoint at a time. `speak` and `playback_start` are refused (90045) while a stream runs, and a
  transfer or bridge ends the stream when it begins; Telnyx would mix them. The tones of `send_dtmf` are mixed into a
  stream.
- Streams carry the call's codec (PCMU, PCMA, G.722, or silence of Opus) from the caller and PCMU to the caller, on the
  inbound track. Other codecs and tracks are refused. In the default mode, "mp3", audio from the agent is not played,
  neither RTP nor MP3.
- `to` is a single number. A leg that is not answered is reported only by call.hangup, without a ringing event.
- Keys are reported while a stream runs.

Where the documentation is silent, the simulator chooses: a broken media socket causes streaming.failed (see
`TelnyxMediaStreams`), hanging up a parked call rejects it, and an unavailable number fails its order instead of the
request.
"""
