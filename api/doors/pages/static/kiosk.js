/** The kiosk: attract, consent, conversation, goodbye; and a reset after which nothing of a visitor is left.
 *
 * `?lang=` is the language it begins in, `?idle=` the seconds without a word or a touch until it asks who is there. The
 * kiosk's own key comes in the fragment, and is all that stays in the browser.
 */

import "./glow-call.js";
import { node } from "./nodes.js";
import { Service, taken } from "./service.js";
import { LANGUAGES, languageOf, texts } from "./texts.js";

const KEY = "glow.kiosk.key";
const BACKOFF = "glow.kiosk.reloads"; // times of the watchdog's reloads: no visitor's
const WARNING_S = 20;
const GOODBYE_S = 12;
const AGAIN_S = 5;
const HEARTBEAT_S = 5;
const RELOAD_AFTER_MIN = [1, 2, 5];
const QUIET_HOUR = 4;
const WORST_ERRORS = 3; // a minute

const screen = document.getElementById("screen");
const query = new URLSearchParams(location.search);
const idleS = Number(query.get("idle")) || 45;
const startedAt = Date.now();
let say, service, offers, lastSign, lastSound, warning;
let errors = [];

// ------------------------------------------------------------------ screens

function show(name, ...children) {
  screen.dataset.screen = name;
  screen.replaceChildren(...children);
  screen.querySelector("[autofocus], h1")?.focus();
}

const heading = (text) => node("h1", { text, tabindex: "-1" });

function attract() {
  const people = peopleOf(say.language);
  if (!people.length) return trouble(say("kiosk.nobody"));
  const languages = Object.entries(LANGUAGES).map(([tag, name]) =>
    node("button", { type: "button", text: name, lang: tag, "aria-pressed": String(tag === say.language), onclick: () => speak(tag) }));
  const [first] = people;
  const choices = people.length === 1
    ? [node("button", { class: "main big", type: "button", text: say("start"), onclick: () => consent(first) })]
    : people.map((one) => node("button", { class: "card", type: "button", onclick: () => consent(one) },
      node("span", {}, node("strong", { text: one.persona.name }), node("span", { class: "soft", text: one.persona.description }))));
  show("attract",
    node("div", { class: "face", "aria-hidden": "true", text: [...first.persona.name][0] }),
    heading(people.length === 1 ? say("kiosk.attract", { name: first.persona.name }) : say("kiosk.choose")),
    ...(people.length === 1 ? [node("p", { class: "soft", text: first.persona.description })] : []),
    node("div", { class: "row" }, ...choices),
    node("div", { class: "row", role: "group", "aria-label": say("kiosk.language") }, ...languages));
}

function consent(one) {
  const { days, recording, announcement } = offers.kept;
  show("consent",
    heading(say("kiosk.consent")),
    node("p", { text: days ? say("kiosk.kept", { days }) : say("kiosk.kept.always") }),
    node("p", { text: say(recording ? "kiosk.sound" : "kiosk.nosound") }),
    ...(recording && announcement ? [node("p", { class: "soft", text: announcement })] : []),
    node("p", { text: say("before") }),
    node("div", { class: "row" },
      node("button", { class: "main", type: "button", text: say("kiosk.agree"), onclick: () => converse(one) }),
      node("button", { type: "button", text: say("kiosk.decline"), onclick: reset })));
}

function converse({ practice, chat, persona }) {
  const call = node("glow-call", { greet: "", keys: "", "echo-check": "", lang: persona.language, name: persona.name });
  let found;
  call.credentials = () => (found ??= visit(practice, chat, persona).catch((error) => {
    found = undefined; // the next attempt asks again
    throw error;
  }));
  call.addEventListener("state", ({ detail: { state } }) => {
    lastSound = Date.now();
    if (state === "ended") goodbye(persona);
  });
  for (const type of ["partial", "message", "caption"]) call.addEventListener(type, sign);
  call.addEventListener("level", () => { lastSound = Date.now(); });
  call.addEventListener("error", failed);
  show("conversation", node("h1", { class: "unseen", text: persona.name, tabindex: "-1" }), call,
    node("button", { type: "button", text: say("kiosk.leave"), onclick: () => leave(call, persona) }));
  // Inside the handler of the tap: sound starts nowhere else.
  customElements.whenDefined("glow-call").then(() => call.start());
}

async function visit(practice, chat, persona) {
  const { token } = await service.post("kiosk/session", { practice_id: practice.practice_id, persona_id: persona.persona_id });
  const attempt = await new Service(token).post("attempt/start", { practice_id: practice.practice_id });
  return { token, chat: attempt.chat_ids[chat.position] };
}

async function leave(call, persona) {
  await call.call?.end();
  goodbye(persona);
}

function goodbye(persona) {
  if (screen.dataset.screen !== "conversation") return;
  const { days } = offers.kept;
  show("goodbye",
    heading(say("kiosk.goodbye", { name: persona.name })),
    node("p", { text: days ? say("kiosk.kept", { days }) : say("kiosk.kept.always") }),
    node("p", { text: say("kiosk.stored") }),
    node("button", { class: "main", type: "button", text: say("again"), onclick: reset }));
  setTimeout(reset, GOODBYE_S * 1000);
}

