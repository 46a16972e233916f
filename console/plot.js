// Plots by µPlot, in the colors of the theme.
import uPlot from "uplot";
import { useEffect, useRef } from "preact/hooks";
import { language } from "./i18n.js";
import { html } from "./ui.js";

let isStyled = false;

/** Bars or a line. @param {{title: string, labels: string[], values: (number | null)[], format?: (value: number) => string, kind?: "bars" | "line", color?: string}} props */
export function Plot({ title, labels, values, format = String, kind = "bars", color = "--accent" }) {
  const place = useRef(/** @type {HTMLDivElement | null} */ (null));
  useEffect(() => {
    const holder = place.current;
    if (!holder) return;
    if (!isStyled) {
      const sheet = Object.assign(document.createElement("link"), { rel: "stylesheet", href: new URL("./vendor/uplot.css", import.meta.url).href });
      document.head.append(sheet);
      isStyled = true;
    }
    const style = getComputedStyle(holder);
    const of = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
    const axis = { stroke: of("--quiet"), grid: { stroke: of("--line"), width: 1 }, ticks: { stroke: of("--line"), width: 1 }, font: "12px system-ui" };
    const isWhole = values.every((value) => Number.isInteger(value));
    const plot = new uPlot({
      width: holder.clientWidth || 600, height: 240, legend: { show: false }, cursor: { y: false, points: { show: kind === "line" } },
      scales: { x: { time: false, range: [-0.6, labels.length - 0.4] }, y: { range: (_, low, high) => [0, Math.max(high || 0, 1e-6) * 1.12] } },
      axes: [{ ...axis, grid: { show: false }, values: (_, at) => at.map((i) => (Number.isInteger(i) ? labels[i] ?? "" : "")), space: 64 }, { ...axis, size: 64, ...(isWhole ? { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000] } : {}), values: (_, at) => at.map((value) => (isWhole && !Number.isInteger(value) ? "" : format(value))) }],
      series: [{}, { label: title, stroke: of(color), width: kind === "bars" ? 0 : 2, fill: kind === "bars" ? of(color) : undefined, paths: kind === "bars" ? uPlot.paths.bars?.({ size: [0.7, 64] }) : undefined, points: { show: kind === "line" } }],
    }, [labels.map((_, i) => i), values], holder);
    const resized = new ResizeObserver(() => plot.setSize({ width: holder.clientWidth, height: 240 }));
    resized.observe(holder);
    return () => {
      resized.disconnect();
      plot.destroy();
    };
  }, [JSON.stringify([labels, values]), language.value]);
  const words = labels.map((name, i) => `${name}: ${values[i] === null ? "–" : format(/** @type {number} */ (values[i]))}`);
  return html`<figure class="plot"><div ref=${place} role="img" aria-label=${`${title}. ${words.slice(0, 40).join("; ")}`}></div></figure>`;
}
