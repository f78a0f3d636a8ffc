// openai-realtime-api, which speaks the beta dialect: typed text, a tool, and a spoken turn.
import { readFileSync } from 'node:fs';
import { RealtimeClient } from 'openai-realtime-api';

const [url, key, first] = process.argv.slice(2);
const found = { errors: [], said: [], heard: [], tools: [], audio: 0 };
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const client = new RealtimeClient({ url, apiKey: key, sessionConfig: { instructions: 'Be kind.', turn_detection: { type: 'server_vad' } } });
const definition = { name: 'get_weather', description: 'The weather.', parameters: { type: 'object', properties: { city: { type: 'string' } } } };
client.addTool(definition, async ({ city }) => {
  found.tools.push(city);
  return 'sunny';
});
client.on('error', (event) => found.errors.push(JSON.stringify(event)));
const over = new Promise((resolve) => {
  client.on('conversation.item.completed', ({ item }) => {
    if (item.role === 'assistant') found.said.push(item.formatted.transcript || item.formatted.text);
    if (found.said.length === 2) resolve();
  });
});
client.on('realtime.event', ({ event }) => {
  if (event.type === 'response.audio.delta') found.audio += 1;
  if (event.type === 'conversation.item.input_audio_transcription.completed') found.heard.push(event.transcript);
});
await client.connect();
await client.waitForSessionCreated();
client.sendUserMessageContent([{ type: 'input_text', text: 'How is the weather in Oslo?' }]);
while (found.said.length < 1) await pause(100);
const data = Buffer.concat([readFileSync(first).subarray(44), Buffer.alloc(24000 * 3)]);
for (let at = 0; at < data.length; at += 4800) {
  client.appendInputAudio(new Int16Array(Uint8Array.from(data.subarray(at, at + 4800)).buffer));
  await pause(100);
}
await over;
client.disconnect();
console.log(JSON.stringify(found));
process.exit(0);
