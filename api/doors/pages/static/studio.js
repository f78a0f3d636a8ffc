/** The studio: calls going on and past, what may be talked about, and the content packs. Behind an operator's token. */

import { node } from "./nodes.js";
import { Service, redeem, taken } from "./service.js";
import { callView } from "./studio-call.js";
import { packsView, personasView, practicesView } from "./studio-content.js";
import { LANGUAGES, languageOf, texts } from "./texts.js";

const TOKEN = "glow.token"; // in this tab alone, until it is closed; the talk page's too, which "Try it" opens
const EVERY_MS = 3000;
const SECTIONS = { calls: callsView, personas: personasView, practices: practicesView, packs: packsView };

const $ = (id) => document.getElementById(id);
const studio = { service: null, say: null, tell, told, minutes, median, echo };
let shown = new AbortController();
let follows = true;

async function main() {
  $("language").append(...Object.entries(LANGUAGES).map(([tag, name]) => new Option(name, tag)));
  $("language").value = languageOf(navigator.language);
  $("language").onchange = async () => {
    await paint();
    if (studio.service) route();
  };
  $("ask").onsubmit = (event) => {
    event.preventDefault();
    open($("token").value.trim());
  };
  // A section of the page, or what opens it: only the latter is taken out of the address.
  const opens = location.hash.startsWith("#/") ? new URLSearchParams() : taken();
  await paint();
  addEventListener("hashchange", () => studio.service && route());
  try {
    const token = opens.has("code") ? await redeem(opens.get("code")) : sessionStorage.getItem(TOKEN);
    if (token) return await open(token);
  } catch (error) {
    tell(error.message);
  }
  $("ask").hidden = false;
}

async function paint() {
  const say = (studio.say = await texts($("language").value));
  document.documentElement.lang = say.language;
  document.title = `Glow Voice: ${say("studio.title")}`;
  $("title").textContent = document.title;
  $("token-label").textContent = say("studio.token");
  $("token-help").textContent = say("studio.token.help");
  $("open").textContent = say("studio.let");
  $("sections").setAttribute("aria-label", say("studio.sections"));
  $("sections").replaceChildren(...Object.keys(SECTIONS).map((name) => node("a", { href: `#/${name}`, text: say(`studio.${name}`) })));
}

/** Open the studio with a token, and keep it in this tab if it is an operator's. */
async function open(token) {
  const service = new Service(token);
  try {
    await service.get("studio/calls?limit=1");
  } catch (error) {
    $("ask").hidden = false;
    return tell(error.message);
  }
  sessionStorage.setItem(TOKEN, token);
  studio.service = service;
  $("ask").hidden = true;
  $("sections").hidden = false;
  await route();
}

async function route() {
  shown.abort();
  const { signal } = (shown = new AbortController());
  const [, section = "", ...rest] = location.hash.split("/");
  const name = section in SECTIONS ? section : "calls";
  for (const link of $("sections").children) {
    if (link.hash === `#/${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  tell("");
  const ident = decodeURIComponent(rest.join("/"));
  const view = name === "calls" && ident ? callView : SECTIONS[name];
  const place = node("div", {}, node("p", { text: studio.say("studio.loading") }));
  $("view").replaceChildren(place);
  try {
    const made = await view(studio, ident, signal);
    if (signal.aborted) return;
    place.replaceChildren(...made);
    place.querySelector("h2")?.focus();
  } catch (error) {
    if (signal.aborted) return;
    place.replaceChildren();
    tell(error.message);
  }
}

function tell(sentence) {
  $("sentence").textContent = sentence;
  $("sentence").hidden = !sentence;
}

function told(sentence) {
  $("told").textContent = sentence;
}

// -------------------------------------------------------------------- calls

async function callsView({ service, say }, _, signal) {
  const going = node("div");
  const past = node("div");
  const more = node("button", { type: "button", text: say("studio.more") });
  let before = null;

  async function refresh() {
    const found = await service.get("studio/calls");
    if (signal.aborted) return;
    going.replaceChildren(table(say, found.going_on, say("studio.going")));
    past.replaceChildren(table(say, found.past, say("studio.past")));
    before = found.before;
    more.hidden = !before;
  }

  more.onclick = async () => {
    try {
      const found = await service.get(`studio/calls?before=${encodeURIComponent(before)}`);
      past.append(table(say, found.past, say("studio.past")));
      before = found.before;
      more.hidden = !before;
    } catch (error) {
      tell(error.message);
    }
  };
  const follow = node("input", { type: "checkbox" });
  follow.checked = follows;
  follow.onchange = () => { follows = follow.checked; };
  const tried = () => refresh().then(() => tell(""), (error) => signal.aborted || tell(error.message));
  await refresh();
  const timer = setInterval(() => {
    // Not while somebody is in the tables: what is replaced loses the focus. Nor over earlier calls that were asked for.
    const busy = going.contains(document.activeElement) || past.contains(document.activeElement) || past.children.length > 1;
    if (follows && !document.hidden && !busy) tried();
  }, EVERY_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  return [
    node("h2", { text: say("studio.calls"), tabindex: "-1" }),
    node("div", { class: "bar" },
      node("button", { type: "button", text: say("studio.refresh"), onclick: tried }),
      node("label", { class: "check" }, follow, node("span", { text: say("studio.follow") }))),
    node("h3", { text: say("studio.going") }), going,
    node("h3", { text: say("studio.past") }), past, more,
  ];
}

function table(say, calls, label) {
  if (!calls.length) return node("p", { class: "soft", text: say("studio.none") });
  const columns = ["began", "who", "practice", "persona", "long", "turns", "latency", "echo", "end"];
  const head = node("tr", {}, node("th", { scope: "col" }, node("span", { class: "unseen", text: say("studio.open") })),
    ...columns.map((name) => node("th", { scope: "col", text: say(`studio.${name}`) })));
  const rows = calls.map((one) => node("tr", {},
    node("td", {}, node("a", { href: `#/calls/${encodeURIComponent(one.call_id)}`, "aria-label": `${say("studio.open")}: ${one.user}, ${when(one.began_at)}`,
      text: say("studio.open") })),
    node("td", { text: when(one.began_at) }), node("td", { class: "words", text: one.user }),
    node("td", { class: "words", text: one.practice === one.chat ? one.practice : `${one.practice}: ${one.chat}` }),
    node("td", { class: "words", text: one.persona }), node("td", { class: "number", text: minutes(one.duration_ms) }),
    node("td", { class: "number", text: one.turns }), node("td", { class: "number", text: median(one.latencies_ms) }),
    node("td", { text: echo(one.echo) }), node("td", { text: one.reason })));
  return node("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label },
    node("table", {}, node("thead", {}, head), node("tbody", {}, ...rows)));
}

function when(iso) {
  return new Date(iso).toLocaleString(studio.say.language, { dateStyle: "short", timeStyle: "medium" });
}

function minutes(ms) {
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

function median(latencies) {
  if (!latencies.length) return "";
  const sorted = [...latencies].sort((one, other) => one - other);
  return studio.say("studio.median", { ms: sorted[Math.floor((sorted.length - 1) / 2)], turns: sorted.length });
}

function echo(found) {
  if (!found) return "";
  if (found.delay_ms === null) return studio.say("studio.echo.none");
  return studio.say("studio.echo.found", { db: Math.round(found.residual_db), ms: found.delay_ms });
}

main();
