// The loudest sample of each block that goes to the loudspeaker, with the frame at which the block begins.
class Tap extends AudioWorkletProcessor {
  process([[heard]]) {
    if (heard) this.port.postMessage([currentFrame, heard.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0)]);
    return true;
  }
}
registerProcessor("tap", Tap);
