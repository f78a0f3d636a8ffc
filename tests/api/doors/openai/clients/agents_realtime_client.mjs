// @openai/agents-realtime over a websocket: a spoken turn, an interruption, typed text, a tool.
import { readFileSync } from 'node:fs';
import { RealtimeAgent, RealtimeSession, tool } from '@openai/agents-realtime';
import { z } from 'zod';

const [url, key, first, second] = process.argv.slice(2);
const found = { errors: [], interrupted: 0, audio: 0, ended: 0, tools: [], truncated: 0 };
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const weather = tool({
  name: 'get_weather',
  description: 'The weather in a city.',
  parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => {
    found.tools.push(city);
    return 'sunny';
  },
});
const agent = new RealtimeAgent({ name: 'Robin', instructions: 'Be kind.', tools: [weather] });
const session = new RealtimeSession(agent, { transport: 'websocket' });

let speaking = '';

// One microphone: what begins ends the silence after what was said before.
async function speak(name) {
  speaking = name;
  const data = Buffer.concat([readFileSync(name).subarray(44), Buffer.alloc(24000 * 3)]);
  for (let at = 0; at < data.length; at += 4800) {
    if (speaking !== name) return;
    const part = data.subarray(at, at + 4800);
    session.sendAudio(part.buffer.slice(part.byteOffset, part.byteOffset + part.length));
    await pause(100);
  }
}

session.on('error', (error) => found.errors.push(JSON.stringify(error.error?.message ?? error)));
session.on('audio_interrupted', () => (found.interrupted += 1));
session.on('audio', () => {
  found.audio += 1;
  if (found.audio === 10) speak(second);
});
session.on('transport_event', (event) => {
  if (event.type === 'conversation.item.truncated') found.truncated += 1;
});
const over = new Promise((resolve) => {
  session.on('transport_event', (event) => {
    if (event.type !== 'response.done') return;
    found.ended += 1;
    if (found.ended === 2) session.sendMessage('How is the weather in Oslo?');
    if (found.ended === 4) setTimeout(resolve, 500);
  });
});
await session.connect({ apiKey: key, url });
await speak(first);
await over;
found.lines = session.history
  .filter((item) => item.type === 'message')
  .map((item) => [item.role, item.status, item.content.map((part) => part.transcript ?? part.text).join('')]);
session.close();
console.log(JSON.stringify(found));
process.exit(0);
