// OpenAI's client for Node over wss: a spoken turn, an interruption, a tool, typed text; and REST.
import { readFileSync } from 'node:fs';
import OpenAI, { toFile } from 'openai';
import { OpenAIRealtimeWS } from 'openai/realtime/ws';

const [url, key, first, second] = process.argv.slice(2);
const client = new OpenAI({ apiKey: key, baseURL: url });
const found = { errors: [], kinds: [], heard: [], said: [], statuses: [], audio: 0, tools: [] };
const rt = new OpenAIRealtimeWS({ model: 'gpt-realtime' }, client);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let speaking = '';

// One microphone: what begins ends the silence after what was said before.
async function speak(name) {
  speaking = name;
  const data = Buffer.concat([readFileSync(name).subarray(44), Buffer.alloc(24000 * 3)]);
  for (let at = 0; at < data.length; at += 4800) {
    if (speaking !== name) return;
    rt.send({ type: 'input_audio_buffer.append', audio: data.subarray(at, at + 4800).toString('base64') });
    await pause(100);
  }
}

rt.on('error', (error) => found.errors.push(error.message));
rt.on('event', (event) => found.kinds.includes(event.type) || found.kinds.push(event.type));
rt.on('conversation.item.input_audio_transcription.completed', (event) => found.heard.push(event.transcript));
rt.on('response.output_audio.delta', () => {
  found.audio += 1;
  if (found.audio === 10) speak(second);
});
rt.on('response.function_call_arguments.done', (event) => {
  found.tools.push(JSON.parse(event.arguments).city);
  const item = { type: 'function_call_output', call_id: event.call_id, output: 'sunny' };
  rt.send({ type: 'conversation.item.create', item });
  rt.send({ type: 'response.create' });
});
const over = new Promise((resolve) => {
  rt.on('response.done', ({ response }) => {
    found.statuses.push(response.status);
    found.said.push(response.output.map((item) => (item.content ?? []).map((part) => part.transcript).join('')).join(''));
    if (found.statuses.length === 2) {
      const content = [{ type: 'input_text', text: 'How is the weather in Oslo?' }];
      rt.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content } });
      rt.send({ type: 'response.create' });
    }
    if (found.statuses.length === 4) resolve();
  });
});
rt.socket.on('open', () => {
  const parameters = { type: 'object', properties: { city: { type: 'string' } } };
  const tools = [{ type: 'function', name: 'get_weather', description: 'The weather.', parameters }];
  rt.send({ type: 'session.update', session: { type: 'realtime', instructions: 'Be kind.', tools } });
  speak(first);
});
await over;
rt.close();

found.models = (await client.models.list()).data.length;
const speech = await client.audio.speech.create({ model: 'tts-1', voice: 'alloy', input: 'Good morning.', response_format: 'pcm' });
found.speechSeconds = (await speech.arrayBuffer()).byteLength / 48000;
const file = await toFile(readFileSync(first), 'speech.wav');
found.transcribed = (await client.audio.transcriptions.create({ model: 'whisper-1', file })).text;
const answer = await client.chat.completions.create({ model: 'x', messages: [{ role: 'user', content: 'Hello.' }] });
found.answer = answer.choices[0].message.content;
console.log(JSON.stringify(found));
process.exit(0);
