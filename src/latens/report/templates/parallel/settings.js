// The settings of one axis, for the keyboard and for exact ranges: a dialog of ordinary fields.

const dialog = document.getElementById("settings");
const MANY_SLOTS = 60;

function openSettings(column) {
  fillSettings(column);
  dialog.showModal();
}

function fillSettings(column) {
  const parts = [
    element("h3", {}, column.name),
    element("div", { className: "row" }, ...moves(column)),
    element("div", { className: "row" }, ...switches(column)),
    ...(column.continuous ? [rangeFields(column)] : []),
    ...(column.slots.length && column.slots.length <= MANY_SLOTS ? [slotBoxes(column)] : []),
    element("div", { className: "row end" },
      action("Clear its ranges", () => filterBy(column, null), column), closing()),
  ];
  dialog.replaceChildren(...parts);
}

function closing() {
  const button = element("button", { type: "button", className: "main" }, "Done");
  button.addEventListener("click", () => dialog.close());
  return button;
}

// A button that does something and shows the dialog anew.
function action(words, what, column) {
  const button = element("button", { type: "button" }, words);
  button.addEventListener("click", () => {
    what();
    fillSettings(column);
    [...dialog.querySelectorAll("button")].find((other) => other.textContent === words)?.focus();
  });
  return button;
}

function moves(column) {
  const hide = element("button", { type: "button" }, "Hide");
  hide.addEventListener("click", () => {
    dialog.close();
    showAxis(column, false);
  });
  return [
    action("← Move left", () => moveAxis(column, -1), column),
    action("Move right →", () => moveAxis(column, 1), column),
    action("Colour by it", () => colourBy(column), column),
    hide,
  ];
}

function switches(column) {
  const turn = box("Upside down", column.flipped, (yes) => {
    column.flipped = yes;
    tell("layout");
  });
  const log = box("Log axis", column.log, (yes) => {
    setLog(column, yes);
    fillSettings(column);
  });
  return column.canLog ? [log, turn] : [turn];
}

function box(words, checked, listener) {
  const input = element("input", { type: "checkbox", checked });
  input.addEventListener("change", () => listener(input.checked));
  return element("label", {}, input, " ", words);
}

// A pair of fields for each range, and one more to add a range.
function rangeFields(column) {
  const ranges = column.filter?.ranges ?? [];
  const lines = [...ranges, null].map((range, number) => rangeLine(column, range, number));
  return element("fieldset", {}, element("legend", {}, ranges.length ? "Ranges" : "Range"), ...lines);
}

function rangeLine(column, range, number) {
  const [from, to] = [column.low, column.high].map((end, side) => element("input", {
    type: "number", step: "any", placeholder: shown(end).replace("−", "-"), value: range ? range[side] : "",
    ariaLabel: side ? "to" : "from",
  }));
  const change = () => {
    if (!range && from.value === "" && to.value === "") return;
    setRange(column, number, from.value === "" ? column.low : Number(from.value),
      to.value === "" ? column.high : Number(to.value));
  };
  from.addEventListener("change", change);
  to.addEventListener("change", change);
  return element("div", { className: "row" }, from, " to ", to);
}

function setRange(column, number, low, high) {
  const filter = column.filter ?? { ranges: [], slots: new Set() };
  const ranges = [...filter.ranges];
  ranges[number] = [Math.min(low, high), Math.max(low, high)];
  filterBy(column, { ranges, slots: filter.slots });
}

function slotBoxes(column) {
  const filter = column.filter;
  const boxes = column.slots.map((key) =>
    box(key ?? "missing", filter === null || filter.slots.has(key), (yes) => setSlot(column, key, yes)));
  return element("fieldset", { className: "slots" }, element("legend", {}, "Values"), ...boxes);
}

function setSlot(column, key, yes) {
  const filter = column.filter ?? column.everything();
  const slots = new Set(filter.slots);
  if (yes) slots.add(key);
  else slots.delete(key);
  filterBy(column, { ranges: filter.ranges, slots });
}
