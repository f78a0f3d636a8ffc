/** A spoken call from a browser to a Glow Voice service; glow-voice.d.ts says what each thing means. */

import { EchoMeter, chime, found, same } from "./glow-echo.js";

export const SENTENCES = Object.freeze({
  microphone_blocked: "The microphone is blocked. Allow it in the address bar, then press Start.",
  microphone_dismissed: "The microphone was not allowed. Press Start to be asked again.",
  microphone_missing: "There is no microphone. Plug one in.",
  microphone_busy: "Another program uses the microphone. Close it, then try again.",
  microphone_failed: "The microphone could not be opened. Try again.",
  microphone_unplugged: "The microphone was unplugged. Plug it in again, or type.",
  microphone_muted: "The microphone is switched off at the computer or the device.",
  microphone_silent: "I cannot hear you: the microphone gives nothing at all. Is it switched off?",
  microphone_stuck: "The microphone has stopped. It is being opened again.",
  nobody_heard: "I cannot hear you. Come closer to the microphone, or type.",
  insecure: "This page needs https: a browser gives no microphone to plain http.",
  suspended: "The sound is asleep. Press the button to wake it.",
  slow_connection: "The connection is slow: some of what you say is lost.",
  connection_lost: "The connection was lost. It is being made again.",
  unreachable: "The service does not answer. Trying again.",
  busy: "All lines are busy. Trying again in a moment.",
  token_failed: "No permission for this call could be had. Trying again.",
  refused: "The service refused the call.",
  ended: "The call is over.",
});

export class CallError extends Error {
  constructor(key, message = SENTENCES[key] ?? key, options) {
    super(message, options);
    this.name = "CallError";
    this.key = key;
  }
}

const MICROPHONE = {
  NotAllowedError: "microphone_blocked",
  NotFoundError: "microphone_missing",
  OverconstrainedError: "microphone_missing",
  NotReadableError: "microphone_busy",
  SecurityError: "insecure",
};
const RESUMABLE = [1001, 1005, 1006, 1009, 1011, 1012, 1013];
const COMES_BACK = ["busy", "storage_failed", "slow_client", "message_too_large", "storage_behind", "internal"];
const EARLY = 100; // blocks of 20 ms: what is said while the call opens,
const CATCH_UP = 500; // or while the line is down,
const BEHIND = 50; // or while the line is slow
const PING_MS = 5000;
const ANSWER_MS = 10_000;
const FLAT = 400; // blocks: 8 s of zeros, or of nobody speaking
const HIDDEN_MS = 60_000;
const AGAIN_MS = 10_000;
const TYPED = 20_000; // characters
const CHECK_MS = 1500; // the chime, and its echo
const LOUD_DB = -30;
const CHANGED_DB = 3;

const millis = () => performance.now();

export async function devices() {
  const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  const of = (kind) => all.filter((one) => one.kind === kind).map(({ deviceId, label }) => ({ deviceId, label }));
  return { input: of("audioinput"), output: of("audiooutput") };
}

async function openMicrophone({ deviceId, label, ...wishes }) {
  const media = navigator.mediaDevices;
  if (!media?.getUserMedia) throw new CallError("insecure");
  if (deviceId || label) {
    const { input } = await devices();
    deviceId = (input.find((one) => one.deviceId === deviceId) ?? input.find((one) => one.label === label))?.deviceId;
  }
  const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1, ...wishes };
  for (let left = 1; ; left -= 1) {
    try {
      return await media.getUserMedia({ audio: deviceId ? { ...audio, deviceId: { exact: deviceId } } : audio });
    } catch (error) {
      if (left && (error.name === "AbortError" || (error.name === "OverconstrainedError" && deviceId))) {
        deviceId = undefined;
        continue;
      }
      let key = MICROPHONE[error.name] ?? "microphone_failed";
      if (key === "microphone_blocked") {
        const asked = await navigator.permissions?.query({ name: "microphone" }).catch(() => undefined);
        if (asked?.state === "prompt") key = "microphone_dismissed";
      }
      throw new CallError(key, undefined, { cause: error });
    }
  }
}

export async function openCall(options) {
  return new Call(options).open();
}

export class Call extends EventTarget {
  #options;
  #context;
  #stream;
  #source;
  #capture;
  #playback;
  #gain;
  #volume;
  #encoder;
  #decoder;
  #formats;
  #socket;
  #connecting;
  #opening; // the promise of open()
  #ending; // the resolver of end()
  #cleanup = new AbortController();
  #timers = {};

