"""Whether an OpenAI-compatible server answers."""

import httpx

CHECK_S = 2.0
ILL = {500, 502, 503, 504}


def answers(base_url: str, api_key: str) -> bool:
    """Ask a server for its models; return whether it answers, if only that it has no such list. Blocking.

    Args:
        base_url: URL up to and including `/v1`.
        api_key: sent as a Bearer token.
    """
    headers = {"Authorization": f"Bearer {api_key or 'none'}"}
    try:
        with httpx.Client(timeout=CHECK_S, follow_redirects=False) as client:
            return client.get(f"{base_url.rstrip('/')}/models", headers=headers).status_code not in ILL
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
