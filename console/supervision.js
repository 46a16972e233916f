// A session in which a person listens to a running call, whispers to the agent, or speaks in its place: docs/use/supervision.md.
import { signal } from "@preact/signals";
import { post } from "./api.js";

/** Mu-law bytes as samples (G.711). */
const SAMPLES = Float32Array.from({ length: 256 }, (_, byte) => {
  const bits = ~byte & 0xff;
  const size = (((bits & 0x0f) << 3) + 0x84) << ((bits & 0x70) >> 4);
  return ((bits & 0x80 ? 0x84 - size : size - 0x84)) / 32768;
});

/** @param {number} sample from -1 to 1 */
function encode(sample) {
  const sign = sample < 0 ? 0x80 : 0;
  const size = Math.min(32635, Math.abs(Math.round(sample * 32768))) + 0x84;
  const exponent = Math.max(0, 31 - Math.clz32(size) - 7);
  return ~(sign | (exponent << 4) | ((size >> (exponent + 3)) & 0x0f)) & 0xff;
}

/** Opens a session and plays the call: the caller left, the agent right. Call it from a click, because browsers allow sound only then.
 * @param {string} path of the call @param {string} mode @param {{reason?: string}} [more] */
export async function supervise(path, mode, more = {}) {
  const state = signal({ status: "connecting", rights: /** @type {string[]} */ ([]), consent: "", isPaused: false, isSpeaking: false, isHeldBack: false, dropped: 0, error: "" });
  const levels = signal([0, 0]);
  const change = (/** @type {any} */ changes) => (state.value = { ...state.peek(), ...changes });
  const context = new AudioContext();
  await context.audioWorklet.addModule(new URL("./listener-worklet.js", import.meta.url));
  const player = new AudioWorkletNode(context, "listener", { numberOfInputs: 0, outputChannelCount: [2] });
  player.connect(context.destination);
  // The square root is nearer to what loudness sounds like.
  player.port.onmessage = ({ data }) => (levels.value = data.map(Math.sqrt));
  const opened = await post(`${path}/supervision`, { mode, ...more }).catch(async (error) => {
    await context.close();
    throw error;
  });
  const socket = new WebSocket(opened.socket_url);
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => {
    if (typeof data !== "string") {
      const bytes = new Uint8Array(data);
      const count = bytes[6] | (bytes[7] << 8);
      // The agent's side has the person's own voice, which would come back as an echo.
      if (state.peek().isSpeaking) bytes.fill(0xff, 8 + count);
      const side = (/** @type {number} */ from) => Float32Array.from(bytes.subarray(from, from + count), (byte) => SAMPLES[byte]);
      player.port.postMessage([side(8), side(8 + count)]);
      const isHeldBack = (bytes[4] & 1) === 1;
      if (isHeldBack !== state.peek().isHeldBack) change({ isHeldBack });
      return;
    }
    const message = JSON.parse(data);
    if (message.event === "began") change({ status: "listening", rights: message.rights });
    else if (message.event === "consent") change({ consent: message.consent });
    else if (message.event === "state") {
      // The end of a call takes the line back.
      if (state.peek().isSpeaking && !message.speaking) stopMicrophone();
      change({ isPaused: message.paused, isSpeaking: message.speaking });
    }
    else if (message.event === "dropped") change({ dropped: state.peek().dropped + message.ms });
    else if (message.event === "error") {
      if (!state.peek().isSpeaking) stopMicrophone();
      change({ error: message.code });
    }
  };
  socket.onclose = ({ reason }) => {
    change({ status: "over", isSpeaking: false, error: reason === "call_ended" ? "" : reason });
    stopMicrophone();
    context.close();
  };
  let microphone = /** @type {MediaStream | null} */ (null);
  const stopMicrophone = () => {
    microphone?.getTracks().forEach((track) => track.stop());
    microphone = null;
  };
  const tell = (/** @type {any} */ message) => {
    if (state.peek().error) change({ error: "" });
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  };
  return {
    state,
    levels,
    whisper: (/** @type {string} */ text) => tell({ event: "whisper", text, id: crypto.randomUUID() }),
    pause: () => tell({ event: "pause" }),
    resume: () => tell({ event: "resume" }),
    /** Asks for the line first: nothing is sent before the server has granted it. */
    speak: async () => {
      microphone = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true } });
      const source = context.createMediaStreamSource(microphone);
      const recorder = new AudioWorkletNode(context, "microphone", { numberOfOutputs: 0 });
      recorder.port.onmessage = ({ data }) => {
        if (state.peek().isSpeaking && socket.readyState === WebSocket.OPEN) socket.send(Uint8Array.from(data, encode));
      };
      source.connect(recorder);
      tell({ event: "speak" });
    },
    stop: () => {
      tell({ event: "stop" });
      stopMicrophone();
    },
    close: () => socket.close(),
  };
}