  #shown = { state: "idle" };
  #troubles = new Map(); // key: sentence; the last one shows
  #online = false;
  #over = false;
  #resume;
  #greeted = false;
  #fatal;
  #reason;
  #attempt = 0;
  #lostAt = 0;
  #returnAt = 0;
  #freshToken = false;
  #unanswered = 0;
  #quality = "good";

  #muted = false;
  #hiddenMuted = false;
  #queue = []; // audio that is not sent yet
  #told = new Set(); // what is told once
  #typed = new Map(); // message_id: what was typed and is not stored yet
  #blockAt = 0;
  #encoded = 0; // samples
  #blocks = 0;
  #flat = 0;
  #unheard = 0;
  #peak = -60;
  #peakLeft = 0;

  #meter;
  #checking; // the comparisons of the check at the opening
  #finding; // the last one
  #echo; // as it was told

  #turn = 0; // the learner's last
  #reply = {};
  #thinking = false;
  #sounding = false;
  #ducked = false;
  #cutTurn;
  #announced = [];
  #packets = 0; // to the decoder
  #decoding = []; // announcements of packets in the decoder, in order
  #marks = [];
  #flushes = 0; // that the worklet was told of,
  #drained = false; // and whether it has played all that came before the last one
  #spoken = new Map(); // turn: what was announced of it, block by block
  #caption = {};
  #acknowledged = {};
  played = { turn: 0, ms: 0 };
  ready;

  constructor(options) {
    super();
    this.#options = { turns: "auto", opus: true, resumeFor: 60, url: globalThis.location?.origin, ...options };
    this.#options.input ??= {};
    this.#options.output ??= {};
    this.#volume = this.#options.output.volume ?? 1;
  }

  get state() {
    return this.#shown.state;
  }

  get over() {
    return this.#over;
  }

  get muted() {
    return this.#muted;
  }

  get inputLabel() {
    return this.#stream?.getAudioTracks()[0]?.label ?? "";
  }

  get volume() {
    return this.#volume;
  }

  set volume(volume) {
    this.#volume = volume;
    this.#turnTo();
  }

  get outputLatency() {
    // Of Safari, which does not tell, only its own buffer is known.
    const { outputLatency = 0, baseLatency = 0 } = this.#context ?? {};
    return Math.min(500, Math.max(0, (outputLatency + baseLatency) * 1000)) || 0;
  }

  // What the person does

