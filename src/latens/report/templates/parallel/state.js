// What is looked at: the rows kept, the rows chosen by brushes and by "best", the row pointed at.

const given = JSON.parse(document.getElementById("data").textContent);
const columns = given.columns.map((told, index) => new Column(index, told, given.values[index]));
const states = given.states;
const allRows = states.map((_, row) => row);
// The order of the trials: the column that numbers them, or the rows' own numbers from 1, which are
// no column of the table.
const NUMBERING = ["trial", "number", "trial_number", "trial number"];
const numbered = columns.find((column) => NUMBERING.includes(column.name.toLowerCase()) &&
  column.kind === "number" && column.values.every(isPlace));
const orderColumn = numbered ?? new Column(-1, { name: "row", role: "other", kind: "number", log: false, goal: null },
  allRows.map((row) => row + 1));

function rowName(row) {
  return `${numbered ? "Trial" : "Row"} ${orderColumn.values[row]}`;
}

const view = {
  kept: allRows, // row numbers, ascending
  chosen: allRows, // those of `kept` that pass every brush, ascending
  isChosen: new Uint8Array(states.length).fill(1),
  axes: [], // columns in the order in which they stand
  best: { share: null, column: null },
  colour: null, // a column
  hot: -1, // the row pointed at
};

const listeners = { chosen: [], layout: [], hot: [], colour: [] };

function on(event, listener) {
  listeners[event].push(listener);
}

function tell(event) {
  for (const listener of listeners[event]) listener();
}

// Do something once, in the next frame; with many rows, once the hand that brushes pauses.
const MANY_ROWS = 1500;
const soon = new Map();

function later(what) {
  clearTimeout(soon.get(what));
  soon.set(what, setTimeout(what, view.kept.length > MANY_ROWS ? 120 : 0));
}

// Choose rows anew; what shows them follows.
function choose() {
  const filtered = columns.filter((column) => column.filter !== null);
  const best = bestRows();
  view.chosen = view.kept.filter(
    (row) => (best === null || best.has(row)) && filtered.every((column) => column.passes(row)));
  view.isChosen.fill(0);
  for (const row of view.chosen) view.isChosen[row] = 1;
  tell("chosen");
}

// The best share of the complete trials that are kept, those equal to the last included.
function bestRows() {
  const { share, column } = view.best;
  if (share === null || column === null) return null;
  const rows = view.kept.filter((row) => states[row] === "complete" && isPlace(column.values[row]));
  if (!rows.length) return new Set();
  const sorted = rows.map((row) => column.values[row]).sort((a, b) => (column.better(a, b) ? -1 : 1));
  const last = sorted[Math.min(rows.length, Math.max(1, Math.ceil((rows.length * share) / 100))) - 1];
  return new Set(rows.filter((row) => !column.better(last, column.values[row])));
}

function keep(rows) {
  if (!rows.length) return;
  view.kept = rows;
  for (const column of columns) column.filter = null;
  fitAll();
  choose();
}

function fitAll() {
  for (const column of new Set([...columns, orderColumn])) column.fit(view.kept);
  tell("layout");
}

function filterBy(column, filter) {
  column.filter = filter && (filter.ranges.length || filter.slots.size) ? filter : null;
  choose();
}

function clearFilters() {
  for (const column of columns) column.filter = null;
  choose();
}

function setLog(column, log) {
  column.log = log && column.canLog;
  column.fit(view.kept);
  tell("layout");
  choose();
}

// Put a column so many places further right (left if negative).
function moveAxis(column, by) {
  const from = view.axes.indexOf(column);
  const to = Math.min(view.axes.length - 1, Math.max(0, from + by));
  if (from < 0 || from === to) return;
  view.axes.splice(from, 1);
  view.axes.splice(to, 0, column);
  tell("layout");
}

function showAxis(column, yes) {
  view.axes = view.axes.filter((other) => other !== column);
  if (yes) view.axes.push(column);
  else column.filter = null; // nothing is chosen by an axis that cannot be seen
  tell("layout");
  choose();
}

function pointAt(row) {
  if (row === view.hot) return;
  view.hot = row;
  tell("hot");
}

// Work that is done in slices, so that the page answers while thousands of lines are drawn. A piece
// of work is a generator that yields where it can pause; a new one takes the place of the old one
// of its name. What a slice draws is painted after it, out of sight of any clock here: so the time
// between frames says whether slices may grow.
const work = new Map();
let waiting = 0;
let slice = 20; // steps
let lastFrame = 0;

function inSlices(name, steps) {
  work.set(name, steps);
  if (!waiting) waiting = requestAnimationFrame(doSlice);
}

function doSlice(now) {
  if (now - lastFrame < 300) slice = now - lastFrame > 30 ? slice * 0.7 : slice * 1.2;
  slice = Math.min(100, Math.max(3, slice));
  lastFrame = now;
  waiting = 0;
  let left = slice;
  for (const [name, steps] of work) {
    while (left-- > 0) {
      if (steps.next().done) {
        work.delete(name);
        break;
      }
    }
  }
  if (work.size) waiting = requestAnimationFrame(doSlice);
}
