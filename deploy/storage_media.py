"""Gives media its key in the Garage of compose.yaml: it may write recordings and neither read nor list them.

Settings are in compose.yaml. The administrator's API is Garage's, version 2
(https://garagehq.deuxfleurs.fr/documentation/reference-manual/admin-api/). Uses Python's own library only.
"""

import json
import os
import sys
from http import HTTPStatus
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

TIMEOUT_S = 10
BUCKET = "recordings"


def ask(path: str, body: dict[str, object] | None = None) -> dict[str, object]:
    """Sends a GET, or a POST with a body. Raises HTTPError and URLError."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {os.environ['STORAGE_ADMIN_TOKEN']}", "Content-Type": "application/json"}
    request = Request(os.environ["STORAGE_ADMIN_URL"] + path, data, headers)
    with urlopen(request, timeout=TIMEOUT_S) as response:
        answer: dict[str, object] = json.load(response)
        return answer


def import_key(name: str, secret: str) -> None:
    """Makes the key known, if it is not yet. Garage changes no secret of a key: a new secret needs a new name."""
    try:
        ask("/v2/ImportKey", {"accessKeyId": name, "secretAccessKey": secret, "name": "media"})
    except HTTPError as error:
        if error.code != HTTPStatus.CONFLICT:
            raise
        if ask(f"/v2/GetKeyInfo?id={name}&showSecretKey=true").get("secretAccessKey") != secret:
            sys.exit("MEDIA_STORAGE_PASSWORD: storage knows MEDIA_STORAGE_USER with another secret; give both anew")


def main() -> None:
    """Ends with one sentence and status 1 where storage refuses or does not answer."""
    name = os.environ["MEDIA_STORAGE_USER"]
    try:
        import_key(name, os.environ["MEDIA_STORAGE_PASSWORD"])
        bucket = ask(f"/v2/GetBucketInfo?globalAlias={BUCKET}")["id"]
        key = {"bucketId": bucket, "accessKeyId": name}
        ask("/v2/DenyBucketKey", {**key, "permissions": {"read": True, "write": False, "owner": True}})
        ask("/v2/AllowBucketKey", {**key, "permissions": {"read": False, "write": True, "owner": False}})
    except HTTPError as error:
        sys.exit(f"storage refused {error.url.partition('?')[0].rpartition('/')[2]}: status {error.code}")
    except (URLError, TimeoutError) as error:
        sys.exit(f"storage does not answer: {error}")
    print(f"media's key may write to {BUCKET}")


if __name__ == "__main__":
    main()
