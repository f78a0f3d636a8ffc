// Calls over WebRTC as pages make them: with the browser's own connection, and with OpenAI's Agents SDK.
globalThis.rtc = {
  async open({ secret, model }) {
    const connection = (rtc.connection = new RTCPeerConnection());
    rtc.speaker = new Audio();
    rtc.speaker.autoplay = true;
    connection.ontrack = ({ streams, track }) => (rtc.speaker.srcObject = streams[0] ?? new MediaStream([track]));
    const microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
    connection.addTrack(microphone.getTracks()[0]);
    rtc.channel = connection.createDataChannel("oai-events");
    rtc.channel.onmessage = ({ data }) => {
      const event = JSON.parse(data);
      harness.add(event.type, event);
    };
    await connection.setLocalDescription(await connection.createOffer());
    const answer = await fetch(`/v1/realtime/calls?model=${model}`, {
      method: "POST",
      body: connection.localDescription.sdp,
      headers: { Authorization: `Bearer ${secret}`, "Content-Type": "application/sdp" },
    });
    if (!answer.ok) throw new Error(await answer.text());
    rtc.location = answer.headers.get("Location");
    await connection.setRemoteDescription({ type: "answer", sdp: await answer.text() });
    return rtc.location;
  },

  send(event) {
    rtc.channel.send(JSON.stringify(event));
  },

  /** What was heard: seconds, and how loud all of it was. */
  async heard() {
    for (const report of (await rtc.connection.getStats()).values()) {
      if (report.type === "inbound-rtp") return [report.totalSamplesDuration, report.totalAudioEnergy, report.concealedSamples];
    }
    return [0, 0, 0];
  },

  /** A session of the Agents SDK, with its default transport in a browser. */
  async session({ secret }) {
    const { RealtimeAgent, RealtimeSession } = globalThis.OpenAIAgentsRealtime;
    const agent = new RealtimeAgent({ name: "Robin", instructions: "Be kind." });
    const session = (rtc.agents = new RealtimeSession(agent));
    session.on("error", (error) => harness.add("failed", { error: String(error.error?.message ?? JSON.stringify(error)) }));
    session.on("transport_event", (event) => harness.add(event.type, event));
    await session.connect({ apiKey: secret, url: `${location.origin}/v1/realtime/calls` });
    return [session.transport.constructor.name, session.transport.status, session.transport.callId];
  },

  lines() {
    return rtc.agents.history
      .filter(({ type }) => type === "message")
      .map(({ role, status, content }) => [role, status, content.map((part) => part.transcript ?? part.text).join("")]);
  },
};
