// A call's recording: both sides as waves, with the waits between them; the caller is the left channel, the agent the right one.
import { useEffect, useRef, useState } from "preact/hooks";
import { duration, t } from "../i18n.js";
import { Button, ErrorBox, Icon, html, useAction } from "../ui.js";

const COLUMNS = 1200;
/** How far around the playhead words are shown. */
const AROUND_MS = 2_500;

/** The loudest sample of each column. @param {Float32Array} samples */
function peaksOf(samples) {
  const size = samples.length / COLUMNS;
  return Array.from({ length: COLUMNS }, (_, i) => {
    let peak = 0;
    for (let at = Math.floor(i * size), end = Math.floor((i + 1) * size); at < end; at++) peak = Math.max(peak, Math.abs(samples[at]));
    return peak;
  });
}

/** @param {{load: () => Promise<Response>, utterances: any[], words: any[], cuts: number[], onTime: (ms: number) => void, seek: {current: (ms: number) => void}}} props cuts: moments in ms at which the caller stopped the agent */
export function Recording({ load, utterances, words, cuts, onTime, seek }) {
  const audio = useRef(/** @type {HTMLAudioElement | null} */ (null));
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const [sound, setSound] = useState(/** @type {{url: string, seconds: number, peaks: number[][]} | null} */ (null));
  const [at, setAt] = useState(0);
  const [playing, setPlaying] = useState(false);
  const { busy, error, run } = useAction(async () => {
    const blob = await (await load()).blob();
    const decoded = await new OfflineAudioContext(2, 8000, 8000).decodeAudioData(await blob.arrayBuffer());
    const sides = decoded.numberOfChannels > 1 ? [decoded.getChannelData(0), decoded.getChannelData(1)] : [decoded.getChannelData(0)];
    setSound({ url: URL.createObjectURL(blob), seconds: decoded.duration, peaks: sides.map(peaksOf) });
  });
  useEffect(() => {
    run();
  }, []);
  useEffect(() => () => { if (sound) URL.revokeObjectURL(sound.url); }, [sound]);
  useEffect(() => {
    if (sound && canvas.current) draw(canvas.current, sound, utterances, cuts, at);
  }, [sound, at, utterances, cuts]);
  useEffect(() => {
    seek.current = (ms) => {
      if (!audio.current) return;
      audio.current.currentTime = ms / 1000;
      audio.current.play();
    };
    if (!playing) return;
    let frame = 0;
    const follow = () => {
      const seconds = audio.current?.currentTime || 0;
      setAt(seconds);
      onTime(seconds * 1000);
      frame = requestAnimationFrame(follow);
    };
    follow();
    return () => cancelAnimationFrame(frame);
  }, [playing, sound]);
  const jump = (/** @type {number} */ seconds) => {
    if (audio.current) audio.current.currentTime = seconds;
    setAt(seconds);
    onTime(seconds * 1000);
  };
  return html`<section class="card" aria-label=${t("Recording")}>
    ${error ? html`<${ErrorBox} error=${error} retry=${run} />` : null}
    <div class="wave"><canvas ref=${canvas} width="1200" height="272" aria-hidden="true"></canvas><span class="legend caller">${t("Caller")}</span><span class="legend agent">${t("Agent")}</span>
      <input type="range" min="0" max=${sound?.seconds || 1} step="0.1" value=${at} disabled=${!sound} aria-label=${t("Place in the recording")} aria-valuetext=${`${duration(at)} / ${duration(sound?.seconds)}`} onInput=${(/** @type {any} */ event) => jump(Number(event.target.value))} /></div>
    <div class="caption" aria-hidden="true">${["caller", "agent"].map((speaker) => html`<p key=${speaker} class=${speaker}>${words.filter((word) => word.speaker === speaker && word.end_ms > at * 1000 - AROUND_MS && word.start_ms < at * 1000 + AROUND_MS).map((word) => html`<span key=${word.start_ms} class=${at * 1000 >= word.start_ms && at * 1000 < word.end_ms ? "said" : ""}>${word.text} </span>`)}</p>`)}</div>
    <div class="player">
      <${Button} busy=${busy} disabled=${!sound} onClick=${() => (playing ? audio.current?.pause() : audio.current?.play())}><${Icon} name=${playing ? "pause" : "play"} />${playing ? t("Pause") : t("Play")}<//>
      <span class="clock">${duration(at)} / ${duration(sound?.seconds)}</span>
      <select class="small" aria-label=${t("Speed")} onChange=${(/** @type {any} */ event) => audio.current && (audio.current.playbackRate = Number(event.target.value))}>${[1, 1.25, 1.5, 2].map((speed) => html`<option key=${speed} value=${speed}>${speed}×</option>`)}</select>
      ${sound ? html`<a class="button plain" href=${sound.url} download="recording.wav">${t("Download")}</a>` : null}
      <span class="quiet">${t("Shaded: the caller waits for the answer.")}${cuts.length ? ` ${t("Red line: the caller interrupts.")}` : ""}</span>
    </div>
    ${sound ? html`<audio ref=${audio} src=${sound.url} onPlay=${() => setPlaying(true)} onPause=${() => setPlaying(false)} onEnded=${() => setPlaying(false)}></audio>` : null}
  </section>`;
}

/** @param {HTMLCanvasElement} canvas @param {{seconds: number, peaks: number[][]}} sound @param {any[]} utterances @param {number[]} cuts @param {number} at */
function draw(canvas, { seconds, peaks }, utterances, cuts, at) {
  const context = canvas.getContext("2d");
  if (!context) return;
  const { width, height } = canvas;
  const style = getComputedStyle(canvas);
  const color = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
  context.clearRect(0, 0, width, height);
  const middle = height / peaks.length;
  context.fillStyle = color("--warn-soft");
  for (const [i, { speaker, start_ms: start }] of utterances.entries()) {
    const before = utterances[i - 1];
    if (speaker !== "agent" || before?.speaker !== "caller" || start <= before.end_ms) continue;
    context.fillRect((width * before.end_ms) / 1000 / seconds, 0, (width * (start - before.end_ms)) / 1000 / seconds, height);
  }
  peaks.forEach((side, row) => {
    const center = middle * (row + 0.5);
    side.forEach((peak, i) => {
      const x = (i * width) / COLUMNS;
      const size = Math.max(1, Math.sqrt(peak) * (middle / 2 - 4));
      context.fillStyle = color(row ? "--agent" : "--caller");
      context.globalAlpha = x / width <= at / seconds ? 1 : 0.5;
      context.fillRect(x, center - size, Math.max(1, width / COLUMNS - 0.25), size * 2);
    });
  });
  context.globalAlpha = 1;
  context.fillStyle = color("--bad");
  for (const cut of cuts) context.fillRect((width * cut) / 1000 / seconds - 1, 0, 3, height);
  context.fillStyle = color("--text");
  context.fillRect((width * at) / seconds - 1, 0, 2, height);
}
