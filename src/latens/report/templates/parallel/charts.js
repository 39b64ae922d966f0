// Charts of points: a column against another. Drag a rectangle to choose rows, as on the axes.

const PAD = { left: 58, right: 14, top: 10, bottom: 40 };
const INSET = 7; // between a frame and the outermost points

// What a chart is made of: a canvas with points, one above it for the row pointed at, its panels.
// A panel is {x, y, box: {left, top, width, height}, frame: ticks and names or not}.
class Chart {
  constructor(place, name) {
    this.name = name;
    this.panels = [];
    this.canvas = element("canvas", {});
    this.over = element("canvas", { className: "over" });
    this.holder = element("div", { className: "chart" }, this.canvas, this.over);
    place.append(this.holder);
    this.over.addEventListener("pointerdown", (event) => this.startBox(event));
    this.over.addEventListener("pointermove", (event) => this.point(event));
    this.over.addEventListener("pointerleave", () => pointAt(-1));
  }

  size(width, height) {
    for (const canvas of [this.canvas, this.over]) sharpen(canvas, width, height);
  }

  draw() {
    inSlices(this.name, this.drawn());
  }

  *drawn() {
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    for (const panel of this.panels) {
      drawFrame(context, panel);
      yield* panel.draw ? panel.draw(context, panel) : drawPoints(context, panel);
    }
    this.drawOver();
  }

  // The rectangles of brushes that both columns of a panel have, and the row pointed at.
  drawOver(rectangle = null) {
    const context = this.over.getContext("2d");
    context.clearRect(0, 0, this.over.width, this.over.height);
    context.fillStyle = context.strokeStyle = css("brush");
    for (const box of rectangle ? [rectangle] : []) {
      context.strokeRect(box.left, box.top, box.width, box.height);
    }
    context.strokeStyle = css("ink");
    context.lineWidth = 2;
    for (const panel of view.hot >= 0 ? this.panels.filter((panel) => panel.y) : []) {
      const [x, y] = spot(panel, view.hot);
      context.beginPath();
      context.arc(x, y, 6, 0, 7);
      context.stroke();
    }
  }

  at(event) {
    const bounds = this.over.getBoundingClientRect();
    const [x, y] = [event.clientX - bounds.left, event.clientY - bounds.top];
    const panel = this.panels.find(({ y: column, box }) => column &&
      x >= box.left - 6 && x <= box.left + box.width + 6 && y >= box.top - 6 && y <= box.top + box.height + 6);
    return [panel, x, y];
  }

  point(event) {
    if (event.buttons) return;
    const [panel, x, y] = this.at(event);
    const row = panel ? pointNear(panel, x, y) : -1;
    pointAt(row);
    showTip(event, row);
  }

  startBox(event) {
    const [panel, x, y] = this.at(event);
    if (!panel || event.button !== 0) return;
    let box = null;
    this.over.setPointerCapture(event.pointerId);
    this.over.onpointermove = (move) => {
      const bounds = this.over.getBoundingClientRect();
      const [toX, toY] = [move.clientX - bounds.left, move.clientY - bounds.top];
      if (Math.hypot(toX - x, toY - y) < 4) return;
      box = { left: Math.min(x, toX), top: Math.min(y, toY), width: Math.abs(toX - x), height: Math.abs(toY - y) };
      this.drawOver(box);
    };
    this.over.onpointerup = this.over.onpointercancel = () => {
      this.over.onpointermove = this.over.onpointerup = this.over.onpointercancel = null;
      chooseBox(panel, box);
      this.drawOver();
    };
  }
}

// A box becomes ranges on the axes of both columns; a click without a drag takes them away.
function chooseBox(panel, box) {
  const { x, y } = panel;
  const [left, low] = box ? unitsOf(panel, box.left, box.top + box.height) : [0, 0];
  const [right, high] = box ? unitsOf(panel, box.left + box.width, box.top) : [1, 1];
  for (const [column, from, to] of [[x, left, right], [y, low, high]]) {
    if (column.index < 0) continue; // the rows' own numbers
    column.filter = box ? column.between(from, to) : null;
    if (box && !view.axes.includes(column)) view.axes.push(column); // what chooses can be seen
  }
  tell("layout");
  choose();
}

function unitsOf({ box }, x, y) {
  const [wide, high] = [box.width - 2 * INSET, box.height - 2 * INSET];
  return [(x - box.left - INSET) / wide, 1 - (y - box.top - INSET) / high];
}

