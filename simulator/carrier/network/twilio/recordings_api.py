"""The REST resource of recordings: start, fetch, media, delete (docs: voice/api/recording)."""

import asyncio
import io

import numpy as np
import soundfile  # type: ignore[import-untyped]  # ships no types
from aiohttp import web

from simulator.carrier.mulaw import RATE, decode
from simulator.carrier.network.twilio.call_registry import CallRegistry
from simulator.carrier.network.twilio.model import StatusCallback, TwilioCall, TwilioConfig, TwilioRecording
from simulator.carrier.network.twilio.recorder import Recorder
from simulator.carrier.network.twilio.rest import API, Json, RequestGuard, RestError, form, not_found, page, rfc2822
from simulator.carrier.network.twilio.webhooks import recording_url

_SID = "{sid:RE[0-9a-f]+}"


class RecordingsApi:
    """Request handlers of the recordings."""

    def __init__(self, config: TwilioConfig, guard: RequestGuard, registry: CallRegistry, recorder: Recorder) -> None:
        self._config, self._guard, self._registry, self._recorder = config, guard, registry, recorder

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of a call's recordings and of the account's recordings."""
        of_call = f"{API}/Calls/{{call:CA[0-9a-f]+}}/Recordings"
        one = f"{API}/Recordings/{_SID}"
        return [
            web.post(f"{of_call}.json", self._guard.guarded(self.start)),
            web.get(f"{of_call}.json", self._guard.guarded(self.list)),
            web.post(f"{of_call}/{{sid}}.json", self._guard.guarded(self.change)),
            web.get(f"{API}/Recordings.json", self._guard.guarded(self.list)),
            web.get(f"{one}.json", self._guard.guarded(self.fetch)),
            web.delete(f"{one}.json", self._guard.guarded(self.delete)),
            web.get(one, self._guard.guarded(self.media)),
            web.get(f"{one}.{{kind:wav|mp3}}", self._guard.guarded(self.media)),
        ]

    async def start(self, request: web.Request) -> web.Response:
        """Start a recording and return 201.

        Raises RestError 21220 if the call has ended or is not in progress yet (docs: api/errors/21220).
        """
        call, fields = self._call(request), await form(request)
        events = tuple(word for value in fields.getall("RecordingStatusCallbackEvent", []) for word in value.split())
        url, method = fields.get("RecordingStatusCallback", ""), fields.get("RecordingStatusCallbackMethod", "POST")
        callback = StatusCallback(url, method, events or ("completed",))
        dual = fields.get("RecordingChannels", "mono") == "dual"
        if self._recorder.early_starts:
            self._recorder.early_starts -= 1
            raise RestError(400, 21220, "Call is not in-progress")
        if call.over:
            raise RestError(400, 21220, "Call is not in-progress")
        try:
            recording = self._recorder.start(call, "StartCallRecordingAPI", dual=dual, callback=callback)
        except ValueError as error:
            raise RestError(400, 21220, str(error)) from error
        return web.json_response(self._json(recording), status=201)

    async def change(self, request: web.Request) -> web.Response:
        """Set the status to paused, in-progress or stopped. The id may be Twilio.CURRENT."""
        call, fields = self._call(request), await form(request)
        sid = request.match_info["sid"]
        known = [recording for recording in call.recordings if recording.sid == sid or sid == "Twilio.CURRENT"]
        if not known:
            raise not_found(request)
        try:
            self._recorder.change(call, known[-1], fields.get("Status", ""))
        except ValueError as error:
            raise RestError(400, 20001, str(error)) from error
        return web.json_response(self._json(known[-1]))

    async def list(self, request: web.Request) -> web.Response:
        """List recordings, latest first. The path or the filter CallSid may limit the list to one call."""
        call = request.match_info.get("call") or request.query.get("CallSid", "")
        shown = [one for one in reversed(self._recorder.all.values()) if call in ("", one.call_sid)]
        return page(request, "recordings", [self._json(one) for one in shown])

    async def fetch(self, request: web.Request) -> web.Response:
        """Return a recording."""
        return web.json_response(self._json(self._recording(request)))

    async def delete(self, request: web.Request) -> web.Response:
        """Delete a recording and return 204."""
        if not self._recorder.delete(request.match_info["sid"]):
            raise not_found(request)
        return web.Response(status=204)

    async def media(self, request: web.Request) -> web.Response:
        """Return the audio as 16-bit 8 kHz WAV or MP3.

        Returns 404 until the recording is complete, and 400 for two channels of a mono recording.
        """
        recording = self._recording(request)
        channels = request.query.get("RequestedChannels", "")
        if recording.status != "completed":
            raise not_found(request)
        if channels not in ("", "1", "2") or (channels == "2" and not recording.dual):
            raise RestError(400, 21220, "Requested channels are not available")
        dual = recording.dual and channels != "1"
        kind = request.match_info.get("kind", "wav")
        body = await asyncio.to_thread(_encode, recording, dual, kind)
        return web.Response(body=body, content_type="audio/mpeg" if kind == "mp3" else "audio/x-wav")

    def _call(self, request: web.Request) -> TwilioCall:
        call = self._registry.calls.get(request.match_info["call"])
        if call is None:
            raise not_found(request)
        return call

    def _recording(self, request: web.Request) -> TwilioRecording:
        recording = self._recorder.all.get(request.match_info["sid"])
        if recording is None:
            raise not_found(request)
        return recording

    def _json(self, recording: TwilioRecording) -> Json:
        done = recording.status == "completed"
        return {
            "sid": recording.sid,
            "account_sid": self._config.account_sid,
            "call_sid": recording.call_sid,
            "conference_sid": None,
            "status": recording.status,
            "source": recording.source,
            "channels": 2 if recording.dual else 1,
            "duration": str(recording.duration_s) if done else None,
            "start_time": rfc2822(recording.started),
            "date_created": rfc2822(recording.started),
            "date_updated": rfc2822(recording.started),
            "price": None,
            "price_unit": "USD",
            "error_code": None,
            "encryption_details": None,
            "api_version": "2010-04-01",
            "media_url": recording_url(self._config, recording.sid) if done else None,
            "uri": f"/2010-04-01/Accounts/{self._config.account_sid}/Recordings/{recording.sid}.json",
            "subresource_uris": {},
        }


def _encode(recording: TwilioRecording, dual: bool, kind: str) -> bytes:
    """Encode a recording. Channel 1 is the phone at the other end, channel 2 what it heard; mono is their sum."""
    stereo = np.stack([decode(recording.caller), decode(recording.agent)], axis=1)
    audio = stereo if dual else np.clip(stereo.astype(np.int32).sum(axis=1), -32_768, 32_767).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, audio, RATE, format=kind.upper(), subtype="PCM_16" if kind == "wav" else None)
    return file.getvalue()
