// Lines over time, as SVG, with the value under the pointer in words.

import { h, listen, say, svg } from "./dom.js";

const WIDTH = 600;
const HEIGHT = 150;

// A chart that is drawn anew by update({series, at}). `series` are {name, kind, values}, null being a gap; `at` says
// when a value was taken. The legend tells the newest values, or those under the pointer.
export function chart({ title, format, floor = 0 }) {
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
  const top = h("span", { class: "top" });
  const legend = h("span", { class: "legend" });
  const when = h("span", { class: "when" });
  const cursor = svg("line", { class: "cursor", y1: 0, y2: HEIGHT });
  const plot = h("div", { class: "plot" }, drawing, top);
  const figure = h("figure", { class: "chart" }, h("figcaption", {}, h("b", {}, title), when, legend), plot);
  const value = (number) => (number === null || number === undefined ? "–" : format(number));
  let shown = null;
  let pointed = null;

  function read() {
    if (shown === null) return;
    const last = shown.series[0].values.length - 1;
    const at = pointed === null ? last : Math.min(last, Math.max(0, Math.round(pointed * last)));
    const x = last > 0 ? (at / last) * WIDTH : WIDTH;
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    cursor.setAttribute("visibility", pointed === null ? "hidden" : "visible");
    say(when, pointed === null || last < 0 ? "" : shown.at(at));
    const named = shown.series.length > 1;
    legend.replaceChildren(...shown.series.map((line) => h("span", { class: named ? `key ${line.kind}` : "" }, named ? `${line.name} ` : "", value(line.values[at]))));
  }

  listen(plot, {
    pointermove: (event) => {
      const box = plot.getBoundingClientRect();
      pointed = (event.clientX - box.left) / box.width;
      read();
    },
    pointerleave: () => {
      pointed = null;
      read();
    },
  });

  function update(next) {
    shown = next;
    const highest = Math.max(floor, ...next.series.flatMap((line) => line.values.filter((each) => each !== null)));
    const scale = highest > 0 ? highest * 1.08 : 1;
    const lines = next.series.map((line) => svg("path", { class: `line ${line.kind}`, d: path(line.values, scale) }));
    const areas = next.series.slice(0, 1).map((line) => svg("path", { class: `area ${line.kind}`, d: area(line.values, scale) }));
    const grid = [0.25, 0.5, 0.75].map((part) => svg("line", { class: "grid", x1: 0, x2: WIDTH, y1: HEIGHT * part, y2: HEIGHT * part }));
    drawing.replaceChildren(...grid, ...areas, ...lines, cursor);
    say(top, highest > 0 ? format(scale) : "");
    drawing.setAttribute("aria-label", summary(title, next.series, value));
    read();
  }

  return { figure, update };
}

// A line without axes, for a table or a card; its ends are told in words beside it.
export function sparkline(values, kind, label) {
  const there = values.filter((each) => each !== null);
  const drawing = svg("svg", { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label });
  if (there.length === 0) return drawing;
  const low = Math.min(...there);
  const high = Math.max(...there);
  const spread = high - low || Math.abs(high) || 1;
  const from = high === low ? low - spread / 2 : low - spread * 0.08;
  const moved = values.map((each) => (each === null ? null : each - from));
  drawing.append(svg("path", { class: `line ${kind}`, d: path(moved, spread * 1.16) }));
  return drawing;
}

function points(values, scale) {
  const step = values.length > 1 ? WIDTH / (values.length - 1) : 0;
  return values.map((value, at) => (value === null ? null : [at * step, HEIGHT - (value / scale) * HEIGHT]));
}

// A value between two gaps is a short dash, so that it can be seen.
function path(values, scale) {
  let drawn = "";
  const all = points(values, scale);
  all.forEach((point, at) => {
    if (point === null) return;
    const [x, y] = point;
    const begins = at === 0 || all[at - 1] === null;
    const alone = begins && (at === all.length - 1 || all[at + 1] === null);
    drawn += `${begins ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}${alone ? `h${all.length > 1 ? 3 : WIDTH}` : ""}`;
  });
  return drawn;
}

function area(values, scale) {
  if (values.some((value) => value === null) || values.length < 2) return "";
  return `${path(values, scale)}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}Z`;
}

function summary(title, series, value) {
  const told = series.map((line) => {
    const there = line.values.filter((each) => each !== null);
    return there.length === 0 ? `${line.name}: nothing yet` : `${line.name}: now ${value(line.values.at(-1))}, at most ${value(Math.max(...there))}`;
  });
  return `${title}. ${told.join("; ")}`;
}
