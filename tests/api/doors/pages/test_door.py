"""The pages of a browser over HTTP: their headers, the link that opens one once, what is offered, a kiosk's visits."""

import asyncio
import json
import re
from typing import Any

import pytest

from api.doors.pages import STATIC, OneUseCodes
from api.doors.pages.door import PAGES
from api.doors.pages.links import MOST
from tests.service import WAIT_S, RunningService, http


def token(service: RunningService, user: str, **made: Any) -> str:
    async def created() -> str:
        return (await service.inside.store.create_token(user, **made))[0]

    return asyncio.run_coroutine_threadsafe(created(), service.loop).result(WAIT_S)


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


@pytest.mark.parametrize("path", PAGES)
def test_a_page_runs_its_own_scripts_only_and_is_kept_by_nobody(service: RunningService, path: str) -> None:
    page = http.get(service.url + path)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    host = service.url.removeprefix("http://")
    assert f"connect-src 'self' ws://{host}" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert not re.search(r"<script>|<style|\son\w+=|\sstyle=", page.text), "the policy would not run it"
    for linked in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert linked.startswith("static/")
        assert (STATIC / linked.removeprefix("static/")).is_file(), linked


def test_all_languages_have_all_texts() -> None:
    tables = {path.stem: json.loads(path.read_text("utf-8")) for path in (STATIC / "texts").glob("*.json")}
    languages = re.search(r"LANGUAGES = \{(.+)\}", (STATIC / "texts.js").read_text("utf-8"))
    assert languages is not None
    assert set(re.findall(r"(\w+):", languages[1])) == set(tables)
    sentences = re.search(
        r"SENTENCES = Object.freeze\(\{(.+?)\}\)", (STATIC / "glow-voice.js").read_text("utf-8"), re.DOTALL
    )
    assert sentences is not None
    troubles = {f"trouble.{key}" for key in re.findall(r"^  (\w+):", sentences[1], re.MULTILINE)}
    english = set(tables["en"])  # its troubles are the client's own sentences
    for language, table in tables.items():
        assert set(table) == english | (troubles if language != "en" else set()), language
        for key in english:
            assert re.findall(r"\{\w+\}", table[key]) == re.findall(r"\{\w+\}", tables["en"][key]), (language, key)


def test_a_link_opens_the_page_once(service: RunningService) -> None:
    codes: OneUseCodes = service.app.state.page_codes
    opened = []
    service.app.state.page_opened = lambda: opened.append(True)
    own = {"Origin": service.url}
    made = http.post(f"{service.url}/page/session", content=codes.issue(), headers=own)
    assert http.get(f"{service.url}/page/offers", headers=bearer(made.json()["token"])).json()["user"] == "local"
    code = codes.issue("the-token-of-this-run")
    for headers in (
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://evil.example", "Host": "evil.example"},
        {"Origin": service.url.replace("http:", "https:")},
    ):
        refused = http.post(f"{service.url}/page/session", content=code, headers=headers)
        assert refused.status_code == 401, headers
    assert http.post(f"{service.url}/page/session", content=code * 99, headers=own).status_code == 413
    answer = http.post(f"{service.url}/page/session", content=code, headers=own)
    assert answer.json() == {"token": "the-token-of-this-run"}
    assert len(opened) == 2
    for spent in (code, "", "é"):
        again = http.post(f"{service.url}/page/session", content=spent, headers=own)
        assert (again.status_code, "was used already" in again.json()["detail"]) == (401, True)


def test_unused_links_are_bounded() -> None:
    codes = OneUseCodes()
    first, *_, last = [codes.issue() for _ in range(MOST + 1)]
    assert codes.redeem(first) == (False, None)
    assert codes.redeem(last) == (True, None)


def test_offers_are_what_the_token_may_start(service: RunningService) -> None:
    def offered(secret: str) -> dict[str, list[str]]:
        reply = http.get(f"{service.url}/page/offers", headers=bearer(secret)).json()
        return {
            practice["name"]: [persona["name"] for chat in practice["chats"] for persona in chat["personas"]]
            for practice in reply["practices"]
        }

    everything = offered(token(service, "ada"))
    assert everything["All three desks"] == ["Dana Whitfield", "Marcus Bell", "Ruth Penhallow"]
    only = service.practice("The worried parent")
    assert offered(token(service, "hall", scope="kiosk", practice_ids=[only])) == {
        "The worried parent": ["Dana Whitfield"]
    }
    reply = http.get(f"{service.url}/page/offers", headers=bearer(token(service, "ada"))).json()
    assert reply["kept"] == {"recording": False, "announcement": "", "days": None}
    assert http.get(f"{service.url}/page/offers").status_code == 401


def test_a_visit_is_one_call_of_a_kiosk(service: RunningService) -> None:
    practice = service.practice("The worried parent")
    kiosk = token(service, "hall", scope="kiosk", practice_ids=[practice])
    (offer,) = http.get(f"{service.url}/page/offers", headers=bearer(kiosk)).json()["practices"]
    persona = offer["chats"][0]["personas"][0]["persona_id"]

    def visit(secret: str, **body: str) -> Any:
        asked = {"practice_id": practice, "persona_id": persona, **body}
        return http.post(f"{service.url}/kiosk/session", json=asked, headers=bearer(secret))

    first, second = visit(kiosk).json(), visit(kiosk).json()
    assert 0 < first["expires_in_s"] <= 3600
    assert visit(first["token"]).status_code == 403, "a visitor makes no visits"
    assert visit(kiosk, practice_id=service.practice("The nervous patient")).status_code == 403
    assert visit(kiosk, persona_id="nobody").status_code == 404
    start = {"practice_id": practice}
    begun = http.post(f"{service.url}/attempt/start", json=start, headers=bearer(first["token"])).json()

    async def story() -> None:
        async with service.connection(None) as client:
            await client.send("chat_voice", chat_id=begun["chat_id"], token=second["token"])
            assert (await client.receive())["code"] == "forbidden"
        async with service.connection(None) as client:
            await client.open(begun["chat_id"], token=first["token"])
            await client.hang_up()
        async with service.connection(None) as client:
            await client.send("chat_voice", chat_id=begun["chat_id"], token=first["token"])
            assert "has had its one call" in (await client.receive())["message"]

    asyncio.run(story())
