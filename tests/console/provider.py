"""An OpenID Connect provider, as a process of its own: `python provider.py PORT`. It insists on PKCE."""

from __future__ import annotations

import sys
from base64 import urlsafe_b64encode
from hashlib import sha256

import flask


def main(port: int) -> None:
    """Until it is killed."""
    import oidc_provider_mock  # where it is not installed, only this can't be run

    app, asked = oidc_provider_mock.app(require_nonce=True), dict[str, str]()

    @app.before_request
    def challenge() -> flask.typing.ResponseReturnValue | None:
        request = flask.request
        if request.path == "/oauth2/authorize":
            if request.args.get("code_challenge_method") != "S256":
                return "PKCE was expected", 400
            asked[request.args["client_id"]] = request.args["code_challenge"]
        if request.path == "/oauth2/token":
            verifier = request.form.get("code_verifier", "").encode()
            told = urlsafe_b64encode(sha256(verifier).digest()).rstrip(b"=").decode()
            if told not in asked.values():
                return {"error": "invalid_grant", "error_description": "the verifier is wrong"}, 400
        return None

    # In its debug mode another process serves, which outlives this one.
    app.run("127.0.0.1", port, debug=False)


if __name__ == "__main__":
    main(int(sys.argv[1]))
