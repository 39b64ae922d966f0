// Colours that people who see colours differently can tell apart, and that survive grey printing.

// Viridis (Smith and van der Walt 2015) without the end that is lost on the paper: from what stands
// out most to what stands out least.
const RAMPS = {
  light: ["#440154", "#482777", "#3f4a8a", "#31678e", "#26838f", "#1f9d8a", "#42b873", "#7fc34a", "#b5c82a"],
  dark: ["#fde725", "#b8de29", "#73d055", "#3cbb75", "#20a387", "#238a8d", "#2f7a9a", "#4a72a8", "#5f6fb5"],
};
// Okabe and Ito, "Color Universal Design" (2008), with two more; brighter on dark paper.
const NAMES = {
  light: ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d00", "#7a4fa3"],
  dark: ["#4aa8e8", "#ff8a3d", "#2fc79a", "#e39ac4", "#f0b323", "#9cd4f5", "#c9a94a", "#b08ad8"],
};
const dark = matchMedia("(prefers-color-scheme: dark)");
const look = () => (dark.matches ? "dark" : "light");
const MOST_NAMES = NAMES.light.length;
const STEPS = 64;
const DASHES = { complete: [], pruned: [7, 4], failed: [2, 4], running: [10, 3, 2, 3] };
const STATES = ["complete", "pruned", "failed", "running"];

let ramp = []; // from the lowest value to the highest
let named = [];

// What is better stands out: the low end, or the high end where more is better.
function fillColours(column) {
  const stops = column.goal === "maximize" ? [...RAMPS[look()]].reverse() : RAMPS[look()];
  ramp = Array.from({ length: STEPS }, (_, step) => mixed(stops, step / (STEPS - 1)));
  named = NAMES[look()];
}

function mixed(stops, share) {
  const place = share * (stops.length - 1);
  const [a, b] = [stops[Math.floor(place)], stops[Math.ceil(place)]].map(rgb);
  return `rgb(${a.map((v, i) => Math.round(v + (b[i] - v) * (place % 1))).join(",")})`;
}

function rgb(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

// The page's own colours, which follow its light or dark look.
function css(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

let paint = []; // the colour of each row

function recolour() {
  const column = view.colour;
  const none = css("none");
  fillColours(column);
  paint = allRows.map(() => none);
  for (const row of view.kept) paint[row] = colourAt(column, row, none);
  legend(column);
}

function colourAt(column, row, none) {
  if (column.slotOf[row] < 0) {
    const share = (column.unit[row] - column.base) / (1 - column.base);
    return ramp[Math.round(share * (STEPS - 1))];
  }
  const key = column.slots[column.slotOf[row]];
  if (column.kind === "number" || key === null || column.slotOf[row] >= MOST_NAMES) return none;
  return named[column.slotOf[row]];
}

function legend(column) {
  const place = document.getElementById("legend");
  place.replaceChildren(...(column.kind === "number" ? rampLegend(column) : namedLegend(column)));
  const present = STATES.filter((state) => states.includes(state));
  if (present.length > 1) place.append(...present.map(stateLegend));
}

function rampLegend(column) {
  if (!column.continuous) return [element("span", {}, "no numbers")];
  const bar = element("canvas", { width: 140, height: 10, className: "ramp" });
  const context = bar.getContext("2d");
  for (let x = 0; x < 140; x++) {
    context.fillStyle = ramp[Math.round((x / 139) * (STEPS - 1))];
    context.fillRect(x, 0, 1, 10);
  }
  const others = column.slots.length ? [swatch(css("none"), "no number")] : [];
  return [element("span", {}, shown(column.low, 3)), bar, element("span", {}, shown(column.high, 3)), ...others];
}

function namedLegend(column) {
  const keys = column.slots.filter((key) => key !== null).slice(0, MOST_NAMES);
  const rest = column.slots.length > keys.length ? [swatch(css("none"), "other")] : [];
  return [...keys.map((key, number) => swatch(named[number], key)), ...rest];
}

function swatch(colour, name) {
  const patch = element("i", {});
  patch.style.background = colour;
  return element("span", { className: "swatch" }, patch, name);
}

function stateLegend(state) {
  const sample = element("canvas", { width: 34, height: 8 });
  const context = sample.getContext("2d");
  context.strokeStyle = css("ink");
  context.lineWidth = 2;
  context.setLineDash(DASHES[state]);
  context.stroke(new Path2D("M0 4H34"));
  return element("span", { className: "swatch" }, sample, state);
}

// An HTML element with properties and children; text is text and never HTML.
function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}
