/** A spoken call from a browser to a Glow Voice service. No dependency, no build step; see docs/browser.md. */

/** Where the call is. `trouble` always has a `key`: a sentence that says what to do. */
export type State = "idle" | "connecting" | "listening" | "thinking" | "speaking" | "reconnecting" | "trouble" | "ended";

export interface CallOptions {
  /** The service's address, http(s) or ws(s); the page's own origin where left out. */
  url?: string;
  /** A Bearer token, or a function that fetches one; it is asked again at each connection. Never part of an address. */
  token: string | (() => string | Promise<string>);
  /** The chat to speak in, of `POST /attempt/start`; or a function, which is called once the token is there. */
  chat: string | (() => string);
  /** The microphone; `false` for a call that is typed. All but a chosen device are wishes. */
  input?: false | InputOptions;
  /** The loudspeaker; `false` for replies in writing alone. */
  output?: false | { deviceId?: string; volume?: number };
  /** Who ends a turn: the service at a silence (`auto`, the default), or `commit()` and `talk(false)` (`manual`). */
  turns?: "auto" | "manual";
  /** The persona speaks first. */
  greet?: boolean;
  /** The language that is spoken (BCP 47): handed on with messages and captions. */
  lang?: string;
  /** Opus both ways where the browser has WebCodecs: a tenth of the bytes. Default true. */
  opus?: boolean;
  /** Play a chime before the call is opened, and hear how much of it comes back: for loudspeakers. Default false. */
  echoCheck?: boolean;
  /** Keep the screen on during the call. Default false. */
  wakeLock?: boolean;
  /** Seconds in which a dropped call is resumed (`GLOW_RESUME_S`); after them the call goes on as a new one. Default 60. */
  resumeFor?: number;
  /** More fields of the opening message (docs/voice-websocket.md), such as `silence` or `longest_s`. */
  opening?: Record<string, unknown>;
}

export interface InputOptions {
  deviceId?: string;
  /** Take the device of this name if there is none of this id: ids change, names stay. */
  label?: string;
  echoCancellation?: boolean;
  noiseSuppression?: boolean;
  autoGainControl?: boolean;
}

/** Open a call. Call it in the handler of a tap or a key: browsers start sound nowhere else.
 *
 * Resolves when the service has answered. Rejects with a `CallError` when the microphone is refused or not there (open
 * again with `input: false` to type instead), or when the service refuses the call or cannot be reached.
 */
export function openCall(options: CallOptions): Promise<Call>;

/** The microphones and loudspeakers. Names are empty until a microphone was allowed. */
export function devices(): Promise<{ input: Device[]; output: Device[] }>;
export interface Device { deviceId: string; label: string }

/** The English sentences by key. A page in another language has its own table of the same keys. */
export const SENTENCES: Readonly<Record<string, string>>;

/** What went wrong: `key` names a sentence of `SENTENCES`, or is a code of the service, whose sentence `message` is. */
export class CallError extends Error {
  readonly key: string;
}

