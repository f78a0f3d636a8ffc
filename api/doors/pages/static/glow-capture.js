// The microphone, in an AudioWorklet: 128-sample blocks become 20 ms of PCM16, with their level.

const FASTEST = 48_000; // Hz: what the service takes at most
const ECHO_RATE = 4000; // Hz: enough to find an echo
const ECHO_AFTER_S = 1; // of what was played, its echo may still come
const TAPS = 16; // of the low-pass a kept sample, on either side

class GlowCapture extends AudioWorkletProcessor {
  constructor() {
    super();
    // Cards of 88.2 kHz and more: every n-th sample is kept, after a windowed sinc has taken away what would fold back.
    this.step = Math.ceil(sampleRate / FASTEST);
    this.rate = sampleRate / this.step;
    const half = TAPS * this.step;
    this.filter = Float32Array.from({ length: 2 * half - 1 }, (_, index) => {
      const x = (index - half + 1) / this.step;
      const sinc = x ? Math.sin(Math.PI * 0.9 * x) / (Math.PI * x) : 0.9;
      return (sinc * (0.5 + 0.5 * Math.cos((Math.PI * x) / TAPS))) / this.step;
    });
    this.past = new Float32Array(this.filter.length - 1 + 128);
    this.phase = 0;
    this.every = Math.round(sampleRate / ECHO_RATE);
    Object.assign(this, { count: 0, nearSum: 0, farSum: 0, silent: Infinity });
    this.port.onmessage = () => (this.over = true);
    this.fresh();
  }

  fresh() {
    this.block = new Int16Array(Math.round(this.rate / 50));
    Object.assign(this, { filled: 0, squares: 0, peak: 0, loud: 0, near: [], far: [] });
  }

  process([[...channels], [played] = []]) {
    if (this.over) return false;
    if (!channels.length) return true; // no microphone is connected just now
    const [first] = channels;
    for (let at = 0; at < first.length; at += 1) {
      let sample = 0;
      for (const channel of channels) sample += channel[at] / channels.length;
      this.compare(sample, played ? played[at] : 0);
      if (this.step === 1) this.take(sample);
      else this.decimate(sample);
    }
    return true;
  }

  /** Keep what is heard and played side by side, at a low rate. */
  compare(near, far) {
    this.nearSum += near;
    this.farSum += far;
    this.silent = far ? 0 : this.silent + 1;
    this.count += 1;
    if (this.count < this.every) return;
    this.near.push(this.nearSum / this.every);
    this.far.push(this.farSum / this.every);
    Object.assign(this, { count: 0, nearSum: 0, farSum: 0 });
  }

  decimate(sample) {
    this.past.copyWithin(0, 1);
    this.past[this.filter.length - 1] = sample;
    this.phase = (this.phase + 1) % this.step;
    if (this.phase) return;
    let sum = 0;
    for (let tap = 0; tap < this.filter.length; tap += 1) sum += this.filter[tap] * this.past[tap];
    this.take(sum);
  }

  take(sample) {
    const size = Math.abs(sample);
    this.squares += sample * sample;
    this.peak = Math.max(this.peak, size);
    if (size >= 0.99) this.loud += 1;
    this.block[this.filled] = Math.max(-1, Math.min(1, sample)) * 32_767;
    this.filled += 1;
    if (this.filled < this.block.length) return;
    const rms = Math.sqrt(this.squares / this.filled);
    const { block, peak, loud, rate, near, far } = this;
    const echo = this.silent < ECHO_AFTER_S * sampleRate && { near, far, rate: sampleRate / this.every };
    this.port.postMessage({ block, rms, peak, loud, rate, echo }, [block.buffer]);
    this.fresh();
  }
}

registerProcessor("glow-capture", GlowCapture);
