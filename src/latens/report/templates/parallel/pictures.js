// Below the parallel coordinates: scores by trial, fronts, the scatter matrix, importance.

const CHART = { width: 520, height: 300 };
const MOST_CELLS = 6; // columns of the scatter matrix
const charts = [];
const matrix = { columns: [], chart: null };

function chartAt(place, name, panel) {
  const chart = new Chart(place, name);
  charts.push(chart);
  chart.fitTo = () => {
    const width = Math.min(CHART.width, place.clientWidth);
    chart.size(width, CHART.height);
    const box = { left: PAD.left, top: PAD.top, width: width - PAD.left - PAD.right, height: CHART.height - PAD.top - PAD.bottom };
    chart.panels = [{ ...panel(), box, frame: true }].filter(({ y }) => y);
  };
  return chart;
}

// ---- history: the score of each trial, and the best so far -----------------------------------

function makeHistory() {
  const panel = () => ({ x: orderColumn, y: view.best.column, draw: drawHistory });
  chartAt(document.getElementById("history"), "history", panel);
}

function* drawHistory(context, panel) {
  yield* drawPoints(context, panel);
  const column = panel.y;
  const done = view.kept.filter((row) => states[row] === "complete" && isPlace(column.values[row]) && column.slotOf[row] < 0);
  stairs(context, panel, bestSoFar(done, column));
}

function nameHistory() {
  const name = view.best.column?.name ?? "Score";
  document.querySelector("#history h2").textContent = `${name} by trial`;
}

function bestSoFar(rows, column) {
  const steps = [];
  for (const row of rows) {
    const last = steps[steps.length - 1];
    if (last === undefined || column.better(column.values[row], column.values[last])) steps.push(row);
  }
  return steps;
}

// A line that keeps its height until the next of these rows, and on to the right end.
function stairs(context, panel, rows) {
  const { box } = panel;
  context.strokeStyle = css("ink");
  context.lineWidth = 1.5;
  context.beginPath();
  let y = null;
  for (const row of rows) {
    const [toX, toY] = spot(panel, row);
    if (y === null) context.moveTo(toX, toY);
    else context.lineTo(toX, y);
    context.lineTo(toX, toY);
    y = toY;
  }
  if (y !== null) context.lineTo(box.left + box.width, y);
  context.stroke();
}

// ---- fronts: trials that no other beats in both columns ----------------------------------------

function makeFronts() {
  for (const [number, { cost, score, rows }] of given.fronts.entries()) {
    const place = element("figure", {}, element("h3", {}, `${columns[score].name} against ${columns[cost].name}`));
    document.getElementById("fronts").append(place);
    chartAt(place, `front ${number}`, () => ({
      x: columns[cost], y: columns[score], draw: (context, panel) => drawFrontier(context, panel, rows),
    }));
    place.append(element("figcaption", {}, "Circled: no other trial is better in both."));
  }
}

function* drawFrontier(context, panel, rows) {
  yield* drawPoints(context, panel);
  const kept = new Set(view.kept);
  const there = rows.filter((row) => kept.has(row) && panel.x.slotOf[row] < 0 && panel.y.slotOf[row] < 0);
  stairs(context, panel, there);
  for (const row of there) {
    context.beginPath();
    context.arc(...spot(panel, row), 5.5, 0, 7);
    context.stroke();
  }
}

// ---- scatter matrix ------------------------------------------------------------------------------

function makeMatrix() {
  matrix.columns = forMatrix();
  matrix.chart = new Chart(document.getElementById("matrix"), "matrix");
  matrix.chart.fitTo = fitMatrix;
  charts.push(matrix.chart);
  const boxes = columns.filter((column) => !column.constant && !isCrowded(column)).map(matrixBox);
  document.getElementById("matrix-columns").append(...boxes);
}

// What matters most, by importance where that is known, and the score.
function forMatrix() {
  const weight = new Map(given.importance);
  const fit = view.axes.filter((column) => !column.constant && !isCrowded(column));
  const others = fit.filter((column) => column !== view.best.column)
    .sort((a, b) => (weight.get(b.name) ?? 0) - (weight.get(a.name) ?? 0)).slice(0, 3);
  return [...others, ...fit.filter((column) => column === view.best.column)];
}

function isCrowded(column) {
  return !column.continuous && column.slots.length > 30;
}

function matrixBox(column) {
  const label = box(column.name, matrix.columns.includes(column), (yes) => {
    const rest = matrix.columns.filter((other) => other !== column);
    matrix.columns = yes ? [...rest, column].slice(-MOST_CELLS) : rest;
    for (const input of document.querySelectorAll("#matrix-columns input")) {
      input.checked = matrix.columns.some((other) => other.index === Number(input.dataset.index));
    }
    fitMatrix();
    matrix.chart.draw();
  });
  label.querySelector("input").dataset.index = column.index;
  return label;
}

