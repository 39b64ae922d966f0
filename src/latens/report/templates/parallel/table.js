// The table of the chosen rows, a page of it at a time; press a name to sort by it.

const PAGE = 25;
const order = { column: null, falling: false, page: 0 };
let sorted = []; // the chosen rows in the order of the table

function sortBy(column) {
  order.falling = order.column === column ? !order.falling : column?.goal === "maximize";
  order.column = column;
  drawTable();
}

function drawTable() {
  const column = order.column;
  sorted = column === null ? view.chosen : [...view.chosen].sort((a, b) => compared(column, a, b));
  order.page = 0;
  drawPage();
}

// Numbers by size, text by its letters; what is missing or no number comes last either way.
function compared(column, a, b) {
  const [x, y] = [column.values[a], column.values[b]];
  const [gone, also] = [x === null || Number.isNaN(x), y === null || Number.isNaN(y)];
  if (gone || also) return gone - also || a - b;
  const by = column.kind === "text" ? naturally(x, y) : x < y ? -1 : x > y ? 1 : 0;
  return (order.falling ? -by : by) || a - b;
}

function drawPage() {
  const rest = columns.filter((column) => !view.axes.includes(column));
  const ordered = [...view.axes, ...rest].filter((column) => column !== orderColumn);
  const rows = sorted.slice(order.page * PAGE, (order.page + 1) * PAGE);
  const focused = document.activeElement?.closest?.("th")?.dataset.index;
  document.querySelector("#table thead").replaceChildren(
    element("tr", {}, header(orderColumn), ...ordered.map(header)));
  document.querySelector("#table tbody").replaceChildren(...rows.map((row) => line(row, ordered)));
  if (focused !== undefined) document.querySelector(`#table th[data-index="${focused}"] button`)?.focus();
  drawPager();
}

function header(column) {
  const button = element("button", { type: "button" }, column.name);
  button.addEventListener("click", () => sortBy(column));
  const cell = element("th", { scope: "col", className: column === orderColumn ? "" : column.kind }, button);
  cell.dataset.index = column.index;
  if (order.column === column) cell.ariaSort = order.falling ? "descending" : "ascending";
  return cell;
}

function line(row, ordered) {
  const patch = element("i", { className: `patch ${states[row]}` });
  patch.style.background = paint[row];
  const made = element("tr", {}, element("th", { scope: "row" }, patch, String(orderColumn.values[row])),
    ...ordered.map((column) => cell(column, row)));
  made.dataset.row = row;
  made.classList.toggle("hot", row === view.hot);
  made.addEventListener("pointerenter", () => pointAt(row));
  return made;
}

function cell(column, row) {
  const value = column.values[row];
  const made = element("td", { className: column.kind }, value === null ? "–" : shown(value));
  if (value !== null) made.title = String(value);
  return made;
}

function drawPager() {
  const pages = Math.max(1, Math.ceil(sorted.length / PAGE));
  const [first, last] = [order.page * PAGE + 1, Math.min(sorted.length, (order.page + 1) * PAGE)];
  const words = sorted.length ? `Rows ${first} to ${last} of ${sorted.length.toLocaleString("en")}` : "No row is chosen.";
  document.getElementById("pager-words").textContent = words;
  document.getElementById("before").disabled = order.page === 0;
  document.getElementById("after").disabled = order.page >= pages - 1;
  document.getElementById("pager").classList.toggle("one", pages === 1);
}

function turnPage(by) {
  order.page += by;
  drawPage();
}

function drawHotRow() {
  for (const made of document.querySelectorAll("#table tbody tr")) {
    made.classList.toggle("hot", Number(made.dataset.row) === view.hot);
  }
}

// ---- CSV ----------------------------------------------------------------------------------------

// RFC 4180, with every digit; what is not a number is written as Python writes it.
function csv(rows) {
  const first = { uid: 0, from_uid: 1 }; // as HiPlot has them
  const ordered = [...columns].sort((a, b) => (first[a.name] ?? 2) - (first[b.name] ?? 2));
  const lines = rows.map((row) => ordered.map((column) => written(column.values[row])).join(","));
  return [ordered.map((column) => written(column.name)).join(","), ...lines, ""].join("\n");
}

function written(value) {
  if (value === null) return "";
  if (typeof value === "number") {
    return Number.isNaN(value) ? "nan" : Number.isFinite(value) ? String(value) : value > 0 ? "inf" : "-inf";
  }
  return /[",\n\r]|^\s|\s$/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

function download(rows, name) {
  const link = element("a", { download: name });
  link.href = URL.createObjectURL(new Blob([csv(rows)], { type: "text/csv;charset=utf-8" }));
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
