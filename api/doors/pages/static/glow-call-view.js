/** What <glow-call> looks like: its nodes, its style, and its texts. It decides nothing. */

const MARKUP = `
<section part="call">
  <header part="bar">
    <span id="face" aria-hidden="true"></span><strong id="name"></strong>
    <span id="state" part="state" role="status"></span>
    <span id="line" hidden></span>
  </header>
  <div id="trouble" part="trouble" role="alert" hidden><span id="sentence"></span><button id="retry" part="button" type="button"></button></div>
  <div id="log" part="log" role="group" tabindex="0"></div>
  <p id="partial" part="partial" aria-hidden="true"></p>
  <div id="said" role="log" aria-live="polite" class="unseen"></div>
  <p id="notice" role="status"></p>
  <div id="level" part="level" aria-hidden="true"><i></i><b></b></div>
  <div id="controls" part="controls">
    <button id="start" part="button main" type="button"></button>
    <button id="typing" part="button" type="button"></button>
    <button id="talk" part="button main" type="button"></button>
    <button id="stop" part="button" type="button"></button>
    <button id="mute" part="button" type="button" aria-pressed="false"></button>
    <button id="end" part="button end" type="button"></button>
  </div>
  <form id="form" part="form"><label for="text" id="label" class="unseen"></label>
    <input id="text" part="text" autocomplete="off" maxlength="4000"><button id="send" part="button"></button></form>
  <slot name="before" id="before"></slot>
  <details id="settings" part="settings"><summary id="summary"></summary>
    <label><span id="input-label"></span><select id="input"></select></label>
    <label><span id="output-label"></span><select id="output"></select></label>
    <label class="check"><input id="push" type="checkbox"><span id="push-label"></span></label>
    <p id="headphones"></p>
    <details id="latency"><summary id="latency-label"></summary><ol id="turns"></ol></details>
  </details>
  <slot name="after" id="after" hidden></slot>
</section>`;

const STYLE = `
:host { display: block; color-scheme: light dark; font: inherit;
  --ground: var(--glow-ground, light-dark(#fff, #16181d)); --ink: var(--glow-ink, light-dark(#16181d, #f2f3f5));
  --soft: var(--glow-soft, light-dark(#5a6070, #a9b0c0)); --edge: var(--glow-edge, light-dark(#757b8c, #8a91a3));
  --accent: var(--glow-accent, light-dark(#1f4fd8, #8fb0ff)); --on-accent: var(--glow-on-accent, light-dark(#fff, #10131a));
  --bad: var(--glow-bad, light-dark(#a11212, #ff9d9d)); --other: var(--glow-other, light-dark(#eef1f8, #242833)); }
[hidden] { display: none !important; }
section { display: flex; flex-direction: column; gap: .75rem; background: var(--ground); color: var(--ink);
  border: 1px solid var(--edge); border-radius: .75rem; padding: 1rem; }
header { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem; }
#face { width: 2.25em; height: 2.25em; border-radius: 50%; display: grid; place-items: center; font-weight: 600;
  color: var(--on-accent); background: var(--accent); overflow: hidden; }
#state { margin-inline-start: auto; color: var(--soft); }
#line { color: var(--bad); }
#log { min-height: 8rem; max-height: var(--glow-log, 45vh); overflow-y: auto; display: flex; flex-direction: column; gap: .5rem; }
#log p { margin: 0; max-width: 85%; padding: .5rem .75rem; border-radius: .75rem; background: var(--other); overflow-wrap: anywhere; }
#log p[data-who=you] { align-self: end; border: 1px solid var(--edge); background: none; }
#log b { display: block; font-size: .85em; font-weight: 600; color: var(--soft); }
#log .unheard, #partial { color: var(--soft); font-style: italic; }
#partial { margin: 0; min-height: 1.4em; text-align: end; overflow-wrap: anywhere; }
#notice { margin: 0; min-height: 1.4em; color: var(--bad); }
#level { position: relative; height: .5rem; border-radius: .25rem; background: var(--other); overflow: hidden; }
#level i, #level b { position: absolute; inset-block: 0; inset-inline-start: 0; background: var(--accent); }
#level i { width: 100%; transform-origin: left; transform: scaleX(var(--level, 0)); }
#level b { width: 3px; inset-inline-start: calc(100% * var(--peak, 0)); background: var(--ink); }
#controls, form { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem; }
button, select, input:not([type=checkbox]) { font: inherit; color: inherit; min-height: 2.75rem; min-width: 2.75rem; padding: .4rem 1rem;
  border: 1px solid var(--edge); border-radius: .5rem; background: var(--ground); }
button { cursor: pointer; }
button[part~=main] { background: var(--accent); color: var(--on-accent); border-color: var(--accent); font-weight: 600; }
button[aria-pressed=true] { border-width: 3px; border-style: double; font-weight: 600; }
#mute[aria-pressed=true] { background: var(--bad); color: var(--ground); border-color: var(--bad); text-decoration: underline; }
#talk { touch-action: none; user-select: none; flex: 1; }
#text { flex: 1; min-width: 8rem; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
details label { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem; margin-block: .5rem; }
select { max-width: 100%; }
.check { min-height: 2.75rem; }
.check input { width: 1.5rem; height: 1.5rem; }
summary { min-height: 2rem; cursor: pointer; }
#turns { font-variant-numeric: tabular-nums; }
#headphones { color: var(--soft); }
#trouble { border: 2px solid var(--bad); border-radius: .5rem; padding: .75rem; display: flex; flex-wrap: wrap; gap: .75rem; align-items: center; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (prefers-reduced-motion: no-preference) { #level i { transition: transform 60ms linear; } }
@media (prefers-contrast: more) { :host { --soft: var(--ink); --edge: var(--ink); } }
@media (forced-colors: active) { #level { border: 1px solid; } #level i, #level b { background: Highlight; forced-color-adjust: none; } }
`;

