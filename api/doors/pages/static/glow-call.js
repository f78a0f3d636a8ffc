/** <glow-call>: a spoken conversation as an element of any page.
 *
 * Attributes: `url` of the service (this script's origin by default); `token-url`, an address of the embedding site that
 * answers a POST with `{"token": ..., "chat": ...}`, or the property `credentials`, a function that returns them; `mode`
 * ("auto", or "push" to talk); `lang`; `greet`; `name` of the persona; `keys`: Space, Esc and M work wherever
 * the focus is; `echo-check`: a chime before the call, whose echo is measured. Slots: `before`, shown until the call starts, and `after`, shown when it is over. Parts: call, bar,
 * state, log, partial, level, controls, button, main, form, text, settings, trouble. Events: those of the call.
 */

import { Call, devices } from "./glow-voice.js";
import { texts } from "./texts.js";
import { build, lineOf, paint, paintDevices, paintLevel, scrollDown } from "./glow-call-view.js";

const THINKING_AFTER_MS = 300;
const RELAYED = ["state", "partial", "message", "reply", "caption", "level", "latency", "error", "connection", "echo", "service"];
const SENTENCE_END = /[.!?…]["”')]?$/;

export class GlowCall extends HTMLElement {
  static observedAttributes = ["lang", "mode", "name"];

  /** Returns `{token, chat}`, or a promise of it; asked once for each call, and again when the token has expired. */
  credentials = () => this.#fetched();

  #call = null;
  #chat = "";
  #say = (key) => key;
  #view = null;
  #lines = new Map();
  #spoken = new Map(); // message_id: how much of its caption was put into the live region
  #thinking = 0;
  #abort = null;

  async connectedCallback() {
    const { signal } = (this.#abort = new AbortController());
    addEventListener("keydown", (event) => this.#key(event, true), { signal });
    addEventListener("keyup", (event) => this.#key(event, false), { signal });
    if (!this.shadowRoot) this.#view = build(this.attachShadow({ mode: "open", delegatesFocus: true }));
    this.#bind();
    await this.#paint();
  }

  disconnectedCallback() {
    this.#abort.abort();
    this.#call?.end();
    this.#call = null;
  }

  attributeChangedCallback(name, before, now) {
    if (this.#view && before !== now) this.#paint();
  }

  /** The running call, a `Call` of glow-voice.js; null where there is none. */
  get call() { return this.#call; }

  get chat() { return this.#chat; }

  get #state() { return this.#call?.state ?? "idle"; }

  get #over() { return this.#state === "idle" || this.#call.over; }

  get #push() { return this.getAttribute("mode") === "push"; }

  /** Begin a call; with `{typed: true}` without a microphone. Call it in the handler of a tap or a key. */
  async start({ typed = false } = {}) {
    if (!this.#over) return;
    const view = this.#view;
    let found;
    const call = new Call({
      url: this.getAttribute("url") ?? new URL(import.meta.url).origin,
      token: async () => (found = await this.credentials()).token,
      chat: () => (this.#chat = found.chat),
      input: typed ? false : { deviceId: view.input.value, label: view.input.selectedOptions[0]?.label },
      output: { deviceId: view.output.value },
      turns: this.#push ? "manual" : "auto",
      greet: this.hasAttribute("greet"),
      lang: this.lang || undefined,
      wakeLock: true,
      echoCheck: this.hasAttribute("echo-check"),
    });
    this.#call = call;
    this.#clear();
    this.#listen(call);
    this.#show();
    try {
      await call.open();
      if (this.#push && !typed) call.mute(true);
      await this.#listDevices();
    } catch (error) {
      this.#trouble(error.key, error.message);
    }
    this.#show();
  }

  /** Empty the element of all that was said. */
  reset() {
    this.#call?.end();
    this.#call = null;
    this.#chat = "";
    this.#clear();
    this.#view.text.value = "";
    this.#show();
  }

  #clear() {
    const view = this.#view;
    this.#lines.clear();
    this.#spoken.clear();
    for (const node of [view.log, view.said, view.turns, view.partial, view.notice]) node.replaceChildren();
    view.trouble.hidden = true;
  }

  async #fetched() {
    const answer = await fetch(this.getAttribute("token-url"), { method: "POST", credentials: "same-origin" });
    if (!answer.ok) throw new Error(`The token endpoint answered ${answer.status}.`);
    return answer.json();
  }

  #bind() {
    const view = this.#view;
    view.start.onclick = () => this.start();
    view.typing.onclick = () => this.start({ typed: true });
    view.stop.onclick = () => this.#call?.stop();
    view.mute.onclick = () => this.#call?.mute(!this.#call.muted);
    view.end.onclick = () => this.#call?.end();
    view.retry.onclick = () => this.#retry();
    view.input.onchange = () => this.#call?.pickInput(view.input.value);
    view.output.onchange = () => this.#call?.pickOutput(view.output.value);
    view.push.onchange = () => this.setAttribute("mode", view.push.checked ? "push" : "auto");
    view.talk.onpointerdown = (event) => {
      view.talk.setPointerCapture(event.pointerId);
      this.#talk(true);
    };
    view.talk.onpointerup = view.talk.onpointercancel = () => this.#talk(false);
    // By keyboard and by screen readers it is a switch, for people who cannot hold.
    view.talk.onclick = (event) => event.detail === 0 && this.#talk(view.talk.getAttribute("aria-pressed") !== "true");
    view.form.onsubmit = (event) => {
      event.preventDefault();
      if (this.#call?.say(view.text.value)) view.text.value = "";
    };
  }

  async #paint() {
    this.#say = await texts(this.lang || document.documentElement.lang);
    paint(this.#view, this.#say, { name: this.getAttribute("name") ?? "", push: this.#push });
    await this.#listDevices();
    this.#show();
  }

  #listen(call) {
    const on = (type, handle) => call.addEventListener(type, ({ detail }) => call === this.#call && handle(detail));
    for (const type of RELAYED) on(type, (detail) => this.dispatchEvent(new CustomEvent(type, { detail })));
    on("state", (detail) => this.#changed(detail));
    on("partial", ({ text }) => { this.#view.partial.textContent = text; });
    on("message", (detail) => this.#message(detail));
    on("reply", (detail) => this.#reply(detail));
    on("caption", (detail) => this.#caption(detail));
    on("level", (detail) => this.#level(detail));
    on("latency", (detail) => this.#latency(detail));
    on("error", ({ key, message }) => { this.#view.notice.textContent = this.#say(`trouble.${key}`) ?? message; });
    on("connection", ({ quality }) => {
      this.#view.line.hidden = quality === "good";
      this.#view.line.textContent = `⚠ ${this.#say("weak")}`;
    });
    on("devices", () => this.#listDevices());
  }

  #changed({ state, key, sentence }) {
    clearTimeout(this.#thinking);
    if (state === "thinking") this.#thinking = setTimeout(() => this.#show(), THINKING_AFTER_MS);
    else this.#show();
    const view = this.#view;
    view.trouble.hidden = state !== "trouble";
    if (state === "trouble") this.#trouble(key, sentence);
    if (state === "listening" || state === "speaking") view.notice.textContent = "";
  }

  #show() {
    const view = this.#view;
    const [state, over] = [this.#state, this.#over];
    view.state.textContent = this.#say(`state.${state}`);
    this.dataset.state = state;
    const muted = this.#call?.muted ?? false;
    const live = !over && state !== "connecting";
    view.before.hidden = state !== "idle" && !(over && !this.#lines.size);
    view.log.hidden = view.partial.hidden = state === "idle";
    view.after.hidden = state !== "ended";
    view.start.hidden = view.typing.hidden = !over;
    view.start.textContent = this.#say(state === "ended" ? "again" : "start");
    view.retry.hidden = over; // then it is "start"
    view.stop.hidden = state !== "speaking";
    view.mute.hidden = !live || this.#push;
    view.mute.textContent = this.#say(muted ? "unmute" : "mute");
    view.mute.setAttribute("aria-pressed", String(muted));
    view.talk.hidden = !live || !this.#push;
    view.talk.textContent = this.#say(muted ? "talk" : "talking");
    view.talk.setAttribute("aria-pressed", String(!muted));
    view.end.hidden = over;
    view.form.hidden = !live;
    view.level.hidden = over;
    view.push.disabled = !over;
    if (over) view.partial.textContent = "";
  }

  #trouble(key, sentence) {
    const view = this.#view;
    view.sentence.textContent = this.#say(`trouble.${key}`) ?? sentence ?? this.#say("state.trouble");
    view.trouble.hidden = false;
    view.retry.textContent = this.#say("retry");
  }

  async #retry() {
    const call = this.#call;
    this.#view.trouble.hidden = true;
    if (!call || this.#over) return this.start();
    await call.wake();
    await call.retry();
  }

  #message({ message_id, text, lang }) {
    const shown = lineOf(this.#view, this.#lines, message_id, "you", this.#say("you"), lang);
    shown.heard.textContent = text;
    this.#view.partial.textContent = "";
    this.#view.notice.textContent = "";
    scrollDown(this.#view);
  }

  #reply({ message_id, phase, heard, interrupted, lang }) {
    if (phase === "text") return;
    const shown = lineOf(this.#view, this.#lines, message_id, "persona", this.getAttribute("name") ?? "", lang);
    if (phase === "ended" && heard !== undefined) {
      shown.heard.textContent = interrupted ? `${heard} …` : heard;
      this.#announce(message_id, heard);
    }
  }

  #caption({ message_id, text, done, lang }) {
    const shown = lineOf(this.#view, this.#lines, message_id, "persona", this.getAttribute("name") ?? "", lang);
    shown.heard.textContent = text;
    if (done || SENTENCE_END.test(text)) this.#announce(message_id, text);
    scrollDown(this.#view);
  }

  /** Put what is new of a caption into the live region: whole sentences, or a screen reader speaks over the persona. */
  #announce(message_id, text) {
    const before = this.#spoken.get(message_id) ?? 0;
    if (text.length <= before) return;
    this.#spoken.set(message_id, text.length);
    const sentence = document.createElement("p");
    sentence.textContent = text.slice(before).trim();
    this.#view.said.append(sentence);
    while (this.#view.said.children.length > 20) this.#view.said.firstChild.remove();
  }

  #level(detail) {
    paintLevel(this.#view, detail);
    if (detail.clipping) this.#view.notice.textContent = this.#say("loud");
  }

  #latency({ turn, voice_to_voice_ms, endpoint_ms, stt_ms, llm_ms, tts_ms, output_ms }) {
    const say = this.#say;
    const row = document.createElement("li");
    row.value = turn;
    const parts = { endpoint: endpoint_ms, stt: stt_ms, llm: llm_ms, tts: tts_ms, output: output_ms };
    const each = Object.entries(parts).filter(([, ms]) => ms !== undefined && ms !== null);
    row.textContent = `${say("ms.total")} ${Math.round(voice_to_voice_ms)} ms (${each.map(([name, ms]) =>
      `${say(`ms.${name}`)} ${Math.round(ms)}`).join(", ")})`;
    this.#view.turns.append(row);
    while (this.#view.turns.children.length > 100) this.#view.turns.firstChild.remove();
  }

  async #listDevices() {
    const { input, output } = await devices();
    paintDevices(this.#view.input, input, this.#say);
    paintDevices(this.#view.output, "setSinkId" in (globalThis.AudioContext?.prototype ?? {}) ? output : [], this.#say);
  }

  #talk(pressed) {
    if (this.#over || !this.#push) return;
    this.#call.talk(pressed);
    this.#show();
  }

  #key(event, down) {
    const [target] = event.composedPath();
    const inside = event.composedPath().includes(this);
    if (this.#over || !(inside || this.hasAttribute("keys")) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^(input|textarea|select)$/i.test(target.tagName) && target.type !== "checkbox") return;
    if (event.key === " " && this.#push && !/^(button|summary)$/i.test(target.tagName)) {
      event.preventDefault();
      if (!event.repeat) this.#talk(down);
    } else if (down && event.key === "Escape") this.#call.stop();
    else if (down && !event.repeat && event.key.toLowerCase() === "m" && !this.#push) this.#call.mute(!this.#call.muted);
  }
}

customElements.define("glow-call", GlowCall);