export interface CallEvents {
  /** The state changed, or its reason, or `muted`. `key` and `sentence` with `trouble`, `reconnecting` and `ended`. */
  state: {
    state: State; previous: State; muted: boolean; key?: string; sentence?: string;
    /** When it tries again by itself. */
    retryInMs?: number;
    /** With `ended`: the `reason` of the service's `chat_silence`. */
    reason?: string;
  };
  /** What the learner is saying, not final: grey. Empty when it was withdrawn. */
  partial: { turn: number; text: string; lang?: string };
  /** The learner's words, stored; again with the same id when the turn grew. `typed` for what `say` sent. */
  message: { turn: number; message_id: string; text: string; typed: boolean; lang?: string };
  /** The persona's reply: it begins, has some more text, is over. `heard` once it is over: what the history keeps. */
  reply: {
    turn: number; phase: "started" | "text" | "ended"; message_id: string; persona_id: string; text: string;
    heard?: string; interrupted?: boolean; truncated?: boolean; lang?: string;
  };
  /** The reply as the ear has it: comes with the sound of each word, not with its arrival. */
  caption: {
    turn: number; message_id: string;
    /** What was spoken up to and with the current word. */
    text: string;
    /** The current word's index in `text` by blanks, from 0; -1 before the first. */
    word: number;
    /** Where in the reply's audio the ear is. */
    ms: number;
    /** The last one of this reply: it was played to its end, or stopped. */
    done: boolean;
    lang?: string;
  };
  /** The microphone, about each 40 ms: decibels -60 to 0, the highest of the last second, too loud, nothing but zeros. */
  level: { db: number; peak: number; clipping: boolean; silent: boolean };
  /** Where the time of a spoken turn went (`turn.latency`), and the loudspeaker's own delay. */
  latency: {
    turn: number; endpoint_ms: number; stt_ms: number; llm_ms: number; tts_ms: number; voice_to_voice_ms: number;
    output_ms: number;
  };
  /** How much of the persona the microphone hears, behind the browser's own canceller; again when it has changed.
   * `delay_ms` is null where no echo is heard; of a `loud` one only words interrupt the persona. The service is told. */
  echo: { delay_ms: number | null; residual_db: number; loud: boolean };
  /** Something went wrong and the call goes on: a code of the service, or a key of `SENTENCES`. */
  error: { key: string; message: string };
  /** The line: `weak` after two missed answers to `ping`, `good` again, `lost`. */
  connection: { quality: "good" | "weak" | "lost" };
  /** Microphones or loudspeakers came or went: ask `devices()` again. */
  devices: Record<string, never>;
  /** Any message of the service, as it came. */
  service: { type: string; [field: string]: unknown };
}

/** A call. `openCall` makes one; make it yourself to hear the events of its opening: `new Call(options)`, then `open()`. */
export class Call extends EventTarget {
  constructor(options: CallOptions);
  /** See `openCall`. */
  open(): Promise<this>;

  readonly state: State;
  /** The call is over, or was refused: `open()` begins another. */
  readonly over: boolean;
  readonly muted: boolean;
  /** The service's `chat_voice`: ids, formats, engines. */
  readonly ready?: Record<string, unknown>;
  /** What the ear has of the last reply, from the clock of the loudspeaker. */
  readonly played: { turn: number; ms: number };
  /** The delay of the loudspeaker in milliseconds, as the browser tells it. */
  readonly outputLatency: number;
  /** The names of the devices in use; empty where there is none. */
  readonly inputLabel: string;
  volume: number;

  /** Type in place of speaking; sent again if the connection drops before it is stored. Returns its `message_id`. */
  say(text: string): string;
  /** Stop the persona at once; the call goes on. */
  stop(): void;
  /** Close or open the microphone: its track is disabled, and the service is told. */
  mute(muted: boolean): void;
  /** End the turn (`turns: "manual"`). */
  commit(): void;
  /** Push to talk: `true` opens the microphone; `false` sends 150 ms more, ends the turn, and closes it. */
  talk(pressed: boolean): void;
  /** Hang up. Resolves when all is stored, or after 5 s without an answer. */
  end(): Promise<void>;
  /** Start sound that the browser has suspended: for the one button of `trouble` with the key `suspended`. */
  wake(): Promise<void>;
  /** Try the microphone and the connection again at once: for the one button of any other trouble. */
  retry(): Promise<void>;
  /** Take another microphone during the call; "" for the system's choice. */
  pickInput(deviceId: string): Promise<void>;
  /** Take another loudspeaker during the call, where the browser can (`setSinkId`). */
  pickOutput(deviceId: string): Promise<void>;

  addEventListener<K extends keyof CallEvents>(
    type: K, listener: (event: CustomEvent<CallEvents[K]>) => void, options?: boolean | AddEventListenerOptions,
  ): void;
}