/** Build the nodes in a shadow root; returns them by id. */
export function build(root) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  root.adoptedStyleSheets = [sheet];
  root.innerHTML = MARKUP; // a constant: what people say is only ever set as text
  const view = { controls: root.getElementById("controls") };
  for (const node of root.querySelectorAll("[id]")) view[node.id] = node;
  return view;
}

/** Set the texts of a language. */
export function paint(view, say, { name = "", push = false } = {}) {
  const set = (id, key) => { view[id].textContent = say(key); };
  for (const id of ["start", "stop", "talk", "end", "send", "retry"]) set(id, id);
  for (const [id, key] of [["typing", "type"], ["label", "typed"], ["summary", "settings"], ["input-label", "microphone"],
    ["output-label", "loudspeaker"], ["push-label", "push"], ["latency-label", "latency"], ["headphones", "headphones"]]) set(id, key);
  view.log.setAttribute("aria-label", say("conversation"));
  view.name.textContent = name;
  view.face.textContent = [...name][0] ?? "";
  view.face.hidden = !name;
  view.push.checked = push;
}

/** Set what the microphone hears; 0 to 1 from -60 dB to full scale. */
export function paintLevel(view, { db, peak }) {
  view.level.style.setProperty("--level", Math.max(0, 1 + db / 60).toFixed(3));
  view.level.style.setProperty("--peak", Math.min(0.99, Math.max(0, 1 + peak / 60)).toFixed(3));
}

/** Fill a choice of devices, keeping what is chosen. */
export function paintDevices(select, found, say) {
  const chosen = select.value;
  const options = [new Option(say("system"), "")];
  for (const { deviceId, label } of found) if (label && deviceId !== "default") options.push(new Option(label, deviceId));
  select.replaceChildren(...options);
  select.value = found.some((one) => one.deviceId === chosen) ? chosen : "";
  select.parentElement.hidden = options.length < 2;
}

/** Add a message to the log, or return the one that is there. */
export function lineOf(view, lines, id, who, name, lang) {
  if (!lines.has(id)) {
    const line = document.createElement("p");
    line.dataset.who = who;
    if (lang) line.lang = lang;
    const title = document.createElement("b");
    title.textContent = name;
    const heard = document.createElement("span");
    const unheard = document.createElement("span");
    unheard.className = "unheard";
    line.append(title, heard, unheard);
    lines.set(id, { line, heard, unheard, who });
    view.log.append(line);
  }
  return lines.get(id);
}

export function scrollDown(view) {
  view.log.scrollTop = view.log.scrollHeight;
}