  async open() {
    this.#over = false;
    this.ready = this.#reason = undefined;
    this.#cleanup = new AbortController();
    this.#troubles.clear();
    const sound = this.#options.input || this.#options.output;
    // At once, inside the handler of the tap: after an await iOS starts no sound.
    if (sound && globalThis.AudioContext) {
      this.#context = new AudioContext();
      this.#context.resume().catch(() => {});
    }
    this.#update();
    try {
      await this.#openSound();
      if (this.#options.echoCheck && this.#capture && this.#gain) await this.#checkEcho();
      if (this.#over) throw new CallError("ended");
      this.#listen();
      await new Promise((resolve, reject) => {
        this.#opening = { resolve, reject };
        this.#connect();
      });
    } catch (error) {
      this.#fail(error.key ?? "microphone_failed", error.message);
      throw error instanceof CallError ? error : new CallError("microphone_failed", undefined, { cause: error });
    }
    return this;
  }

  say(text) {
    if (!text.trim()) return "";
    if (text.length > TYPED || this.#typed.size > 50) throw new CallError("message_too_long", "That is too much at once.");
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    const message_id = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    const message = { type: "chat_message", text, message_id };
    this.#typed.set(message_id, message);
    this.#send(message);
    return message_id;
  }

  stop() {
    this.#send({ type: "stop" });
    this.#cutTurn = this.#reply.turn;
    this.#cut(this.#cutTurn);
  }

  mute(muted) {
    this.#hiddenMuted = false;
    if (muted === this.#muted) return;
    this.#muted = muted;
    this.#queue = [];
    this.#stream?.getAudioTracks().forEach((track) => (track.enabled = !muted));
    this.#send({ type: "mute", muted });
    this.#update();
  }

  commit() {
    this.#drain();
    this.#send({ type: "commit" });
  }

  talk(pressed) {
    clearTimeout(this.#timers.talk);
    if (pressed) return this.mute(false);
    // The last consonant comes after the finger has left the key.
    this.#timers.talk = setTimeout(() => {
      this.commit();
      this.mute(true);
    }, 150);
  }

  async end() {
    this.#resume = undefined; // whoever comes next must not get this call
    if (this.#over) return;
    if (this.#online) {
      await new Promise((resolve) => {
        this.#ending = resolve;
        this.#timers.ending = setTimeout(resolve, PING_MS);
        this.#drain();
        this.#send({ type: "chat_silence" });
      });
    }
    this.#finish();
  }

  async wake() {
    await this.#context?.resume();
    this.#awake();
  }

  async retry() {
    if (this.#over) return void (await this.open());
    if (this.#options.input && this.#stream?.active !== true) await this.#takeMicrophone();
    if (this.#lostAt) this.#connect();
  }

  async pickInput(deviceId) {
    this.#options.input = { ...this.#options.input, deviceId, label: undefined };
    await this.#takeMicrophone();
  }

  async pickOutput(deviceId) {
    await this.#context?.setSinkId?.(deviceId);
  }

  // What is told

  #emit(type, detail) {
    const { lang } = this.#options;
    this.dispatchEvent(new CustomEvent(type, { detail: lang && "turn" in detail ? { ...detail, lang } : detail }));
  }

  #tell(key, message = SENTENCES[key]) {
    this.#emit("error", { key, message });
  }

  #once(key) {
    if (!this.#told.has(key)) this.#tell(key);
    this.#told.add(key);
  }

  /** Say which state follows from all that is so. */
  #update(retryInMs) {
    let state = this.#thinking ? "thinking" : "listening";
    let [key, sentence] = [...this.#troubles].at(-1) ?? [];
    if (this.#sounding) state = "speaking";
    if (!this.#online) state = this.ready ? "reconnecting" : "connecting";
    if (this.#over) state = "ended";
    if (key) state = "trouble";
    key ??= { reconnecting: "connection_lost", ended: "ended" }[state];
    sentence ??= SENTENCES[key];
    const { state: previous, key: before, muted } = this.#shown;
    if (state === previous && key === before && muted === this.#muted && !retryInMs) return;
    if (state !== "listening") this.#unheard = 0;
    this.#shown = { state, previous, muted: this.#muted, key, sentence, retryInMs, reason: this.#reason };
    this.#emit("state", this.#shown);
  }

  #trouble(key, retryInMs, sentence = SENTENCES[key]) {
    this.#troubles.delete(key);
    this.#troubles.set(key, sentence);
    this.#update(retryInMs);
  }

  #solved(...keys) {
    keys.forEach((key) => this.#troubles.delete(key));
    this.#update();
  }

  // Sound

  async #openSound() {
    const { input, output, opus } = this.#options;
    if (input) this.#stream = await openMicrophone(input);
    if (!this.#context) return;
    if (this.#context.state !== "running") {
      // Who has allowed the microphone has allowed sound: a new context runs without a tap, the old one does not.
      this.#context.close();
      this.#context = new AudioContext();
    }
    const context = this.#context;
    if (!context.audioWorklet) {
      if (input) throw new CallError("insecure");
      return; // typed on plain http: replies in writing
    }
    const names = ["glow-capture", "glow-playback"];
    await Promise.all(names.map((name) => context.audioWorklet.addModule(new URL(`${name}.js`, import.meta.url))));
    const rate = context.sampleRate / Math.ceil(context.sampleRate / 48_000);
    this.#formats = { input: { encoding: "pcm16", rate }, output: { encoding: "pcm16", rate } };
    if (opus) await this.#takeOpus(rate);
    if (input) {
      this.#capture = new AudioWorkletNode(context, "glow-capture", { numberOfInputs: 2, numberOfOutputs: 0 });
      this.#capture.port.onmessage = ({ data }) => this.#captured(data);
      this.#connectMicrophone();
    }
    if (output) {
      this.#playback = new AudioWorkletNode(context, "glow-playback", { numberOfInputs: 0, outputChannelCount: [1] });
      this.#playback.port.onmessage = ({ data }) => this.#ticked(data);
      this.#gain = new GainNode(context, { gain: this.#volume });
      this.#playback.connect(this.#gain).connect(context.destination);
      if (input) this.#gain.connect(this.#capture, 0, 1);
      if (output.deviceId) await this.pickOutput(output.deviceId).catch(() => {}); // gone: the system's own will do
    }
    context.onstatechange = () => this.#awake();
    this.#awake();
  }

  #awake() {
    if (this.#over || !this.#context) return;
    if (this.#context.state === "running") this.#solved("suspended");
    else this.#trouble("suspended");
  }

  /** Opus both ways where the browser has it: 3 kB/s in place of 96. */
  async #takeOpus(sampleRate) {
    const common = { codec: "opus", sampleRate, numberOfChannels: 1 };
    const failed = () => {
      // On with PCM: formats are free to change when a call is resumed.
      this.#options.opus = false;
      this.#formats.input = this.#formats.output = { encoding: "pcm16", rate: sampleRate };
      this.#encoder = this.#decoder = undefined;
      this.#decoding = [];
      this.#drop();
    };
    const frames = { frameDuration: 20_000, application: "voip", signal: "voice" };
    const encoding = { ...common, bitrate: 24_000, opus: frames };
    const can = async (codec, config) => (await codec?.isConfigSupported(config).catch(() => ({})))?.supported;
    if (await can(globalThis.AudioEncoder, encoding)) {
      const output = (chunk) => {
        const packet = new Uint8Array(chunk.byteLength);
        chunk.copyTo(packet);
        this.#speak(packet);
      };
      this.#encoder = new AudioEncoder({ output, error: failed });
      this.#encoder.configure(encoding);
      this.#formats.input = { encoding: "opus", rate: 16_000 };
    }
    // Decoders give 48 kHz, whatever was asked for.
    if (this.#options.output && sampleRate === 48_000 && (await can(globalThis.AudioDecoder, common))) {
      this.#decoder = new AudioDecoder({ output: (data) => this.#decoded(data), error: failed });
      this.#decoder.configure(common);
      this.#formats.output = { encoding: "opus", rate: 48_000 };
    }
  }

  #decoded(data) {
    // By their order: Chromium rounds the timestamps of what it gives back.
    const announced = this.#decoding.shift();
    const samples = new Float32Array(data.numberOfFrames);
    data.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
    data.close();
    if (announced && !announced.dropped && this.#playback) this.#play(announced, samples);
    if (!this.#decoding.length && this.#reply.over) this.#allCame();
  }

  #connectMicrophone() {
    const [track] = this.#stream.getAudioTracks();
    track.enabled = !this.#muted;
    track.onended = () => this.#unplugged();
    track.onmute = () => this.#tell("microphone_muted");
    this.#source?.disconnect();
    this.#source = new MediaStreamAudioSourceNode(this.#context, { mediaStream: this.#stream });
    this.#source.connect(this.#capture);
    this.#blockAt = millis();
  }

  async #unplugged() {
    this.#trouble("microphone_unplugged");
    await this.#takeMicrophone().catch(() => {}); // the next one; if there is none, when one is plugged in
  }

  async #takeMicrophone() {
    const stream = await openMicrophone(this.#options.input);
    this.#stream?.getTracks().forEach((track) => track.stop());
    if (this.#over) return stream.getTracks().forEach((track) => track.stop());
    this.#stream = stream;
    this.#connectMicrophone();
    this.#solved("microphone_unplugged", "microphone_stuck");
  }

  /** Play a chime, and hear how much of it comes back. */
  async #checkEcho() {
    if (this.#context.state !== "running") return;
    this.#checking = [];
    const source = chime(this.#context);
    source.connect(this.#gain);
    source.start();
    await new Promise((heard) => setTimeout(heard, CHECK_MS));
    const [best] = this.#checking.sort((one, other) => other.alike - one.alike);
    this.#checking = undefined;
    const finding = best && found(best);
    if (finding) this.#echoed(finding);
  }

  #compared({ near, far, rate }) {
    this.#meter ??= new EchoMeter(rate);
    const compared = this.#meter.push(near, far);
    if (!compared) return;
    if (this.#checking) return void this.#checking.push(compared);
    const finding = found(compared);
    if (!finding) return;
    // Twice, as a canceller learns and people talk over it.
    if (same(finding, this.#finding)) this.#echoed(finding);
    this.#finding = finding;
  }

  #echoed(finding) {
    const told = this.#echo;
    if (told && (told.delay_ms === null) === (finding.delay_ms === null) && Math.abs(told.residual_db - finding.residual_db) < CHANGED_DB) return;
    this.#echo = finding;
    this.#emit("echo", { ...finding, loud: finding.delay_ms !== null && finding.residual_db >= LOUD_DB });
    this.#send({ type: "echo", ...finding });
  }

  #captured({ block, rms, peak, loud, rate, echo }) {
    if (this.#over) return;
    this.#blockAt = millis();
    this.#solved("microphone_stuck");
    this.#blocks += 1;
    if (echo && !this.#muted) this.#compared(echo);
    if (!this.#muted && !this.#checking) {
      if (this.#encoder) {
        const numberOfFrames = block.length;
        const timestamp = Math.round((this.#encoded * 1e6) / rate);
        this.#encoded += numberOfFrames;
        const data = new AudioData({
          format: "s16", sampleRate: rate, numberOfChannels: 1, numberOfFrames, timestamp, data: block,
        });
        this.#encoder.encode(data);
        data.close();
      } else this.#speak(block);
      this.#flat = peak ? 0 : this.#flat + 1;
      if (this.#flat === FLAT) this.#tell("microphone_silent");
      if (this.state === "listening") this.#unheard += 1;
      if (this.#unheard === FLAT && this.#flat < FLAT) this.#tell("nobody_heard");
    }
    const db = (size) => Math.max(-60, Math.min(0, 20 * Math.log10(size || 1e-9)));
    this.#peakLeft -= 1;
    if (db(peak) >= this.#peak || this.#peakLeft < 0) [this.#peak, this.#peakLeft] = [db(peak), 50];
    if (this.#blocks % 2) return;
    this.#emit("level", { db: db(rms), peak: this.#peak, clipping: loud > 2, silent: this.#flat >= FLAT });
  }

  // Audio to the service

  #speak(block) {
    if (this.#muted || this.#over) return;
    this.#queue.push(block);
    const most = this.#online ? BEHIND : this.ready ? CATCH_UP : EARLY;
    this.#drain();
    if (this.#queue.length > most) {
      this.#queue.splice(0, this.#queue.length - most);
      if (this.#online) this.#once("slow_connection");
    }
  }

  #drain() {
    const second = this.#encoder ? 3000 : this.#formats?.input.rate * 2; // bytes
    // What a socket takes that is closing already reaches nobody: it waits for the next one.
    while (this.#live && this.#queue.length && this.#socket.bufferedAmount < second) {
      this.#socket.send(this.#queue.shift());
    }
  }

  #send(message) {
    if (this.#live) this.#socket.send(JSON.stringify(message));
  }

  get #live() {
    return this.#online && this.#socket.readyState === WebSocket.OPEN;
  }

  // Audio from the service

  #heard(data) {
    const announced = this.#announced.shift();
    if (!announced || announced.dropped || !this.#playback) return;
    if (!this.#decoder) return this.#play(announced, new Int16Array(data));
    this.#decoding.push(announced);
    this.#decoder.decode(new EncodedAudioChunk({ type: "key", timestamp: (this.#packets += 1) * 20_000, data }));
  }

  /** No more of this reply will come: what is queued is played, however short it is. */
  #allCame() {
    this.#flushes += 1;
    this.#drained = false;
    this.#playback?.port.postMessage({ flush: true });
  }

  #play(announced, samples) {
    const { turn, at_ms: ms, duration_ms: duration } = announced;
    let { text } = announced;
    const blocks = (this.#spoken.get(turn) ?? []).filter((block) => block.ms < ms); // what comes again counts once
    // Where a line was cut, some words were announced to nobody, or are announced again inside a block that was cut.
    const whole = turn === this.#reply.turn ? this.#reply.text : "";
    const before = blocks.map((block) => block.text).join("");
    const last = blocks.at(-1);
    if (last && text.trim() && whole.startsWith(before)) {
      const again = last.ms + last.duration > ms + 1 ? last.text.length : 0;
      const at = whole.indexOf(text.trim(), before.length - again);
      if (at > before.length) text = whole.slice(before.length, at) + text;
      else if (at >= 0 && at < before.length) last.text = last.text.slice(0, at - before.length);
    }
    blocks.push({ ms, duration, text });
    this.#spoken.delete(turn);
    this.#spoken.set(turn, blocks);
    if (this.#spoken.size > 4) this.#spoken.delete(this.#spoken.keys().next().value);
    this.#duck(false);
    this.#marks.cut = false;
    this.#playback.port.postMessage({ turn, ms, samples }, [samples.buffer]);
  }

  #cut(turn) {
    for (const one of [...this.#announced, ...this.#decoding]) {
      if (turn === undefined || one.turn === turn) one.dropped = true;
    }
    this.#playback?.port.postMessage({ clear: true, turn });
    if (turn !== undefined) this.#marks.cut = true;
  }

  #duck(ducked) {
    if (ducked === this.#ducked) return;
    this.#ducked = ducked;
    this.#turnTo();
  }

  #turnTo() {
    this.#gain?.gain.setTargetAtTime(this.#volume * (this.#ducked ? 0.25 : 1), this.#context.currentTime, 0.01);
  }

  /** Follow the worklet: what it has put out by which frame, and so what the ear has of it now. */
  #ticked({ frame, marks, flushes, queued }) {
    if (this.#over) return;
    this.#drained = flushes === this.#flushes && !queued;
    const all = this.#marks;
    all.push(...marks);
    const { sampleRate } = this.#context;
    const ear = frame - (this.outputLatency * sampleRate) / 1000;
    while (all[1]?.frame <= ear) all.shift();
    const [now] = all;
    if (!now || now.frame > ear) return;
    const { turn, playing } = now;
    const reached = now.ms + (playing ? ((ear - now.frame) * 1000) / sampleRate : 0);
    const ms = turn === this.played.turn ? Math.max(reached, this.played.ms) : reached;
    this.played = { turn, ms };
    const whole = Math.floor(ms + 0.001);
    const last = this.#acknowledged;
    if ((turn !== last.turn || whole > last.ms) && (!playing || frame - last.frame >= sampleRate / 10 || !last.frame)) {
      this.#acknowledged = { turn, ms: whole, frame };
      this.#send({ type: "played", turn, ms: whole });
    }
    this.#follow();
    if (playing && !this.#sounding) {
      this.#thinks(false);
      this.#sounding = true;
      this.#update();
    }
    if (!playing && all.length === 1) this.#quiet();
  }

  /** The last sample so far was heard: is it the end? */
  #quiet() {
    const over = this.#marks.cut || (this.#reply.over && this.#drained && !this.#decoding.length);
    const [now] = this.#marks;
    if (!this.#sounding || !over || now?.playing || this.#marks.length > 1) return;
    this.#sounding = false;
    this.#follow(true);
    this.#update();
  }

  #follow(done = false) {
    const { turn, ms } = this.played;
    let text = "";
    for (const block of this.#spoken.get(turn) ?? []) {
      if (block.ms > ms) break;
      const words = block.text.match(/\s*\S+\s*/g) ?? [];
      // Where in the block each begins is not told: they share it.
      const begun = words.filter((_, index) => block.ms + (block.duration * index) / words.length <= ms);
      text += begun.join("");
    }
    const word = (text.match(/\S+/g)?.length ?? 0) - 1;
    const { turn: before, word: shown } = this.#caption;
    if (!done && turn === before && word === shown) return;
    this.#caption = { turn, word };
    const { message_id } = this.#reply.turn === turn ? this.#reply : {};
    this.#emit("caption", { turn, message_id, text: text.trimEnd(), word, ms, done });
  }

  #thinks(thinking, afterMs = 0) {
    clearTimeout(this.#timers.thinking);
    if (afterMs) return void (this.#timers.thinking = setTimeout(() => this.#thinks(true), afterMs));
    this.#thinking = thinking;
    this.#update();
  }

  // The connection

  async #connect() {
    clearTimeout(this.#timers.connect);
    this.#timers.connect = undefined;
    const mine = (this.#connecting = {});
    this.#socket?.close();
    this.#socket = undefined;
    let { token, url } = this.#options;
    try {
      if (typeof token === "function") token = await token();
    } catch (error) {
      const offline = error instanceof TypeError || error.status === 0;
      return this.#again(offline ? "unreachable" : "token_failed");
    }
    if (this.#over || mine !== this.#connecting) return;
    const address = new URL("attempt/chat_voice", url.endsWith("/") ? url : `${url}/`);
    address.protocol = address.protocol.replace("http", "ws");
    // A subprotocol takes the characters of a token of HTTP only; any other goes into the first message.
    const offered = /^[\w.~+-]+$/.test(token);
    const socket = new WebSocket(address, offered ? ["glow.voice", `bearer.${token}`] : ["glow.voice"]);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#fatal = undefined;
    socket.onopen = () => {
      if (socket !== this.#socket) return;
      const { chat, turns, greet, output, opening } = this.#options;
      const silent = output && this.#playback ? {} : { text_only: true };
      socket.send(JSON.stringify({
        type: "chat_voice", chat_id: typeof chat === "function" ? chat() : chat, turns, greet: Boolean(greet) && !this.#greeted, resume: this.#resume,
        token: offered ? undefined : token, ...this.#formats, ...silent, ...opening,
      }));
    };
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      if (typeof data === "string") this.#receive(JSON.parse(data));
      else this.#heard(data);
    };
    socket.onclose = ({ code }) => socket === this.#socket && this.#lost(code);
    clearTimeout(this.#timers.answer);
    this.#timers.answer = setTimeout(() => this.#drop(), ANSWER_MS);
  }

  /** Give the connection up without waiting for an answer. */
  #drop() {
    const socket = this.#socket;
    if (!socket || this.#over) return;
    this.#socket = undefined;
    socket.close();
    this.#lost(1006);
  }

  #lost(code) {
    clearTimeout(this.#timers.answer);
    this.#online = false;
    this.#socket = undefined;
    const { code: said, message } = this.#fatal ?? {};
    if (this.#over) return;
    if (this.#ending || code === 1000) return this.#finish();
    this.#lostAt ||= millis();
    this.#line("lost");
    if (said === "not_found" && this.#resume) {
      this.#resume = undefined; // too late: the chat goes on in a new call
      return void this.#connect();
    }
    if (said === "unauthorized" && typeof this.#options.token === "function" && !this.#freshToken) {
      this.#freshToken = true;
      return void this.#connect();
    }
    if (!RESUMABLE.includes(code) && !COMES_BACK.includes(said)) {
      const refused = said ?? "refused";
      if (!this.#opening) return this.#fail(refused, message);
      return this.#opening.reject(new CallError(refused, message));
    }
    this.#again(code === 1013 && !this.#resume ? "busy" : "unreachable");
  }

  #again(key) {
    this.#lostAt ||= millis();
    const waited = millis() - this.#lostAt;
    if (this.#opening && waited > (key === "busy" ? 6 : 1) * AGAIN_MS) {
      return this.#opening.reject(new CallError(key));
    }
    let delay = Math.min(5000, 200 * 2 ** this.#attempt) * (0.75 + Math.random() / 2);
    this.#attempt += 1;
    if (key === "busy") delay = AGAIN_MS;
    if (key !== "unreachable" || waited > this.#options.resumeFor * 1000) this.#trouble(key, delay);
    else this.#update();
    delay = Math.max(delay, this.#returnAt - millis());
    this.#timers.connect = setTimeout(() => this.#connect(), delay);
  }

  #line(quality) {
    if (quality === this.#quality) return;
    this.#quality = quality;
    this.#emit("connection", { quality });
  }

  #receive(event) {
    const { type, turn } = event;
    switch (type) {
      case "chat_voice":
        this.#opened(event);
        break;
      case "user.started":
        this.#unheard = -Infinity; // somebody is, until the turn is over
        this.#turn = turn;
        this.#thinks(false);
        if (this.#sounding) this.#duck(true);
        break;
      case "user.partial":
        this.#emit("partial", { turn, text: event.text });
        break;
      case "user.ended":
        this.#unheard = 0;
        this.#duck(false);
        this.#thinks(false, 300);
        break;
      case "user.message": {
        const { message_id, text } = event;
        const typed = this.#typed.delete(message_id);
        this.#emit("message", { turn, message_id, text, typed });
        if (typed) this.#thinks(false, 300);
        break;
      }
      case "reply.started":
        this.#reply = { turn, message_id: event.message_id, persona_id: event.persona_id, text: "", over: false };
        this.#emit("reply", { ...this.#reply, phase: "started" });
        break;
      case "reply.text":
        this.#reply.text += event.delta;
        this.#emit("reply", { ...this.#reply, phase: "text" });
        break;
      case "reply.audio":
        this.#announced.push({ ...event, dropped: turn === this.#cutTurn });
        break;
      case "reply.cleared":
        this.#cutTurn = undefined;
        this.#cut(turn);
        this.#duck(false);
        break;
      case "reply.ended":
        Object.assign(this.#reply, event, { over: true });
        if (turn === this.#cutTurn) this.#cutTurn = undefined;
        this.#emit("reply", { ...this.#reply, phase: "ended" });
        this.#thinks(false);
        if (!this.#decoding.length) this.#allCame();
        break;
      case "turn.latency":
        this.#emit("latency", { ...event, output_ms: Math.round(this.outputLatency) });
        break;
      case "restarting":
        this.#returnAt = millis() + event.after_ms;
        break;
      case "pong":
        this.#unanswered = 0;
        this.#line("good");
        break;
      case "error":
        this.#refused(event);
        break;
      case "chat_silence":
        this.#emit("service", event);
        return this.#finish(event.reason);
    }
    this.#emit("service", event);
  }

  #refused({ code, message, fatal }) {
    if (fatal) this.#fatal = { code, message };
    else this.#tell(code, message);
    if (code !== "no_words") return;
    this.#emit("partial", { turn: this.#turn, text: "" });
    this.#thinks(false);
  }

  #opened(event) {
    clearTimeout(this.#timers.answer);
    this.ready = event;
    this.#resume = event.resume;
    this.#online = this.#greeted = true;
    this.#freshToken = false;
    this.#attempt = this.#lostAt = this.#returnAt = this.#unanswered = 0;
    this.#announced = [];
    this.#cutTurn = undefined;
    this.#cut(); // what was not played is sent again
    this.#line("good");
    if (this.#muted || !this.#capture) this.#send({ type: "mute", muted: true });
    if (this.#echo) this.#send({ type: "echo", ...this.#echo });
    this.#drain();
    this.#typed.forEach((message) => this.#send(message));
    this.#solved("busy", "unreachable", "token_failed");
    this.#opening?.resolve();
    this.#opening = undefined;
  }

  // Around it

  #listen() {
    const { signal } = this.#cleanup;
    const on = (target, type, listener) => target?.addEventListener(type, listener, { signal });
    const now = () => this.#lostAt && this.#connect();
    on(globalThis, "online", now);
    on(globalThis, "pagehide", () => {
      this.#send({ type: "chat_silence" });
      this.#finish();
    });
    on(navigator.mediaDevices, "devicechange", () => {
      this.#emit("devices", {});
      if (this.#troubles.has("microphone_unplugged")) this.#takeMicrophone().catch(() => {});
    });
    for (const type of ["pointerdown", "keydown"]) {
      on(document, type, () => this.#troubles.has("suspended") && this.wake().catch(() => {}));
    }
    on(document, "visibilitychange", () => {
      clearTimeout(this.#timers.hidden);
      if (document.hidden) {
        if (!matchMedia("(pointer: coarse)").matches || this.#muted) return;
        this.#timers.hidden = setTimeout(() => {
          this.mute(true);
          this.#hiddenMuted = true;
        }, HIDDEN_MS);
        return;
      }
      if (this.#hiddenMuted) this.mute(false);
      this.#keepAwake();
      now();
    });
    this.#keepAwake();
    clearInterval(this.#timers.ping);
    this.#timers.ping = setInterval(() => this.#watch(), PING_MS);
  }

  /** The system lets go of the lock whenever the page is hidden. */
  #keepAwake() {
    if (!this.#options.wakeLock) return;
    navigator.wakeLock?.request("screen").then((lock) => {
      this.#cleanup.signal.addEventListener("abort", () => lock.release());
    }, () => {});
  }

  #watch() {
    if (this.#capture && this.#context.state === "running" && millis() - this.#blockAt > PING_MS) {
      if (!this.#troubles.has("microphone_unplugged")) {
        this.#trouble("microphone_stuck");
        this.#takeMicrophone().catch(() => {});
      }
    }
    if (!this.#online) return;
    // What the browser says of the network is no answer; that of the service is.
    if (this.#unanswered >= 3) return this.#drop();
    if (this.#unanswered === 2) this.#line("weak");
    this.#unanswered += 1;
    this.#send({ type: "ping" });
  }

  #fail(key, message) {
    this.#troubles.clear();
    this.#troubles.set(key, message ?? SENTENCES[key] ?? SENTENCES.refused);
    this.#finish();
  }

  #finish(reason) {
    if (this.#over) return;
    this.#over = true;
    this.#reason = reason;
    this.#online = false;
    this.#resume = undefined;
    this.#cleanup.abort();
    Object.values(this.#timers).forEach((timer) => clearTimeout(timer));
    this.#timers = {};
    this.#stream?.getTracks().forEach((track) => track.stop());
    for (const node of [this.#capture, this.#playback]) node?.port.postMessage({ over: true });
    for (const codec of [this.#encoder, this.#decoder]) if (codec?.state === "configured") codec.close();
    this.#context?.close().catch(() => {});
    const socket = this.#socket;
    this.#socket = this.#context = this.#stream = this.#source = this.#capture = this.#playback = undefined;
    this.#decoding = [];
    this.#flushes = 0;
    this.#encoder = this.#decoder = this.#gain = this.#meter = this.#checking = this.#finding = this.#echo = undefined;
    this.#queue = [];
    socket?.close(1000);
    this.#sounding = this.#thinking = false;
    this.#opening?.reject(new CallError("ended"));
    this.#opening = undefined;
    this.#ending?.();
    this.#ending = undefined;
    this.#update();
  }
}