function fitMatrix() {
  const many = matrix.columns.length;
  const [left, gap] = [74, 8];
  const below = matrix.columns.some(hasBoth) ? 48 : 34; // a line more for the slots
  const width = Math.min(document.getElementById("matrix").clientWidth, 200 * many + left);
  const side = Math.max(70, (width - left) / Math.max(1, many) - gap);
  matrix.chart.size(Math.max(width, left + many * (side + gap)), many * (side + gap) + below);
  matrix.chart.panels = matrix.columns.flatMap((y, row) => matrix.columns.map((x, place) => ({
    x, y: x === y ? null : y, size: side > 130 ? 2.4 : 1.8,
    box: { left: left + place * (side + gap), top: 4 + row * (side + gap), width: side, height: side },
    draw: x === y ? drawDiagonal : drawCell, last: row === many - 1, first: place === 0, name: y,
    slots: below > 34,
  })));
}

function* drawCell(context, panel) {
  yield* drawPoints(context, panel);
  names(context, panel);
}

// On the diagonal: how many rows have which values, all pale and the chosen ones strong.
function* drawDiagonal(context, panel) {
  const { x, box } = panel;
  const many = x.continuous ? 16 : x.slots.length;
  const counts = [view.kept, view.chosen].map((rows) => counted(x, rows, many));
  const most = Math.max(1, ...counts[0]);
  for (const [which, colour] of [css("pale"), css("muted")].entries()) {
    context.fillStyle = colour;
    counts[which].forEach((count, number) => {
      const [width, height] = [(box.width - 2 * INSET) / many, ((box.height - 18) * count) / most];
      context.fillRect(box.left + INSET + number * width + 1, box.top + box.height - height, Math.max(1, width - 2), height);
    });
  }
  names(context, panel);
  yield;
}

function counted(column, rows, many) {
  const counts = new Array(many).fill(0);
  for (const row of rows) counts[Math.min(many - 1, Math.floor(column.unit[row] * many))] += 1;
  return counts;
}

// Names and ends of the columns, below the last row and left of the first column of cells.
function names(context, { x, name, box, first, last, slots }) {
  nameStyle(context);
  if (last) {
    const room = Math.floor(box.width / 6.5);
    context.fillText(clipped(x.name, room), box.left + box.width / 2, box.top + box.height + (slots ? 44 : 30));
    endsOf(context, x, box, true);
  }
  if (!first) return;
  context.save();
  context.translate(box.left - 58, box.top + box.height / 2);
  context.rotate(-Math.PI / 2);
  nameStyle(context);
  context.fillText(clipped(name.name, Math.floor(box.height / 6.5)), 0, 0);
  context.restore();
  endsOf(context, name, box, false);
}

function nameStyle(context) {
  context.font = "12px system-ui, sans-serif";
  context.fillStyle = css("ink");
  context.textAlign = "center";
}

function endsOf(context, column, box, below) {
  context.fillStyle = css("muted");
  context.font = "11px system-ui, sans-serif";
  const ends = column.continuous && column.low < column.high
    ? [[column.base, shown(column.low, 3)], [1, shown(column.high, 3)]]
    : column.continuous ? [[column.unitOf(column.low), shown(column.low, 3)]]
    : column.slots.length <= 4 ? column.slots.map((key, number) => [column.slotUnit(number), key ?? "missing"]) : [];
  for (const [unit, label] of ends) {
    if (below) {
      context.textAlign = unit === 1 ? "right" : unit <= column.base && column.continuous ? "left" : "center";
      context.fillText(clipped(label, 9), atX({ box }, unit), box.top + box.height + 13);
    } else {
      context.textAlign = "right";
      const shift = unit === 1 ? 10 : unit <= column.base && column.continuous ? 0 : 4;
      context.fillText(clipped(label, 8), box.left - 5, atY({ box }, unit) + shift);
    }
  }
  if (hasBoth(column)) slotsOf(context, column, box, below);
}

// Are there slots below a line of numbers?
function hasBoth(column) {
  return column.continuous && column.slots.length > 0;
}

// Left of them as many names of slots as there is room for; below, where they stand closer than
// letters, all of them in a line under the numbers.
function slotsOf(context, column, box, below) {
  const slots = column.slots.map((key, number) => [column.slotUnit(number), key ?? "missing"]).reverse();
  if (below) {
    context.textAlign = "left";
    const words = slots.map(([, label]) => label).join(", ");
    return context.fillText(clipped(words, Math.floor(box.width / 6)), box.left + 2, box.top + box.height + 26);
  }
  const every = Math.ceil(10 / (SLOT * (box.height - 2 * INSET)));
  for (const [unit, label] of slots.filter((_, number) => number % every === 0)) {
    context.fillText(label, box.left - 5, atY({ box }, unit) + 4);
  }
}

// ---- importance ----------------------------------------------------------------------------------

function makeImportance() {
  const bars = given.importance.map(([name, share]) => {
    const bar = element("i", {});
    bar.style.width = `${Math.max(0.5, (100 * share) / Math.max(...given.importance.map(([, most]) => most), 1e-9))}%`;
    return element("div", { className: "bar" }, element("span", {}, name), element("div", {}, bar),
      element("b", {}, `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)}%`));
  });
  document.getElementById("importance")?.append(...bars);
}
