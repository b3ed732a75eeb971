// Lines over time, as SVG, with the value under the pointer in words.

import { h, listen, say, svg } from "./dom.js";

const WIDTH = 600;
const HEIGHT = 150;
const HEADROOM = 1.18; // for the figure at the top

// A chart that is drawn anew by update({series, at}). `series` are {name, kind, values}, null being a gap; `at` says
// when a value was taken. The legend tells the newest values, or those under the pointer. With `log` heights are
// logarithms, so that one slow minute does not flatten the others.
export function chart({ title, format, floor = 0, log = false }) {
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
  const top = h("span", { class: "top" });
  const bottom = h("span", { class: "bottom" });
  const legend = h("span", { class: "legend" });
  const when = h("span", { class: "when" });
  const cursor = svg("line", { class: "cursor", y1: 0, y2: HEIGHT });
  const plot = h("div", { class: "plot" }, drawing, top, bottom);
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
    const there = next.series.flatMap((line) => line.values.filter((each) => each > 0));
    const high = Math.max(floor, ...there);
    const low = Math.min(high, ...there);
    const height = log ? logarithmic(low / 2, high) : (each) => each / (high || 1);
    const drawn = next.series.map((line) => line.values.map((each) => (each === null ? null : height(each))));
    const areas = log ? [] : [svg("path", { class: `area ${next.series[0].kind}`, d: area(drawn[0], HEADROOM) })];
    const lines = next.series.map((line, at) => svg("path", { class: `line ${line.kind}`, d: path(drawn[at], HEADROOM) }));
    const grid = [0.25, 0.5, 0.75].map((part) => svg("line", { class: "grid", x1: 0, x2: WIDTH, y1: HEIGHT * part, y2: HEIGHT * part }));
    drawing.replaceChildren(...grid, ...areas, ...lines, cursor);
    say(top, high > 0 ? format(high) : "");
    say(bottom, log && high > 0 ? format(low / 2) : "");
    drawing.setAttribute("aria-label", summary(title, next.series, value));
    read();
  }

  return { figure, update };
}

// A height of 0 to 1 for what lies between the two; what is less, 0 among it, lies on the ground.
function logarithmic(low, high) {
  return (each) => (each <= low || high <= low ? 0 : Math.log(each / low) / Math.log(high / low));
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
