// Runs in the page before anything else: keeps what the call tells, and gives the microphone to the test.
globalThis.harness = {
  log: [],
  at: 0,
  news: [],
  heard: [],
  violations: [],

  async open({ tokens, ...options }) {
    const { Call } = await import(`/static/${harness.client ?? "glow-voice.js"}`);
    if (tokens) options.token = () => tokens[Math.min((harness.asked = (harness.asked ?? 0) + 1), tokens.length) - 1];
    const call = new Call(options);
    harness.call = call;
    const kinds = ["state", "partial", "message", "reply", "caption", "level", "latency", "error", "connection", "echo"];
    for (const kind of [...kinds, "devices", "service"]) {
      call.addEventListener(kind, ({ detail }) => harness.add(kind, detail));
    }
    try {
      await call.open();
      return call.ready;
    } catch (error) {
      return { error: error.key ?? String(error), message: error.message };
    }
  },

  add(kind, detail) {
    harness.log.push({ kind, detail });
    harness.news.splice(0).forEach((told) => told());
  },

  async until(kind, wanted) {
    const fits = (event) =>
      event.kind === kind && Object.entries(wanted).every(([name, value]) => event.detail[name] === value);
    let late = false;
    const timer = harness.later(() => harness.news.splice(0).forEach((told) => told((late = true))), 90_000);
    for (;;) {
      while (harness.at < harness.log.length) {
        const event = harness.log[harness.at];
        harness.at += 1;
        if (fits(event)) return clearTimeout(timer), event.detail;
      }
      if (late) throw new Error(`no ${kind} ${JSON.stringify(wanted)}: ${harness.story()}`);
      await new Promise((told) => harness.news.push(told));
    }
  },

  later: setTimeout.bind(globalThis),

  /** What happened last, in a line. */
  story() {
    const telling = harness.log.filter(({ kind }) => !["level", "caption", "mark"].includes(kind));
    return telling.slice(-15).map(({ kind, detail }) => `${kind} ${JSON.stringify(detail)}`).join("; ");
  },

  /** The microphone is silent until the test says something; `refusal` is the name of an error. */
  takesMicrophone() {
    navigator.mediaDevices.getUserMedia = async () => {
      if (harness.refusal) throw new DOMException("", harness.refusal);
      harness.mouth ??= new AudioContext();
      harness.lips = harness.mouth.createMediaStreamDestination();
      if (harness.wall) connect.call(harness.wall, harness.lips);
      return harness.lips.stream;
    };
  },

  say(base64) {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const samples = Float32Array.from(new Int16Array(bytes.buffer), (sample) => sample / 32_768);
    const buffer = harness.mouth.createBuffer(1, samples.length, 16_000);
    buffer.copyToChannel(samples, 0);
    harness.play(new AudioBufferSourceNode(harness.mouth, { buffer }));
  },

  hum(frequency) {
    harness.humming?.stop();
    harness.at = harness.log.length;
    harness.humming = new OscillatorNode(harness.mouth, { frequency });
    harness.play(harness.humming);
  },

  play(source) {
    source.connect(harness.lips);
    source.start();
  },
};

addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
  harness.violations.push(`${violatedDirective}: ${blockedURI}`),
);

// The worklets' own words, in the order in which the client hears them.
globalThis.AudioWorkletNode &&= class extends AudioWorkletNode {
  constructor(context, name, options) {
    super(context, name, options);
    if (name !== "glow-playback") return;
    this.port.addEventListener("message", ({ data }) =>
      harness.add("mark", { ...data, latency: harness.call.outputLatency, rate: context.sampleRate }),
    );
  }
};

// What goes to the loudspeaker goes to the tap, too; plain http has no worklets.
const worklets = globalThis.AudioWorklet?.prototype ?? {};
const { addModule } = worklets;
worklets.addModule = async function (url) {
  if (!harness.untapped && String(url).includes("glow-playback")) await addModule.call(this, "/tap.js");
  return addModule.call(this, url);
};
const { connect } = AudioNode.prototype;
AudioNode.prototype.connect = function (target, ...rest) {
  if (target instanceof AudioDestinationNode && harness.room) {
    // A room: the microphone hears the loudspeaker, later and fainter.
    const air = this.context.createMediaStreamDestination();
    connect.call(this, air);
    harness.mouth ??= new AudioContext();
    harness.mouth.resume();
    const far = new MediaStreamAudioSourceNode(harness.mouth, { mediaStream: air.stream });
    const later = new DelayNode(harness.mouth, { maxDelayTime: 1, delayTime: harness.room.delay_s });
    harness.wall = new GainNode(harness.mouth, { gain: harness.room.gain });
    connect.call(connect.call(far, later) ?? later, harness.wall);
    connect.call(harness.wall, harness.lips);
  }
  if (target instanceof AudioDestinationNode && !harness.untapped) {
    const tap = new AudioWorkletNode(this.context, "tap", { numberOfOutputs: 0 });
    tap.port.onmessage = ({ data }) => harness.heard.push(data);
    connect.call(this, tap);
  }
  return connect.call(this, target, ...rest);
};