function trouble(sentence, again = reset) {
  show("trouble", node("h1", { class: "unseen", text: "Glow Voice", tabindex: "-1" }), node("p", { role: "alert", text: sentence }),
    node("button", { class: "main", type: "button", text: say?.("retry") ?? "Try again", onclick: again }));
}

// -------------------------------------------------------------------- reset

/** Leave nothing: hang up, empty the screen, forget all but the kiosk's key, and load a clean page in place of this one. */
function reset() {
  const call = screen.querySelector("glow-call");
  if (call) call.reset();
  screen.replaceChildren();
  sessionStorage.clear();
  for (const name of Object.keys(localStorage)) if (![KEY, BACKOFF].includes(name)) localStorage.removeItem(name);
  location.replace(location.pathname + location.search);
}

function sign() {
  lastSign = Date.now();
}

/** Ask who is there; "I need more time" and every sign answer it. */
function warn() {
  let left = WARNING_S;
  const words = node("p", { text: say("kiosk.warn", { seconds: left }) });
  const more = node("button", { class: "main", type: "button", autofocus: "", text: say("kiosk.more"), onclick: stay });
  warning = node("dialog", { role: "alertdialog", "aria-label": say("kiosk.more") }, words,
    node("div", { class: "row" }, more, node("button", { type: "button", text: say("kiosk.leave"), onclick: reset })));
  document.body.append(warning);
  warning.showModal();
  warning.oncancel = stay;
  warning.ticking = setInterval(() => {
    left -= 1;
    words.textContent = say("kiosk.warn", { seconds: left });
    if (left <= 0) reset();
  }, 1000);
}

function stay() {
  sign();
  clearInterval(warning?.ticking);
  warning?.remove();
  warning = undefined;
}

// ----------------------------------------------------------------- watchdog

/** Once a second: whether anybody is there, and whether the page still lives. */
function watch() {
  const now = Date.now();
  const name = screen.dataset.screen;
  const call = screen.querySelector("glow-call")?.call;
  if (warning && lastSign > now - 1500) stay();
  if (["consent", "conversation"].includes(name) && !warning && now - lastSign > idleS * 1000) warn();
  if (name === "conversation" && call?.state === "listening" && !call.muted && now - lastSound > HEARTBEAT_S * 1000) reload();
  if (name === "attract" && new Date().getHours() === QUIET_HOUR && now - startedAt > 2 * 3600 * 1000) reset();
}

function failed() {
  errors = [...errors.filter((at) => at > Date.now() - 60_000), Date.now()];
  if (errors.length > WORST_ERRORS) reload();
}

/** Load the page again, less often the more often it was needed. */
function reload() {
  const before = JSON.parse(localStorage.getItem(BACKOFF) ?? "[]").filter((at) => at > Date.now() - 3600_000);
  const wait = (RELOAD_AFTER_MIN[Math.min(before.length, RELOAD_AFTER_MIN.length) - 1] ?? 0) * 60_000;
  const left = before.length ? before.at(-1) + wait - Date.now() : 0;
  if (left > 0) {
    screen.querySelector("glow-call")?.reset();
    trouble(say("kiosk.broken"));
    return void setTimeout(reset, left);
  }
  localStorage.setItem(BACKOFF, JSON.stringify([...before.slice(-5), Date.now()]));
  reset();
}

function keepAwake() {
  navigator.wakeLock?.request("screen").catch(() => {});
}

// -------------------------------------------------------------------- start

/** List whom one can talk to, first of all those who speak this language. */
function peopleOf(language) {
  const all = offers.practices.flatMap((practice) => practice.chats.flatMap((chat) =>
    chat.personas.map((persona) => ({ practice, chat, persona }))));
  const seen = new Set();
  const each = all.filter(({ persona }) => !seen.has(persona.persona_id) && seen.add(persona.persona_id));
  const own = each.filter(({ persona }) => languageOf(persona.language) === language);
  return own.length ? own : each;
}

async function speak(tag) {
  sign();
  say = await texts(tag);
  document.documentElement.lang = say.language;
  document.title = "Glow Voice";
  attract();
}

async function main() {
  sign();
  lastSound = Date.now();
  const key = taken().get("key");
  if (key) localStorage.setItem(KEY, key);
  try {
    say = await texts(query.get("lang") ?? navigator.language);
    document.documentElement.lang = say.language;
    if (!localStorage.getItem(KEY)) return trouble(say("kiosk.key"));
    service = new Service(localStorage.getItem(KEY));
    offers = await service.get("page/offers");
    await speak(say.language);
  } catch (error) {
    trouble(error.status === 401 ? say("kiosk.key") : say?.("kiosk.offline") ?? "The service cannot be reached.", reset);
    setTimeout(reset, AGAIN_S * 1000);
    return;
  }
  for (const type of ["pointerdown", "keydown"]) addEventListener(type, sign, { capture: true });
  addEventListener("contextmenu", (event) => event.preventDefault());
  addEventListener("pagehide", () => screen.querySelector("glow-call")?.call?.end());
  keepAwake();
  // The system lets go of the lock whenever the page is hidden.
  document.addEventListener("visibilitychange", () => document.hidden || keepAwake());
  setInterval(watch, 1000);
}

main();
