/** The talk page: a token, a practice and a persona; the call; its result. */

import "./glow-call.js";
import { Refused, Service, redeem, save, taken } from "./service.js";
import { LANGUAGES, languageOf, texts } from "./texts.js";

const TOKEN = "glow.token"; // in this tab alone, until it is closed
const FORMATS = { md: "download.transcript", vtt: "download.captions", wav: "download.audio" };

const $ = (id) => document.getElementById(id);
const call = $("call");
let service, offers, say, begun;

async function main() {
  $("language").append(...Object.entries(LANGUAGES).map(([tag, name]) => new Option(name, tag)));
  $("language").value = languageOf(navigator.language);
  $("language").onchange = paint;
  $("practice").onchange = choosePractice;
  $("ask").onsubmit = (event) => {
    event.preventDefault();
    open($("token").value.trim(), true);
  };
  call.credentials = credentials;
  call.addEventListener("state", ({ detail }) => changed(detail));
  await paint();
  const opens = taken();
  if (!globalThis.isSecureContext) tell(say("talk.insecure"));
  try {
    if (opens.has("code")) return await open(await redeem(opens.get("code")), true);
    if (opens.has("invite")) return await open(opens.get("invite"), false);
    const kept = sessionStorage.getItem(TOKEN);
    if (kept) return await open(kept, true);
    $("ask").hidden = false;
  } catch (error) {
    tell(error.message);
    $("ask").hidden = false;
  }
}

async function paint() {
  say = await texts($("language").value);
  document.documentElement.lang = call.lang = say.language;
  for (const [id, key] of [["practice-label", "talk.practice"], ["persona-label", "talk.persona"], ["result-label", "talk.result"]])
    $(id).textContent = say(key);
  if (offers) choosePractice();
}

/** Open the page with a token; one that may be kept is, for this tab. */
async function open(token, keep) {
  service = new Service(token);
  try {
    offers = await service.get("page/offers");
  } catch (error) {
    sessionStorage.removeItem(TOKEN);
    $("ask").hidden = false;
    return tell(error.message);
  }
  if (keep) sessionStorage.setItem(TOKEN, token);
  $("ask").hidden = true;
  if (globalThis.isSecureContext) $("sentence").hidden = true;
  if (!offers.practices.length) return tell(say("talk.nothing"));
  const chosen = new URLSearchParams(location.search).get("practice");
  $("practice").replaceChildren(...offers.practices.map((one) => new Option(one.name, one.practice_id)));
  const wanted = offers.practices.find((one) => one.practice_id === chosen || one.name === chosen);
  if (wanted) $("practice").value = wanted.practice_id;
  $("choose").hidden = call.hidden = false;
  choosePractice();
}

const practice = () => offers.practices.find((one) => one.practice_id === $("practice").value);

function choosePractice() {
  const cards = practice().chats.flatMap((chat) => chat.personas.map((persona) => card(chat, persona)));
  const legend = $("personas").firstElementChild;
  $("personas").replaceChildren(legend, ...cards);
  const wanted = new URLSearchParams(location.search).get("persona");
  const radios = [...$("personas").querySelectorAll("input")];
  (radios.find((one) => one.value === wanted) ?? radios[0])?.click();
}

function card(chat, persona) {
  const label = document.createElement("label");
  label.className = "card";
  const radio = document.createElement("input");
  radio.type = "radio";
  radio.name = "persona";
  radio.value = persona.persona_id;
  radio.onchange = () => choosePersona(chat, persona);
  const words = document.createElement("span");
  const name = document.createElement("strong");
  name.textContent = persona.name;
  const about = document.createElement("span");
  about.className = "soft";
  about.textContent = persona.description || chat.name;
  words.append(name, about);
  label.append(radio, words);
  return label;
}

function choosePersona(chat, persona) {
  begun = { chat, persona };
  call.setAttribute("name", persona.name);
  const about = $("about");
  about.replaceChildren();
  const add = (kind, text) => {
    if (!text) return;
    const node = document.createElement(kind);
    node.textContent = text;
    about.append(node);
  };
  add("h2", chat.name);
  add("p", chat.problem_statement || chat.description);
  if (chat.objectives.length) {
    const list = document.createElement("ul");
    list.append(...chat.objectives.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
    about.append(list);
  }
  add("p", say(offers.kept.days ? "kiosk.kept" : "kiosk.kept.always", { days: offers.kept.days }));
  add("p", say(offers.kept.recording ? "kiosk.sound" : "kiosk.nosound"));
  add("p", say("before"));
}

/** Begin an attempt, once for each call; a later question is about the same chat. */
async function credentials() {
  if (!begun.id) {
    const attempt = await service.post("attempt/start", { practice_id: practice().practice_id });
    begun.id = attempt.chat_ids[begun.chat.position];
    begun.attempt = attempt.attempt_id;
  }
  return { token: service.token, chat: begun.id };
}

function changed({ state }) {
  const done = state === "idle" || call.call.over;
  $("choose").hidden = !done;
  if (done && begun.id) over();
}

async function over() {
  const { id, attempt, chat, persona } = begun;
  begun = { chat, persona }; // the next call is on a new attempt
  $("downloads").replaceChildren();
  $("result").replaceChildren();
  $("result-label").hidden = !id || offers.scope === "invite";
  if (!id || offers.scope === "invite") return;
  $("grading").textContent = say("talk.grading");
  try {
    await service.post("attempt/chat_complete", { chat_id: id });
    const grade = await service.post("attempt/chat_grade", { chat_id: id });
    const { feedbacks } = await service.post("attempt/chat_feedback", { chat_id: id });
    const { hints } = await service.post("attempt/chat_hints", { chat_id: id });
    const { rubric } = await service.post("attempt/get", { attempt_id: attempt });
    $("result").replaceChildren(...resultOf(grade, feedbacks, hints, rubric));
  } catch (error) {
    tell(error instanceof Refused ? error.message : String(error));
  }
  $("grading").textContent = "";
  $("downloads").replaceChildren(...Object.entries(FORMATS).filter(([format]) => format !== "wav" || offers.kept.recording)
    .map(([format, key]) => {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: say(key) });
      button.onclick = async () => {
        try {
          save(await service.post("attempt/chat_export", { chat_id: id, format }));
        } catch (error) {
          tell(error.message);
        }
      };
      return button;
    }));
}

function resultOf(grade, feedbacks, hints, rubric) {
  const names = new Map(rubric.standards.map((standard) => [standard.standard_id, standard.name]));
  const text = (kind, words) => Object.assign(document.createElement(kind), { textContent: words });
  const score = text("p", `${grade.score} / ${grade.total_points}: ${say(grade.passed ? "talk.passed" : "talk.failed")}`);
  score.className = "score";
  const list = document.createElement("ul");
  for (const { standard_id, feedback } of feedbacks) {
    const item = document.createElement("li");
    if (names.has(standard_id)) item.append(text("strong", `${names.get(standard_id)}: `));
    item.append(feedback);
    list.append(item);
  }
  const shown = [score, text("p", grade.description), list];
  if (hints.length) {
    const each = document.createElement("ul");
    each.append(...hints.map((one) => text("li", one.hint ?? one.text ?? "")));
    shown.push(text("h3", say("talk.hints")), each);
  }
  return shown;
}

function tell(sentence) {
  $("sentence").textContent = sentence;
  $("sentence").hidden = !sentence;
}

main();
