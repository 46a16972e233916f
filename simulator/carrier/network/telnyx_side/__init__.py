"""Telnyx's side of the phone network: Call Control and numbers by REST, signed webhooks, media streams.

Written from Telnyx's documentation and its SDK's types. Where this network is less than Telnyx, it refuses rather than
pretends:

- One thing is on a phone line at a time. `speak`, `playback_start` and `send_dtmf` are refused (90045) while a stream
  runs, and a transfer or bridge ends the stream when it begins; Telnyx would mix them.
- Streams carry PCMU or PCMA from the caller, PCMU to it, on the inbound track; other codecs and tracks are refused.
  In the mode that is the default, "mp3", nothing that an agent sends is played, be it RTP or MP3.
- `to` is one number. A leg that isn't answered is told of by call.hangup alone: there is no ringing event.
- Keys are told while a stream runs.

Chosen where the documentation says nothing: a media socket that breaks gives streaming.failed (see `Streams`); a parked
call that is hung up was rejected; a number that can't be had makes its order fail, and not the request.
"""
