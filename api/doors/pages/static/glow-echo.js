/** How much of the loudspeaker the microphone hears: delay and level, by cross-correlation of the two. */

const WINDOW_S = 0.5; // of the microphone that is compared,
const LONGEST_S = 0.6; // with what was played up to so long before
const EVERY_S = 0.25;
const ALIKE = 0.5; // correlation from which on it is an echo
const FAINT_DB = -50; // what is played more quietly says nothing
const QUIET_DB = -40; // a microphone so far below what is played, without an echo, hears none
const FLOOR_DB = -60;
const SAME_DB = 6;
const SAME_MS = 20;

const energyOf = (samples) => samples.reduce((sum, sample) => sum + sample * sample, 0);
const decibels = (power) => 10 * Math.log10(power || 1e-12);

/** The difference of neighbours, which evens out the spectrum of speech and sharpens the correlation. */
function sharpened(samples) {
  return samples.map((sample, index) => sample - (index ? 0.9 * samples[index - 1] : 0));
}

/** Compare the end of `near` with `far`, which is as long as it and the longest delay; undefined where nothing plays. */
export function compare(near, far, rate) {
  if (decibels(energyOf(far) / far.length) < FAINT_DB) return undefined;
  const [heard, played] = [sharpened(near), sharpened(far)];
  const most = played.length - heard.length;
  const nearEnergy = energyOf(heard);
  let farEnergy = energyOf(played.subarray(0, heard.length));
  const floor = Math.max(1e-9, 1e-3 * (energyOf(played) / played.length) * heard.length);
  let best = { alike: 0, lag: 0, gain: 0 };
  for (let at = 0; at <= most; at += 1) {
    let product = 0;
    for (let index = 0; index < heard.length; index += 1) product += heard[index] * played[at + index];
    const energy = Math.max(floor, farEnergy);
    const alike = Math.abs(product) / Math.sqrt(energy * nearEnergy + 1e-12);
    if (alike > best.alike) best = { alike, lag: most - at, gain: Math.abs(product) / energy };
    if (at < most) farEnergy += played[at + heard.length] ** 2 - played[at] ** 2;
  }
  const level = decibels(energyOf(near) / near.length) - decibels(energyOf(far) / far.length);
  return { alike: best.alike, delay_ms: Math.round((best.lag * 1000) / rate), echo_db: 20 * Math.log10(best.gain || 1e-6), level };
}

/** Says what is found; undefined where a voice over it leaves it open. */
export function found({ alike, delay_ms, echo_db, level }) {
  if (alike >= ALIKE) return { delay_ms, residual_db: Math.max(FLOOR_DB, Math.round(echo_db * 10) / 10) };
  if (level < QUIET_DB) return { delay_ms: null, residual_db: Math.max(FLOOR_DB, Math.round(level * 10) / 10) };
  return undefined;
}

export function same(one, other) {
  if (!one || !other || (one.delay_ms === null) !== (other.delay_ms === null)) return false;
  return Math.abs(one.residual_db - other.residual_db) < SAME_DB && Math.abs(one.delay_ms - other.delay_ms) <= SAME_MS;
}

export class EchoMeter {
  constructor(rate) {
    this.rate = rate;
    this.window = Math.round(rate * WINDOW_S);
    this.near = new Float32Array(this.window);
    this.far = new Float32Array(this.window + Math.round(rate * LONGEST_S));
    this.fresh = 0;
  }

  /** Take what was heard and played in the same time; returns a comparison now and then. */
  push(near, far) {
    for (const [past, now] of [[this.near, near], [this.far, far]]) {
      past.copyWithin(0, now.length);
      past.set(now, past.length - now.length);
    }
    this.fresh += near.length;
    if (this.fresh < this.rate * EVERY_S) return undefined;
    this.fresh = 0;
    return compare(this.near, this.far, this.rate);
  }
}

/** A soft rising chime of 600 ms, whose echo is told from itself to the millisecond. */
export function chime(context) {
  const length = Math.round(context.sampleRate * 0.6);
  const buffer = context.createBuffer(1, length, context.sampleRate);
  const samples = buffer.getChannelData(0);
  let phase = 0;
  for (let at = 0; at < length; at += 1) {
    const part = at / length;
    phase += (2 * Math.PI * (300 + 1300 * part)) / context.sampleRate;
    samples[at] = 0.25 * Math.sin(phase) * Math.sin(Math.PI * part);
  }
  return new AudioBufferSourceNode(context, { buffer });
}
