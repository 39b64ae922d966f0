// The axes: their ticks and brushes (SVG), their names and switches (buttons above them).

const SVG = "http://www.w3.org/2000/svg";
const drawing = document.getElementById("axes");
const heads = document.getElementById("heads");
const EDGE = 6; // pixels within which the end of a brush is taken
const REACH = 15; // half the width in which an axis can be brushed
const LABEL = 20; // letters of a tick

function svg(tag, attributes, text) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function drawAxes() {
  const spacing = placeAxes();
  drawing.setAttribute("height", HEIGHT + 2 * TOP);
  drawing.setAttribute("width", parseFloat(behind.style.width));
  const groups = view.axes.map((column) => axis(column, spacing));
  const hot = svg("path", { id: "hot", class: "hot" });
  drawing.replaceChildren(...groups, hot);
  drawHeads(spacing);
  drawBrushes();
}

function axis(column, spacing) {
  const group = svg("g", { transform: `translate(${places.get(column)},0)`, "data-column": column.name });
  group.append(svg("line", { class: "axis", y1: heightOf(column, column.base), y2: heightOf(column, 1) }));
  const room = Math.max(4, Math.min(LABEL, Math.floor((spacing - 22) / 6.2)));
  group.append(...marks(column, room), svg("g", { class: "brushes" }));
  const touch = svg("rect", { class: "touch", x: -REACH, y: 0, width: 2 * REACH, height: HEIGHT + 2 * TOP });
  touch.addEventListener("pointerdown", (event) => startBrush(event, column));
  touch.addEventListener("pointermove", (event) => showCursor(event, column, touch));
  group.append(touch);
  return group;
}

// Ticks and their labels, and the names of slots, as many as there is room for.
function marks(column, room) {
  const lines = apart(ticks(column, 7).map((value) => [column.unitOf(value), shown(value, 4)]));
  const ends = [column.low, column.high].filter(() => column.continuous && column.low !== column.high);
  for (const value of ends) {
    const unit = column.unitOf(value);
    const near = lines.some(([other]) => Math.abs(other - unit) * HEIGHT < 13);
    if (!near) lines.push([unit, shown(value, 4), "end"]);
  }
  const slots = column.slots.map((key, number) => [column.slotUnit(number), key ?? "missing", key === null ? "gone" : ""]);
  const every = Math.ceil((slots.length * 13) / (column.continuous ? HEIGHT : HEIGHT + 13));
  const some = slots.filter((_, number) => number % every === 0);
  return [...lines, ...some].flatMap(([unit, label, kind]) => mark(heightOf(column, unit), label, kind ?? "", room));
}

// Labels that would lie on the one below are left out.
function apart(labels) {
  let last = -1;
  return labels.filter(([unit]) => {
    const free = (unit - last) * HEIGHT >= 12;
    if (free) last = unit;
    return free;
  });
}

function mark(y, label, kind, room) {
  const text = label.length > room ? `${label.slice(0, room - 1)}…` : label;
  const words = svg("text", { class: `tick ${kind}`, x: 7, y: y + 3.5 }, text);
  words.append(svg("title", {}, label));
  return [svg("line", { class: "tick", x1: -4, x2: 4, y1: y, y2: y }), words];
}

function drawBrushes() {
  for (const group of drawing.querySelectorAll("g[data-column]")) {
    const column = columns.find((other) => other.name === group.dataset.column);
    const rects = column.pieces().map(([from, to]) => {
      const [a, b] = [heightOf(column, from), heightOf(column, to)];
      return svg("rect", { x: -8, width: 16, y: Math.min(a, b), height: Math.max(2, Math.abs(a - b)), class: "brush" });
    });
    group.querySelector(".brushes").replaceChildren(...rects);
  }
  for (const head of heads.children) {
    head.classList.toggle("brushed", columns[Number(head.dataset.index)].filter !== null);
  }
}

// ---- brushing -----------------------------------------------------------------------------------

// The piece under a place, with how it was taken: "from", "to" or "all"; null where there is none.
function pieceAt(column, y) {
  for (const [from, to] of column.pieces()) {
    const [a, b] = [heightOf(column, from), heightOf(column, to)];
    const [top, bottom] = [Math.min(a, b), Math.max(a, b)];
    if (y < top - EDGE / 2 || y > bottom + EDGE / 2) continue;
    const edge = Math.min(EDGE, (bottom - top) / 3);
    const how = y < top + edge ? "top" : y > bottom - edge ? "bottom" : "all";
    return { top, bottom, how };
  }
  return null;
}

function showCursor(event, column, touch) {
  if (event.buttons) return;
  const taken = pieceAt(column, localY(event));
  touch.style.cursor = taken === null ? "crosshair" : taken.how === "all" ? "move" : "ns-resize";
}

function localY(event) {
  return event.clientY - drawing.getBoundingClientRect().top;
}

// Drag: a new range, or one that is there at its ends or its middle. Shift adds a range; a click
// without a drag takes the range away.
function startBrush(event, column) {
  if (event.button !== 0) return;
  const [start, taken] = [localY(event), pieceAt(column, localY(event))];
  const others = taken || event.shiftKey ? without(column, taken) : { ranges: [], slots: new Set() };
  const touch = event.currentTarget;
  let moved = false;
  touch.setPointerCapture(event.pointerId);
  touch.onpointermove = (move) => {
    const y = localY(move);
    if (!moved && Math.abs(y - start) < 3) return;
    moved = true;
    const [a, b] = dragged(taken, start, y);
    filterBy(column, joined(others, column.between(unitAt(column, a), unitAt(column, b))));
  };
  touch.onpointerup = touch.onpointercancel = () => {
    touch.onpointermove = touch.onpointerup = touch.onpointercancel = null;
    if (!moved) filterBy(column, others);
  };
  event.preventDefault();
}

function dragged(taken, start, y) {
  if (taken === null) return [start, y];
  if (taken.how === "top") return [y, taken.bottom];
  if (taken.how === "bottom") return [taken.top, y];
  return [taken.top + y - start, taken.bottom + y - start];
}

// The filter of a column less the piece that is being dragged.
function without(column, taken) {
  const filter = column.filter ?? { ranges: [], slots: new Set() };
  if (taken === null) return filter;
  const gone = column.between(unitAt(column, taken.top), unitAt(column, taken.bottom));
  const middle = (taken.top + taken.bottom) / 2;
  const ranges = filter.ranges.filter(([low, high]) => {
    const piece = column.continuous ? column.piece(low, high) : null;
    if (piece === null) return true;
    const [a, b] = piece.map((unit) => heightOf(column, unit));
    return middle < Math.min(a, b) || middle > Math.max(a, b);
  });
  const inSlots = ranges.length === filter.ranges.length;
  const slots = [...filter.slots].filter((key) => !(inSlots && gone.slots.has(key)));
  return { ranges, slots: new Set(slots) };
}

function joined(one, other) {
  return { ranges: [...one.ranges, ...other.ranges], slots: new Set([...one.slots, ...other.slots]) };
}