function atX({ box }, unit) {
  return box.left + INSET + unit * (box.width - 2 * INSET);
}

function atY({ box }, unit) {
  return box.top + INSET + (1 - unit) * (box.height - 2 * INSET);
}

function spot(panel, row) {
  return [atX(panel, panel.x.unit[row]), atY(panel, panel.y.unit[row])];
}

function pointNear(panel, x, y) {
  let [nearest, best] = [-1, 8];
  for (const row of view.chosen) {
    const [toX, toY] = spot(panel, row);
    const far = Math.hypot(toX - x, toY - y);
    if (far < best) [nearest, best] = [row, far];
  }
  return nearest;
}

function* drawPoints(context, panel) {
  const pale = css("pale");
  const size = panel.size ?? 3;
  const rest = view.kept.length > view.chosen.length ? view.kept.filter((row) => !view.isChosen[row]) : [];
  context.globalAlpha = 0.8;
  for (const [rows, colour] of [[rest, () => pale], [view.chosen, (row) => paint[row]]]) {
    for (let number = 0; number < rows.length; number++) {
      drawMark(context, states[rows[number]], ...spot(panel, rows[number]), size, colour(rows[number]));
      if (number % 200 === 199) yield;
    }
  }
  context.globalAlpha = 1;
}

// A dot for a complete trial, a ring for one that runs, a triangle if pruned, a cross if failed.
function drawMark(context, state, x, y, size, colour) {
  context.fillStyle = context.strokeStyle = colour;
  context.lineWidth = 1.5;
  if (state === "complete" && size < 2.5) return context.fillRect(x - size, y - size, 2 * size, 2 * size);
  context.beginPath();
  if (state === "failed") {
    context.moveTo(x - size, y - size);
    context.lineTo(x + size, y + size);
    context.moveTo(x + size, y - size);
    context.lineTo(x - size, y + size);
  } else if (state === "pruned") {
    context.moveTo(x, y - size - 1);
    context.lineTo(x + size + 1, y + size);
    context.lineTo(x - size - 1, y + size);
    context.closePath();
  } else context.arc(x, y, size, 0, 7);
  return state === "complete" ? context.fill() : context.stroke();
}

function drawFrame(context, panel) {
  const { x, y, box, frame } = panel;
  context.setLineDash([]);
  context.lineWidth = 1;
  context.strokeStyle = css("line");
  context.strokeRect(box.left + 0.5, box.top + 0.5, box.width, box.height);
  if (!frame) return;
  context.font = "12px system-ui, sans-serif";
  context.fillStyle = css("muted");
  context.textAlign = "center";
  for (const [unit, label] of labels(x, box.width, 60, (text) => context.measureText(text).width + 8)) {
    context.fillText(label, atX(panel, unit), box.top + box.height + 15);
  }
  context.textAlign = "right";
  for (const [unit, label] of labels(y, box.height, 26, () => 14)) {
    context.fillText(label, box.left - 6, atY(panel, unit) + 4);
  }
  context.fillStyle = css("ink");
  context.textAlign = "center";
  context.fillText(clipped(x.name, 40), box.left + box.width / 2, box.top + box.height + 33);
}

function clipped(text, room) {
  return text.length > room ? `${text.slice(0, room - 1)}…` : text;
}

// Places and words of a column's ticks and slots, as many as a length has room for. `sizeOf` says
// how many pixels a word takes along it: what would lie on the word before is left out.
function labels(column, length, each, sizeOf) {
  const many = Math.max(2, Math.floor(length / each));
  const line = ticks(column, many, column.few.every(isRound)).map((value) => [column.unitOf(value), shown(value, 5)]);
  const every = Math.ceil(column.slots.length / (column.continuous ? 99 : many));
  const slots = column.slots.map((key, number) => [column.slotUnit(number), key ?? "missing"]);
  const found = [...line, ...slots.filter((_, number) => number % every === 0)];
  return apartBy(found.map(([unit, label]) => [unit, clipped(label, 8)]), length - 2 * INSET, sizeOf);
}

function apartBy(found, length, sizeOf) {
  let end = -Infinity;
  return found.sort((a, b) => a[0] - b[0]).filter(([unit, label]) => {
    const [middle, half] = [unit * length, sizeOf(label) / 2];
    const free = middle - half >= end;
    if (free) end = middle + half;
    return free;
  });
}

// A setting that somebody chose, as 64 or 0.001, and no number that was measured.
function isRound(value) {
  return Number.isInteger(value) || Number(value.toPrecision(2)) === value;
}
