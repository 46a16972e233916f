// A test call from this page, by microphone or by typed words: docs/use/browser-socket.md.
import { signal } from "@preact/signals";
import { post } from "./api.js";

const RATE = 8000;
/** Reasons with which the server closes the socket of a call that was refused. */
const POLICY = 1008;

/** The microphones that the browser names; without the permission it names none. @returns {Promise<{id: string, name: string}[]>} */
export async function listMicrophones() {
  const devices = (await navigator.mediaDevices?.enumerateDevices?.()) || [];
  return devices.filter((device) => device.kind === "audioinput" && device.label).map((device) => ({ id: device.deviceId, name: device.label }));
}

/** Begins a call. Call it from a click, because browsers allow sound only then.
 * @param {string} agentPath of the agent @param {{uses_draft?: boolean}} body
 * @param {{device?: string} | null} microphone device: the default one if empty; null: the caller only types */
export async function startTestCall(agentPath, body, microphone) {
  const state = signal({ status: "connecting", isMuted: false, error: "" });
  const levels = signal({ caller: 0, agent: 0 });
  const change = (/** @type {any} */ changes) => (state.value = { ...state.peek(), ...changes });
  const context = new AudioContext();
  let voice = /** @type {MediaStream | null} */ (null);
  const free = () => {
    voice?.getTracks().forEach((track) => track.stop());
    voice = null;
    if (context.state !== "closed") context.close();
  };
  try {
    // The permission comes first: a token is valid for a minute, and a person may think for longer.
    if (microphone) {
      const device = microphone.device ? { deviceId: { exact: microphone.device } } : {};
      voice = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1, ...device } });
    }
    await context.resume();
    for (const name of ["audio/player-worklet.js", "listener-worklet.js"]) await context.audioWorklet.addModule(new URL(name, import.meta.url));
    const begun = await post(`${agentPath}/browser-calls`, body);
    return { callId: /** @type {string} */ (begun.call_id), isSpoken: !!microphone, state, levels, ...connect(begun.socket_url) };
  } catch (error) {
    free();
    throw error;
  }

  /** @param {string} url */
  function connect(url) {
    const player = new AudioWorkletNode(context, "player", { numberOfInputs: 0, outputChannelCount: [1], processorOptions: { rate: RATE } });
    player.connect(context.destination);
    // The call's clock is the audio received: without a microphone, or muted, silence is sent.
    const source = voice ? context.createMediaStreamSource(voice) : new ConstantSourceNode(context, { offset: 0 });
    if (source instanceof ConstantSourceNode) source.start();
    const gain = new GainNode(context);
    const recorder = new AudioWorkletNode(context, "microphone", { outputChannelCount: [1] });
    source.connect(gain).connect(recorder).connect(context.destination);

    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    const tell = (/** @type {any} */ message) => socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify(message));
    socket.onopen = () => {
      tell({ event: "start", format: { encoding: "pcm_s16le", sample_rate: RATE } });
      change({ status: "talking" });
    };
    recorder.port.onmessage = ({ data }) => {
      if (socket.readyState !== WebSocket.OPEN) return;
      let peak = 0;
      const frame = Int16Array.from(data, (/** @type {number} */ sample) => {
        peak = Math.max(peak, Math.abs(sample));
        return Math.max(-1, Math.min(1, sample)) * 32767;
      });
      socket.send(littleEndian(frame));
      levels.value = { ...levels.peek(), caller: peak };
    };
    player.port.onmessage = ({ data }) => {
      // A mark counts when the sound has left the speaker.
      if (data.mark !== undefined) setTimeout(() => tell({ event: "mark", name: data.mark }), 1000 * (context.outputLatency || context.baseLatency || 0));
      else levels.value = { ...levels.peek(), agent: data.level };
    };
    socket.onmessage = ({ data }) => {
      if (typeof data !== "string") {
        const view = new DataView(data);
        player.port.postMessage({ samples: Float32Array.from({ length: data.byteLength / 2 }, (_, i) => view.getInt16(2 * i, true) / 32768) });
        return;
      }
      const message = JSON.parse(data);
      if (message.event === "mark") player.port.postMessage({ mark: message.name });
      else if (message.event === "clear") player.port.postMessage({ clear: true });
    };
    socket.onclose = ({ code, reason }) => {
      const isRefused = code === POLICY || (code !== 1000 && state.peek().status === "connecting");
      change({ status: "over", error: isRefused ? reason || "connection_failed" : "" });
      free();
    };
    return {
      press: (/** @type {string} */ digit) => tell({ event: "dtmf", digit }),
      type: (/** @type {string} */ text) => tell({ event: "text", text }),
      mute: (/** @type {boolean} */ isMuted) => {
        gain.gain.value = isMuted ? 0 : 1;
        change({ isMuted });
      },
      hangUp: () => {
        tell({ event: "stop" });
        socket.close();
      },
    };
  }
}

/** @param {Int16Array} samples */
function littleEndian(samples) {
  const view = new DataView(new ArrayBuffer(2 * samples.length));
  samples.forEach((sample, i) => view.setInt16(2 * i, sample, true));
  return view.buffer;
}
