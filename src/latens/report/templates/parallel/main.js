// The controls, and what follows what.

const by = (id) => document.getElementById(id);

function start() {
  for (const column of new Set([...columns, orderColumn])) column.fit(view.kept);
  view.best.column = columns[given.score] ?? null;
  view.axes = given.axes.map((index) => columns[index]);
  view.colour = view.best.column ?? view.axes[0];
  fillControls();
  makeHistory();
  nameHistory();
  makeFronts();
  makeMatrix();
  makeImportance();
  listen();
  order.column = view.best.column;
  order.falling = view.best.column?.goal === "maximize";
  recolour();
  tell("layout");
  choose();
}

function listen() {
  on("layout", () => {
    drawAxes();
    drawBehind();
    drawFront();
    drawColumnBoxes();
    for (const chart of charts) chart.fitTo();
    later(drawCharts);
    drawPage();
  });
  on("chosen", () => {
    drawBrushes();
    drawFront();
    drawWords();
    later(drawCharts);
    later(drawTable);
  });
  on("colour", () => {
    recolour();
    drawFront();
    later(drawCharts);
    drawPage();
  });
  on("hot", drawHot);
  window.addEventListener("resize", () => tell("layout"));
  dark.addEventListener("change", () => {
    recolour();
    tell("layout");
  });
}

function drawCharts() {
  for (const chart of charts) chart.draw();
}

function colourBy(column) {
  view.colour = column;
  by("colour").value = column.index;
  tell("colour");
}

// ---- controls -------------------------------------------------------------------------------------

function fillControls() {
  const numbers = columns.filter((column) => column.kind === "number");
  by("colour").append(...columns.map(option));
  by("colour").value = view.colour.index;
  by("colour").addEventListener("change", () => colourBy(columns[Number(by("colour").value)]));
  by("score").append(...numbers.map(option));
  if (view.best.column) by("score").value = view.best.column.index;
  by("score").addEventListener("change", () => setScore(columns[Number(by("score").value)]));
  by("goal").value = view.best.column?.goal ?? "minimize";
  by("goal").addEventListener("change", () => setScore(view.best.column, by("goal").value));
  by("share").addEventListener("input", setShare);
  for (const [id, what] of Object.entries(presses)) by(id).addEventListener("click", what);
  by("best").hidden = !numbers.length;
}

// The menu of axes closes as menus do: by Escape, and by a press anywhere else.
document.addEventListener("pointerdown", (event) => {
  if (!by("menu").contains(event.target)) by("menu").open = false;
});
by("menu").addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  by("menu").open = false;
  by("menu").querySelector("summary").focus();
});

const presses = {
  clear: () => {
    by("share").value = "";
    view.best.share = null;
    clearFilters();
  },
  keep: () => keep(view.chosen),
  exclude: () => keep(view.kept.filter((row) => !view.isChosen[row])),
  restore: () => {
    view.kept = allRows;
    fitAll();
    recolour();
    choose();
  },
  "csv-chosen": () => download(view.chosen, `${given.file}-selection.csv`),
  "csv-all": () => download(allRows, `${given.file}.csv`),
  before: () => turnPage(-1),
  after: () => turnPage(1),
};

function option(column) {
  return element("option", { value: column.index }, column.name);
}

function setScore(column, goal = column.goal ?? "minimize") {
  column.goal = goal;
  view.best.column = column;
  if (view.colour === column) recolour();
  by("goal").value = goal;
  for (const chart of charts) chart.fitTo();
  nameHistory();
  choose();
}

function setShare() {
  const share = Number(by("share").value);
  view.best.share = by("share").value !== "" && share > 0 && share <= 100 ? share : null;
  choose();
}

// Which columns have an axis. Rebuilt with the axes, but not under a hand that uses it.
function drawColumnBoxes() {
  const place = by("columns");
  if (place.contains(document.activeElement)) return;
  place.replaceChildren(...columns.map((column) =>
    box(column.name, view.axes.includes(column), (yes) => showAxis(column, yes))));
}

// ---- words ----------------------------------------------------------------------------------------

function drawWords() {
  const [chosen, all] = [view.chosen.length, view.kept.length];
  const away = allRows.length - all;
  const words = `${chosen.toLocaleString("en")} of ${all.toLocaleString("en")} ${all === 1 ? "row" : "rows"} chosen`;
  by("count").textContent = away ? `${words}, ${away.toLocaleString("en")} left out` : words;
  by("brushes").textContent = told();
  by("keep").disabled = by("exclude").disabled = chosen === all || chosen === 0;
  by("restore").disabled = !away;
  by("clear").disabled = chosen === all && view.best.share === null && columns.every((column) => column.filter === null);
  by("csv-chosen").disabled = chosen === 0;
}

// The brushes in words, so that a selection can be read and not only seen.
function told() {
  const brushed = columns.filter((column) => column.filter !== null).map((column) => {
    const ranges = column.filter.ranges.map(([low, high]) => `${shown(low, 3)} to ${shown(high, 3)}`);
    const slots = [...column.filter.slots].map((key) => key ?? "missing");
    const some = slots.length > 4 ? [...slots.slice(0, 4), `${slots.length - 4} more`] : slots;
    return `${column.name}: ${[...ranges, ...some].join(", ")}`;
  });
  const { share, column } = view.best;
  if (share !== null && column !== null) brushed.unshift(`best ${share}% by ${column.name}`);
  return brushed.join(" · ");
}

// ---- the row pointed at -----------------------------------------------------------------------------

const tip = document.getElementById("tip");

function showTip(event, row) {
  tip.hidden = row < 0;
  if (row < 0) return;
  const metrics = columns.filter((column) => column.role === "metric");
  const told = new Set([...(view.best.column ? [view.best.column] : []), ...view.axes, ...metrics]);
  const lines = [...told].slice(0, 14).flatMap((column) => {
    const value = column.values[row];
    return [element("dt", {}, column.name), element("dd", {}, value === null ? "missing" : shown(value))];
  });
  const state = states[row] === "complete" ? "" : `, ${states[row]}`;
  tip.replaceChildren(element("b", {}, `${rowName(row)}${state}`), element("dl", {}, ...lines));
  const right = event.clientX + 18 + tip.offsetWidth > document.documentElement.clientWidth;
  tip.style.left = `${Math.max(4, right ? event.clientX - tip.offsetWidth - 14 : event.clientX + 18)}px`;
  tip.style.top = `${Math.max(4, Math.min(event.clientY + 12, window.innerHeight - tip.offsetHeight - 8))}px`;
}

function drawHot() {
  const pen = document.getElementById("hot");
  const parts = [];
  if (view.hot >= 0) {
    trace({ moveTo: (x, y) => parts.push(`M${x} ${y}`), lineTo: (x, y) => parts.push(`L${x} ${y}`) }, view.hot);
  }
  pen?.setAttribute("d", parts.join(""));
  drawHotRow();
  for (const chart of charts) chart.drawOver();
}

board.addEventListener("pointermove", (event) => {
  if (event.buttons) return showTip(event, -1);
  const bounds = drawing.getBoundingClientRect();
  const row = rowNear(event.clientX - bounds.left, event.clientY - bounds.top);
  pointAt(row);
  showTip(event, row);
});
for (const place of [board, by("table")]) {
  place.addEventListener("pointerleave", (event) => {
    pointAt(-1);
    showTip(event, -1);
  });
}

start();
