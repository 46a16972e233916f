"""The documents of speech vendors that only a key's owner gets, by which a key is tried without cost.

Source: developers.deepgram.com/reference/manage/projects/list, docs.cartesia.ai/api-reference/voices/list and
…/voices/get, elevenlabs.io/docs/api-reference/voices/get and …/models/list,
docs.cloud.google.com/text-to-speech/docs/reference/rest/v1/voices/list.
"""

from typing import Any, Final

from aiohttp import web

from simulator.vendors.cartesia_socket import UNAUTHORIZED, error_body
from simulator.vendors.google_account import TokenCheck
from simulator.vendors.server import VendorState

_PROJECT: Final = {"project_id": "3f4b1c9e-0b8a-4c55-9d4e-6a2f0c7d1e11", "name": "Simulated project"}


def deepgram_documents(state: VendorState) -> list[web.RouteDef]:
    """`/v1/projects`."""

    async def list_projects(request: web.Request) -> web.Response:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "token" or key != state.key:
            body = {"err_code": "INVALID_AUTH", "err_msg": "Invalid credentials.", "request_id": ""}
            return web.json_response(body, status=401)
        return web.json_response({"projects": [_PROJECT]})

    return [web.get("/v1/projects", list_projects)]


def cartesia_documents(state: VendorState) -> list[web.RouteDef]:
    """`/voices` and `/voices/{id}`; every id is a voice."""

    async def list_voices(request: web.Request) -> web.Response:
        return _answer(request, {"data": [_voice("f786b574-daa5-4673-aa0c-cbe3e8534c02")], "has_more": False})

    async def get_voice(request: web.Request) -> web.Response:
        return _answer(request, _voice(request.match_info["id"]))

    def _answer(request: web.Request, body: dict[str, Any]) -> web.Response:
        if request.headers.get("X-API-Key") != state.key:
            version = request.headers.get("Cartesia-Version", "")
            return web.json_response(error_body(UNAUTHORIZED, version, ""), status=401)
        return web.json_response(body)

    return [web.get("/voices", list_voices), web.get("/voices/{id}", get_voice)]


def elevenlabs_documents(state: VendorState) -> list[web.RouteDef]:
    """`/v1/voices/{id}`, where every id is a voice, and `/v1/models`."""

    async def get_voice(request: web.Request) -> web.Response:
        return _answer(
            request, {"voice_id": request.match_info["id"], "name": "Simulated voice", "category": "premade"}
        )

    async def list_models(request: web.Request) -> web.Response:
        return _answer(request, [{"model_id": "eleven_flash_v2_5", "name": "Eleven Flash v2.5"}])

    def _answer(request: web.Request, body: Any) -> web.Response:
        if request.headers.get("xi-api-key") != state.key:
            detail = {"status": "invalid_api_key", "message": "Invalid API key"}
            return web.json_response({"detail": detail}, status=401)
        return web.json_response(body)

    return [web.get("/v1/voices/{id}", get_voice), web.get("/v1/models", list_models)]


def google_documents(state: VendorState) -> list[web.RouteDef]:
    """`/v1/voices`, for the tokens of the account whose key file is the state's key."""

    async def list_voices(request: web.Request) -> web.Response:
        if TokenCheck(state.key).find_fault(request.headers.get("Authorization", "")):
            message = "Request had invalid authentication credentials."
            error = {"code": 401, "message": message, "status": "UNAUTHENTICATED"}
            return web.json_response({"error": error}, status=401)
        voice = {"name": "en-US-Chirp3-HD-Kore", "languageCodes": ["en-US"], "naturalSampleRateHertz": 24_000}
        return web.json_response({"voices": [voice]})

    return [web.get("/v1/voices", list_voices)]


def _voice(voice_id: str) -> dict[str, Any]:
    return {"id": voice_id, "name": "Simulated voice", "language": "en", "is_public": True}
