// Plays speech that arrives faster or slower than it sounds. Browsers choose their own rate (Safari always), so it resamples.
// Messages in: `{samples}` (Float32Array) is played after what is queued; `{mark}` is returned once everything before it has
// been played; `{clear}` drops the queue and returns its marks. Out: `{mark}` and, about ten times a second, `{level}`.

// An utterance begins to sound with this much audio, or after this long, so that an uneven network is not heard.
const LEAD_S = 0.08;
const LEVEL_EVERY_S = 0.1;

class Player extends AudioWorkletProcessor {
  /** @param {{processorOptions: {rate: number}}} options rate: of the samples that come, in Hz */
  constructor(options) {
    super();
    this.rate = options.processorOptions.rate;
    this.ring = new Float32Array(this.rate * 8);
    this.written = 0;
    this.read = 0;
    /** @type {{name: string, at: number}[]} */
    this.marks = [];
    this.waited = 0; // seconds since audio came for a silent queue
    this.isPlaying = false;
    this.peak = 0;
    this.levelIn = 0;
    this.port.onmessage = ({ data }) => {
      if (data.samples) this.take(data.samples);
      else if (data.mark !== undefined) this.marks.push({ name: data.mark, at: this.written });
      else if (data.clear) this.read = this.written;
    };
  }

  /** Grows the ring while needed: a whole answer may come at once. @param {Float32Array} samples */
  take(samples) {
    const first = Math.floor(this.read);
    if (this.written - first + samples.length > this.ring.length) {
      const larger = new Float32Array(2 * (this.written - first + samples.length));
      for (let at = first; at < this.written; at++) larger[at % larger.length] = this.ring[at % this.ring.length];
      this.ring = larger;
    }
    for (let i = 0; i < samples.length; i++, this.written++) this.ring[this.written % this.ring.length] = samples[i];
  }

  /** @param {Float32Array[][]} _inputs @param {Float32Array[][]} outputs */
  process(_inputs, outputs) {
    const output = outputs[0][0];
    const step = this.rate / sampleRate;
    const seconds = output.length / sampleRate;
    const queued = (this.written - this.read) / this.rate;
    if (queued <= 0) this.isPlaying = false;
    else if (!this.isPlaying) {
      this.waited += seconds;
      this.isPlaying = queued >= LEAD_S || this.waited >= LEAD_S;
    }
    if (this.isPlaying) {
      this.waited = 0;
      for (let i = 0; i < output.length && this.read < this.written; i++) {
        const from = Math.floor(this.read);
        const part = this.read - from;
        const here = this.ring[from % this.ring.length];
        const next = from + 1 < this.written ? this.ring[(from + 1) % this.ring.length] : 0;
        output[i] = here * (1 - part) + next * part;
        this.peak = Math.max(this.peak, Math.abs(output[i]));
        this.read += step;
      }
      if (this.read > this.written) this.read = this.written;
    }
    while (this.marks.length && this.marks[0].at <= this.read) this.port.postMessage({ mark: this.marks[0].name }), this.marks.shift();
    this.levelIn -= seconds;
    if (this.levelIn <= 0) {
      this.port.postMessage({ level: this.peak });
      this.peak = 0;
      this.levelIn = LEVEL_EVERY_S;
    }
    return true;
  }
}

registerProcessor("player", Player);
