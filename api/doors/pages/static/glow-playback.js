// The loudspeaker, in an AudioWorklet: a queue that one message empties, and marks of what went out at which frame.

const START_MS = 60; // plays once so much is there,
const PATIENCE_MS = 100; // or after so long with less
const RAMP_MS = 5; // in and out: a cut is heard as a click
const LONGEST_S = 30;
const TICK_S = 0.025;
const AFTER_S = 0.6; // ticks go on until the ear has heard the last sample, however far the loudspeaker is behind

class GlowPlayback extends AudioWorkletProcessor {
  constructor() {
    super();
    this.step = Math.ceil(sampleRate / 48_000); // of a card of 96 kHz: 2, as the service sends 48 kHz at most
    this.rate = sampleRate / this.step;
    this.slope = 1000 / (this.rate * RAMP_MS);
    this.tail = new Float32Array(0);
    Object.assign(this, { queue: [], queued: 0, gain: 0, waited: 0, marks: [], tickedAt: 0, busyUntil: 0 });
    Object.assign(this, { part: 0, before: 0, now: 0, playing: false, flushing: false, flushes: 0, over: false });
    this.port.onmessage = ({ data }) => {
      if (data.samples) this.add(data);
      else if (data.clear) this.clear(data.turn);
      else if (data.flush) this.flush();
      else this.over = true;
    };
  }

  add({ turn, ms, samples }) {
    if (!samples.length || this.queued > LONGEST_S * this.rate) return;
    if (!this.queue.length) Object.assign(this, { waited: 0, flushing: false });
    this.queue.push({ turn, ms, samples, scale: samples instanceof Int16Array ? 1 / 32_768 : 1, at: 0 });
    this.queued += samples.length;
  }

  /** Play what is queued, however little; no more of it comes. */
  flush() {
    this.flushing = true;
    this.flushes += 1;
    this.tick();
  }

  /** Drop what is queued of a turn, or all; what plays just now fades out. */
  clear(turn) {
    const goes = (block) => turn === undefined || block.turn === turn;
    const [head] = this.queue;
    if (this.playing && goes(head)) {
      const rest = head.samples.subarray(head.at, head.at + Math.ceil(1 / this.slope));
      this.tail = Float32Array.from(rest, (sample) => sample * head.scale);
      this.mark(currentFrame, head, false);
    }
    this.queue = this.queue.filter((block) => !goes(block));
    this.queued = this.queue.reduce((sum, block) => sum + block.samples.length - block.at, 0);
    if (!this.queue.length) this.playing = false;
    this.tick();
  }

  mark(frame, block, playing) {
    this.marks.push({ frame, turn: block.turn, ms: block.ms + (block.at * 1000) / this.rate, playing });
    this.busyUntil = currentFrame + AFTER_S * sampleRate;
  }

  tick() {
    const { marks, flushes, queued } = this;
    this.port.postMessage({ frame: currentFrame, marks, flushes, queued });
    this.marks = [];
    this.tickedAt = currentFrame;
  }

  process(_, [[out]]) {
    if (this.over) return false;
    if (this.queued && !this.playing) {
      const queuedMs = (this.queued * 1000) / this.rate;
      this.waited += (out.length * 1000) / sampleRate;
      this.playing = queuedMs >= START_MS || this.flushing || this.waited > PATIENCE_MS;
    }
    for (let at = 0; at < out.length; at += 1) {
      if (!this.part) [this.before, this.now] = [this.now, this.pull(currentFrame + at)];
      // Between two samples a straight line: its images lie above 24 kHz, where nobody hears them.
      this.part = (this.part + 1) % this.step;
      out[at] = this.before + ((this.now - this.before) * (this.part || this.step)) / this.step;
    }
    if (this.playing) this.busyUntil = currentFrame + AFTER_S * sampleRate;
    if (currentFrame < this.busyUntil && currentFrame - this.tickedAt >= TICK_S * sampleRate) this.tick();
    return true;
  }

  pull(frame) {
    if (this.tail.length) {
      const [sample] = this.tail;
      this.tail = this.tail.subarray(1);
      this.gain = this.tail.length ? Math.max(0, this.gain - this.slope) : 0;
      return sample * this.gain;
    }
    if (!this.playing) return 0;
    const [head] = this.queue;
    if (!head.at) this.mark(frame, head, true);
    const sample = head.samples[head.at] * head.scale;
    head.at += 1;
    this.queued -= 1;
    const toEnd = this.queued * this.slope;
    this.gain = toEnd < 1 ? Math.min(this.gain, toEnd) : Math.min(1, this.gain + this.slope);
    if (head.at === head.samples.length) {
      this.queue.shift();
      if (this.queue[0]?.turn !== head.turn) this.mark(frame + 1, head, false);
      this.playing = this.queue.length > 0;
    }
    return sample * this.gain;
  }
}

registerProcessor("glow-playback", GlowPlayback);
