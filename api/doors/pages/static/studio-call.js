/** One call in the studio: what was said, to listen to from any word; its timeline; the latency of its turns. */

import { node } from "./nodes.js";

const PART_MS = 120_000; // of the recording, fetched at once
const PICTURE_S = 120; // of the timeline, drawn at once

export async function callView({ service, say, tell, minutes, median, echo }, ident, signal) {
  const path = `studio/calls/${encodeURIComponent(ident)}`;
  const { call, lines, latencies, timeline, recording_ms } = await service.get(path);
  const facts = {
    who: call.user, practice: `${call.practice}: ${call.chat}`, persona: call.persona, began: new Date(call.began_at).toLocaleString(say.language),
    long: minutes(call.duration_ms), turns: call.turns, latency: median(call.latencies_ms), echo: echo(call.echo), end: call.reason || say("studio.going"),
  };
  const player = recording_ms === null ? null : new Player(service, path, recording_ms, { say, tell, minutes, signal });
  const said = lines.map((line) => node("li", {},
    node("b", { text: `${line.who === "persona" ? call.persona : say("studio.learner")}${line.interrupted ? ` (${say("studio.cut")})` : ""}` }),
    ...(line.words.length && player ? player.words(line.words) : [line.text])));
  return [
    node("p", {}, node("a", { href: "#/calls", text: say("studio.back") })),
    node("h2", { text: `${call.user}, ${call.persona}`, tabindex: "-1" }),
    node("dl", {}, ...Object.entries(facts).filter(([, value]) => value !== "").map(([name, value]) =>
      node("div", {}, node("dt", { text: say(`studio.${name}`) }), node("dd", { text: value })))),
    node("h3", { text: say("studio.said") }),
    node("p", { class: "soft", text: say(player ? "studio.click" : "studio.unrecorded") }),
    ...(player ? [player.element] : []),
    node("ol", { class: "said" }, ...said),
    node("h3", { text: say("studio.timeline") }),
    ...pictures(service, path, call.duration_ms / 1000, { say, tell, signal }),
    node("details", {}, node("summary", { text: say("studio.lines") }), node("pre", { tabindex: "0", text: timeline.join("\n") })),
    ...(latencies.length ? [node("h3", { text: say("studio.latency") }), waterfalls(say, latencies)] : []),
  ];
}

function waterfalls(say, latencies) {
  const stages = { voice_to_voice_ms: "total", endpoint_ms: "endpoint", stt_ms: "stt", llm_ms: "llm", tts_ms: "tts" };
  const head = node("tr", {}, node("th", { scope: "col", text: say("studio.turn") }),
    ...Object.values(stages).map((name) => node("th", { scope: "col", text: say(`ms.${name}`) })));
  const rows = latencies.map((one) => node("tr", {}, node("th", { scope: "row", text: one.turn }),
    ...Object.keys(stages).map((name) => node("td", { class: "number", text: `${one[name]} ms` }))));
  return node("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": say("studio.latency") },
    node("table", {}, node("thead", {}, head), node("tbody", {}, ...rows)));
}

/** The drawing of two minutes, and the way to the next two. */
function pictures(service, path, wholeS, { say, tell, signal }) {
  const image = node("img", { alt: "" });
  const frame = node("div", { class: "picture", tabindex: "0", role: "region", "aria-label": say("studio.timeline") }, image);
  let fromS = 0;
  const turn = async (to) => {
    try {
      const drawn = await service.text(`${path}/timeline.svg?from_s=${to}`);
      if (signal.aborted) return;
      fromS = to;
      image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(drawn)}`;
      image.alt = say("studio.drawn", { from: Math.round(fromS), to: Math.round(Math.min(wholeS, fromS + PICTURE_S)) });
      earlier.disabled = fromS <= 0;
      later.disabled = fromS + PICTURE_S >= wholeS;
    } catch (error) {
      if (!signal.aborted) tell(error.message);
    }
  };
  const earlier = node("button", { type: "button", text: say("studio.earlier"), onclick: () => turn(Math.max(0, fromS - PICTURE_S)) });
  const later = node("button", { type: "button", text: say("studio.later"), onclick: () => turn(fromS + PICTURE_S) });
  turn(0);
  return [frame, ...(wholeS > PICTURE_S ? [node("div", { class: "bar" }, earlier, later)] : [])];
}

/** Plays a recording part by part, as a token goes into a header and `<audio>` sends none. */
class Player {
  #service;
  #path;
  #lengthMs;
  #with;
  #fromMs = -1;
  #url = "";
  #audio = node("audio", { controls: "" });
  #label = node("p", { class: "soft" });
  #words = [];

  constructor(service, path, lengthMs, tools) {
    [this.#service, this.#path, this.#lengthMs, this.#with] = [service, path, lengthMs, tools];
    this.element = node("div", {}, this.#label, this.#audio);
    this.#audio.ontimeupdate = () => this.#mark();
    this.#audio.onended = () => this.#fromMs + PART_MS < lengthMs && this.play(this.#fromMs + PART_MS);
    tools.signal.addEventListener("abort", () => {
      this.#audio.pause();
      URL.revokeObjectURL(this.#url);
    });
    this.#load(0);
  }

  /** Make the words of a line, each of which is listened to from there; the arrow keys go from word to word. */
  words(words) {
    const made = words.map(({ text, start_ms }, index) => {
      const word = node("button", { type: "button", class: "word", text, tabindex: index ? "-1" : "0", onclick: () => this.play(start_ms) });
      this.#words.push({ word, start_ms });
      return word;
    });
    made.forEach((word, index) => {
      word.onkeydown = (event) => {
        const to = { ArrowRight: made[index + 1], ArrowLeft: made[index - 1], Home: made[0], End: made.at(-1) }[event.key];
        if (!to) return;
        event.preventDefault();
        to.focus();
      };
    });
    return made.flatMap((word) => [word, " "]);
  }

  async play(ms) {
    try {
      await this.#load(Math.floor(ms / PART_MS) * PART_MS);
      this.#audio.currentTime = (ms - this.#fromMs) / 1000;
      await this.#audio.play();
    } catch (error) {
      if (error.name !== "AbortError" && !this.#with.signal.aborted) this.#with.tell(error.message);
    }
  }

  async #load(fromMs) {
    if (fromMs === this.#fromMs) return;
    const { minutes, say, signal } = this.#with;
    const sound = await this.#service.blob(`${this.#path}/recording?from_ms=${fromMs}&length_ms=${PART_MS}`);
    if (signal.aborted) return;
    URL.revokeObjectURL(this.#url);
    this.#fromMs = fromMs;
    this.#url = URL.createObjectURL(sound);
    this.#audio.src = this.#url;
    this.#label.textContent = say("studio.sound", { from: minutes(fromMs), to: minutes(Math.min(this.#lengthMs, fromMs + PART_MS)) });
    this.#audio.setAttribute("aria-label", this.#label.textContent);
    await new Promise((loaded) => {
      this.#audio.onloadedmetadata = this.#audio.onerror = loaded;
    });
  }

  #mark() {
    const now = this.#fromMs + this.#audio.currentTime * 1000;
    const [latest] = this.#words.filter(({ start_ms }) => start_ms <= now + 20).sort((one, other) => other.start_ms - one.start_ms);
    for (const { word } of this.#words) if (word !== latest?.word) word.removeAttribute("aria-current");
    latest?.word.setAttribute("aria-current", "true");
  }
}
