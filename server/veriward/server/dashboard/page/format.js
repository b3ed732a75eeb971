// Figures as people read them.

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export function count(value) {
  if (value < 10_000) return WHOLE.format(value);
  const units = [[1e9, "G"], [1e6, "M"], [1e3, "k"]];
  const [size, unit] = units.find(([size]) => value >= size);
  return `${(value / size).toPrecision(3)}${unit}`;
}

export function rate(value) {
  return value === 0 ? "0" : value < 10 ? value.toFixed(2).replace(/\.?0+$/, "") || "0" : count(value);
}

export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0 s";
  if (value < 0.001) return `${Math.round(value * 1e6)} µs`;
  if (value < 1) return `${Number((value * 1e3).toPrecision(2))} ms`;
  if (value < 120) return `${Number(value.toPrecision(3))} s`;
  if (value < 7200) return `${Math.round(value / 60)} min`;
  return value < 172_800 ? `${Math.round(value / 3600)} h` : `${Math.round(value / 86_400)} days`;
}

export function reward(value) {
  return value === null || value === undefined ? "–" : String(Number(value.toFixed(3)));
}

export function share(value) {
  return value === null || value === undefined ? "–" : `${(value * 100).toFixed(value > 0 && value < 0.01 ? 2 : value < 0.1 ? 1 : 0)} %`;
}

export function signed(value) {
  return `${value > 0 ? "+" : value < 0 ? "−" : "±"}${Math.abs(value).toFixed(3).replace(/\.?0+$/, "") || "0"}`;
}

export function clock(at) {
  return new Date(at * 1000).toLocaleTimeString("en-GB");
}

export function day(at, step) {
  const date = new Date(at * 1000);
  const time = date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  return step < 600 ? time : `${date.toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${time}`;
}

export const source = (name) => name || "(no source)";
