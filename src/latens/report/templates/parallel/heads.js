// The head of each axis: its name (drag it to move the axis, press it for all that it can do) and
// a switch for a log axis.

function drawHeads(spacing) {
  const focused = document.activeElement?.closest?.(".head")?.dataset.index;
  const onSwitch = document.activeElement?.classList.contains("log");
  heads.replaceChildren(...view.axes.map((column) => head(column, spacing)));
  const again = heads.querySelector(`[data-index="${focused}"]`);
  (onSwitch ? again?.querySelector(".log") : again?.querySelector(".name"))?.focus();
}

function head(column, spacing) {
  const name = element("button", { type: "button", className: "name", title: `${column.name}: drag to move, press for more` },
    element("span", {}, ...breakable(column.name)));
  name.setAttribute("aria-label", `Axis ${column.name}. Press for its settings; left and right arrows move it.`);
  name.addEventListener("pointerdown", (event) => startDrag(event, column));
  name.addEventListener("click", () => draggedLast || openSettings(column));
  name.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    moveAxis(column, by);
  });
  const made = element("div", { className: `head ${column.role}` }, name, ...logSwitch(column));
  made.dataset.index = column.index;
  const room = Math.min(spacing - 6, 2 * SIDE - 4);
  made.style.left = `${places.get(column) - room / 2}px`;
  made.style.width = `${room}px`;
  return made;
}

// A name that may be broken after its underscores, points and slashes.
function breakable(name) {
  return name.split(/(?<=[_./])/).flatMap((part) => [part, document.createElement("wbr")]);
}

function logSwitch(column) {
  if (!column.canLog) return [];
  const button = element("button", { type: "button", className: "log", title: "Log axis" }, "log");
  button.setAttribute("aria-pressed", String(column.log));
  button.setAttribute("aria-label", `Log axis for ${column.name}`);
  button.addEventListener("click", () => setLog(column, !column.log));
  return [button];
}

let draggedLast = false; // a drag ends in a click, which is not meant

// Drag a name sideways: its axis changes places with those that it passes.
function startDrag(event, column) {
  if (event.button !== 0) return;
  const start = event.clientX;
  draggedLast = false;
  const move = (to) => {
    if (Math.abs(to.clientX - start) < 5 && !draggedLast) return;
    draggedLast = true;
    document.body.classList.add("dragging");
    const x = to.clientX - board.getBoundingClientRect().left;
    const spots = view.axes.map((_, number) => places.get(view.axes[number]));
    const nearest = spots.reduce((best, spot, number) =>
      Math.abs(spot - x) < Math.abs(spots[best] - x) ? number : best, 0);
    moveAxis(column, nearest - view.axes.indexOf(column));
  };
  const stop = () => {
    window.removeEventListener("pointermove", move);
    document.body.classList.remove("dragging");
    setTimeout(() => (draggedLast = false)); // after the click
  };
  window.addEventListener("pointermove", move);
  window.addEventListener("pointerup", stop, { once: true });
  window.addEventListener("pointercancel", stop, { once: true });
}
