// The lines of the parallel coordinates: all rows pale behind, the chosen ones in colour on top.

const TOP = 10; // pixels above the axes' upper end, and below their lower one
const HEIGHT = 320; // of the axes
const MIN_SPACING = 92;
const SIDE = 62; // left and right of the outer axes

const board = document.getElementById("board");
const behind = document.getElementById("behind");
const front = document.getElementById("front");
const places = new Map(); // column to the x of its axis

// Where the axes stand; the board scrolls where they do not fit.
function placeAxes() {
  const room = board.parentElement.clientWidth - 2 * SIDE;
  const gaps = Math.max(1, view.axes.length - 1);
  const spacing = Math.max(MIN_SPACING, room / gaps);
  places.clear();
  view.axes.forEach((column, number) => places.set(column, SIDE + number * spacing));
  const width = SIDE * 2 + spacing * gaps;
  board.style.width = `${Math.max(width, room + 2 * SIDE)}px`;
  for (const canvas of [behind, front]) sharpen(canvas, width, HEIGHT + 2 * TOP);
  return spacing;
}

// Size a canvas in CSS pixels and let it draw in them, however fine the screen.
function sharpen(canvas, width, height) {
  const scale = window.devicePixelRatio || 1;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.getContext("2d").setTransform(scale, 0, 0, scale, 0, 0);
}

function heightOf(column, unit) {
  return TOP + HEIGHT * (column.flipped ? unit : 1 - unit);
}

function unitAt(column, y) {
  const share = (y - TOP) / HEIGHT;
  return column.flipped ? share : 1 - share;
}

const SAMPLE = 500; // lines that are drawn at once while a hand moves; all follow when it pauses

function drawBehind() {
  const pale = view.kept.length > 400 ? 0.25 : 0.6;
  const colour = css("pale");
  drawRows(behind, view.kept, pale, () => colour);
}

// Chosen lines, the better ones later so that they lie on top.
function drawFront() {
  const score = view.best.column;
  const rows = score === null ? view.chosen : [...view.chosen].sort((a, b) => score.unit[a] - score.unit[b]);
  if (score !== null && score.goal !== "maximize") rows.reverse();
  const strength = Math.min(0.9, Math.max(0.12, 10 / Math.sqrt(rows.length || 1)));
  drawRows(front, rows, strength, (row) => paint[row]);
}

const wholes = { behind: null, front: null }; // draws all lines, once there is a pause

function drawRows(canvas, rows, strength, colour) {
  clearTimeout(wholes[canvas.id]);
  if (rows.length <= MANY_ROWS) return inSlices(canvas.id, drawn(canvas, rows, strength, colour));
  const every = Math.ceil(rows.length / SAMPLE);
  const sample = rows.filter((_, number) => number % every === 0);
  inSlices(canvas.id, drawn(canvas, sample, Math.min(0.6, strength * 2), colour));
  wholes[canvas.id] = setTimeout(() => inSlices(canvas.id, drawn(canvas, rows, strength, colour)), 150);
  return undefined;
}

function* drawn(canvas, rows, strength, colour) {
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.globalAlpha = strength;
  // A line of one pixel of the screen is painted nine times as fast as one of 1.5.
  context.lineWidth = rows.length > SAMPLE / 2 ? 1 / (window.devicePixelRatio || 1) : 1.5;
  context.lineJoin = "round";
  let last = null;
  for (let number = 0; number < rows.length; number++) {
    const row = rows[number];
    if (states[row] !== last) context.setLineDash(DASHES[(last = states[row])]);
    context.strokeStyle = colour(row);
    context.beginPath();
    trace(context, row);
    context.stroke();
    if (number % 20 === 19) yield;
  }
}

// The line of a row, onto a canvas or into an SVG path.
function trace(pen, row) {
  if (view.axes.length === 1) return dot(pen, row);
  view.axes.forEach((column, number) => {
    const [x, y] = [places.get(column), heightOf(column, column.unit[row])];
    if (number) pen.lineTo(x, y);
    else pen.moveTo(x, y);
  });
}

// With one axis alone there is no line: a short stroke across it.
function dot(pen, row) {
  const y = heightOf(view.axes[0], view.axes[0].unit[row]);
  pen.moveTo(places.get(view.axes[0]) - 8, y);
  pen.lineTo(places.get(view.axes[0]) + 8, y);
}

// The chosen row whose line passes nearest, at most 7 pixels away; -1 if there is none.
function rowNear(x, y) {
  const right = view.axes.findIndex((column) => places.get(column) >= x);
  if (right < 1) return -1;
  const [a, b] = [view.axes[right - 1], view.axes[right]];
  const share = (x - places.get(a)) / (places.get(b) - places.get(a));
  let [nearest, best] = [-1, 7];
  for (const row of view.chosen) {
    const there = heightOf(a, a.unit[row]) * (1 - share) + heightOf(b, b.unit[row]) * share;
    if (Math.abs(there - y) < best) [nearest, best] = [row, Math.abs(there - y)];
  }
  return nearest;
}
