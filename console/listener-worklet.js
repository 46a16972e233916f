// Plays the two sides of a running call, and takes a microphone down to 8 kHz. Browsers choose their own rate, so both resample.
const SIDES = 2;
const SOURCE_RATE = 8000;
const SECONDS_KEPT = 4;
// Playback begins with this much, so that an uneven network is not heard; more than the last value is skipped.
const [LEAD, MOST] = [0.15, 0.8];

class Listener extends AudioWorkletProcessor {
  constructor() {
    super();
    this.size = SOURCE_RATE * SECONDS_KEPT;
    this.rings = Array.from({ length: SIDES }, () => new Float32Array(this.size));
    this.written = 0;
    this.read = 0;
    this.isPlaying = false;
    this.levels = [0, 0];
    this.unreported = 0;
    this.port.onmessage = ({ data }) => this.take(data);
  }

  /** @param {Float32Array[]} sides */
  take(sides) {
    for (let i = 0; i < sides[0].length; i++, this.written++) {
      const at = this.written % this.size;
      for (let side = 0; side < SIDES; side++) this.rings[side][at] = sides[side][i];
    }
    const waiting = this.written - this.read;
    if (waiting > MOST * SOURCE_RATE) this.read = this.written - LEAD * SOURCE_RATE;
    if (!this.isPlaying && waiting > LEAD * SOURCE_RATE) this.isPlaying = true;
  }

  /** @param {Float32Array[][]} inputs @param {Float32Array[][]} outputs */
  process(inputs, outputs) {
    const output = outputs[0];
    const step = SOURCE_RATE / sampleRate;
    for (let i = 0; i < output[0].length; i++) {
      if (!this.isPlaying || this.read + 1 >= this.written) {
        this.isPlaying = false;
        break;
      }
      const from = Math.floor(this.read);
      const part = this.read - from;
      for (let side = 0; side < SIDES; side++) {
        const ring = this.rings[side];
        const sample = ring[from % this.size] * (1 - part) + ring[(from + 1) % this.size] * part;
        output[side % output.length][i] = sample;
        this.levels[side] = Math.max(this.levels[side], Math.abs(sample));
      }
      this.read += step;
    }
    this.unreported += output[0].length;
    if (this.unreported > 0.08 * sampleRate) {
      this.port.postMessage(this.levels);
      this.levels = [0, 0];
      this.unreported = 0;
    }
    return true;
  }
}

class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    this.sum = 0;
    this.count = 0;
    this.phase = 0;
    /** @type {number[]} */
    this.samples = [];
  }

  /** @param {Float32Array[][]} inputs */
  process(inputs) {
    for (const sample of inputs[0][0] || []) {
      this.sum += sample;
      this.count++;
      this.phase += SOURCE_RATE / sampleRate;
      if (this.phase < 1) continue;
      this.phase -= 1;
      this.samples.push(this.sum / this.count);
      this.sum = this.count = 0;
    }
    // 40 ms.
    if (this.samples.length >= 320) this.port.postMessage(this.samples.splice(0, 320));
    return true;
  }
}

registerProcessor("listener", Listener);
registerProcessor("microphone", Microphone);
