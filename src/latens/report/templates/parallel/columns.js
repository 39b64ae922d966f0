// Columns: what the table holds, and where each value stands between 0 (bottom) and 1 (top).
//
// Numbers stand on a line. What has no place there (text, missing, not a number, infinite, zero on
// a log axis) stands in a slot of its own; the key of the slot for missing values is null.

const SLOT = 0.065; // of the height, for each slot below a line of numbers
const GAP = 0.045; // between the slots and the line
const BEYOND = ["≤ 0", "−∞", "+∞", "NaN", null]; // the order of slots below a line

class Column {
  constructor(index, told, values) {
    Object.assign(this, told); // name, role, kind, log, goal
    this.index = index;
    this.values = this.kind === "number" ? values.map(asNumber) : values;
    this.filter = null; // or {ranges: [[low, high], ...], slots: Set of keys}
    this.flipped = false;
    this.unit = new Float32Array(values.length); // where each row stands
    this.slotOf = new Int32Array(values.length); // the slot of each row, -1 on the line
  }

  // Make room for these rows: the ends of the line, the slots, and where each row stands.
  fit(rows) {
    const finite = rows.map((row) => this.values[row]).filter((value) => this.key(value) === undefined);
    this.low = finite.reduce((a, b) => Math.min(a, b), Infinity);
    this.high = finite.reduce((a, b) => Math.max(a, b), -Infinity);
    this.continuous = finite.length > 0;
    this.few = distinct(finite);
    this.constant = new Set(rows.map((row) => String(this.values[row]))).size <= 1;
    this.canLog = this.kind === "number" && rows.some((row) => isPlace(this.values[row]) && this.values[row] > 0);
    this.slots = this.foundSlots(rows);
    this.base = this.continuous && this.slots.length ? this.slots.length * SLOT + GAP : 0;
    const place = new Map(this.slots.map((key, number) => [key, number]));
    for (const row of rows) {
      const key = this.key(this.values[row]);
      this.slotOf[row] = key === undefined ? -1 : place.get(key);
      this.unit[row] = key === undefined ? this.unitOf(this.values[row]) : this.slotUnit(place.get(key));
    }
  }

  // The slot of a value, undefined for a number that stands on the line.
  key(value) {
    if (value === null) return null;
    if (this.kind === "text") return value;
    if (Number.isNaN(value)) return "NaN";
    if (value === Infinity) return "+∞";
    if (value === -Infinity) return "−∞";
    return this.log && value <= 0 ? "≤ 0" : undefined;
  }

  foundSlots(rows) {
    const found = new Set(rows.map((row) => this.key(this.values[row])));
    if (this.kind === "number") return BEYOND.filter((key) => found.has(key));
    const names = [...found].filter((key) => key !== null).sort(naturally);
    return found.has(null) ? [...names, null] : names;
  }

  slotUnit(number) {
    const many = this.slots.length;
    return this.continuous ? (many - number - 0.5) * SLOT : 1 - (number + 0.5) / many;
  }

  unitOf(value) {
    if (this.low === this.high) return this.base + (1 - this.base) / 2;
    const share = this.log
      ? (Math.log(value) - Math.log(this.low)) / (Math.log(this.high) - Math.log(this.low))
      : (value / 2 - this.low / 2) / (this.high / 2 - this.low / 2); // halves do not overflow
    return this.base + share * (1 - this.base);
  }

  // The number at a place of the line; beyond its ends, exactly the ends.
  valueAt(unit) {
    const share = (unit - this.base) / (1 - this.base);
    if (share <= 0) return this.low;
    if (share >= 1) return this.high;
    if (this.log) return Math.exp(Math.log(this.low) * (1 - share) + Math.log(this.high) * share);
    return this.low * (1 - share) + this.high * share;
  }

  // What lies between two places, as a filter.
  between(from, to) {
    const [a, b] = [Math.min(from, to), Math.max(from, to)];
    const slots = this.slots.filter((_, number) => a <= this.slotUnit(number) && this.slotUnit(number) <= b);
    return { ranges: this.rangesBetween(a, b), slots: new Set(slots) };
  }

  rangesBetween(a, b) {
    if (!this.continuous || b < this.base) return [];
    if (this.low === this.high) {
      const middle = this.unitOf(this.low);
      return a <= middle && middle <= b ? [[this.low, this.high]] : [];
    }
    return a > 1 ? [] : [[this.valueAt(a), this.valueAt(b)]];
  }

  passes(row) {
    if (this.filter === null) return true;
    if (this.slotOf[row] >= 0) return this.filter.slots.has(this.slots[this.slotOf[row]]);
    const value = this.values[row];
    return this.filter.ranges.some(([low, high]) => low <= value && value <= high);
  }

  // The filter as pieces of the axis, each [from, to] with from <= to.
  pieces() {
    if (this.filter === null) return [];
    const lines = this.filter.ranges.filter(() => this.continuous).map(([low, high]) => this.piece(low, high));
    return [...lines.filter(Boolean), ...this.slotPieces()];
  }

  piece(low, high) {
    const [from, to] = [Math.max(low, this.low), Math.min(high, this.high)];
    if (from > to) return null;
    const thin = this.low === this.high ? 0.03 : 0.004; // so that it can be seen and taken
    return [this.unitOf(from) - thin, this.unitOf(to) + thin];
  }

  slotPieces() {
    const half = this.continuous ? SLOT / 2 : 0.5 / this.slots.length;
    const runs = [];
    this.slots.forEach((key, number) => {
      if (!this.filter.slots.has(key)) return;
      const [from, to] = [this.slotUnit(number) - half, this.slotUnit(number) + half];
      const last = runs[runs.length - 1];
      if (last && Math.abs(last[0] - to) < 1e-9) last[0] = from;
      else runs.push([from, to]);
    });
    return runs;
  }

  // Everything, as a filter: what remains when one slot is taken away.
  everything() {
    return { ranges: this.continuous ? [[this.low, this.high]] : [], slots: new Set(this.slots) };
  }

  better(a, b) {
    return this.goal === "maximize" ? a > b : a < b;
  }
}

const FEW = 8;

// The different values in order where they are few, as the sizes that a search tried; else none.
function distinct(values) {
  const found = new Set();
  for (const value of values) {
    if (found.add(value).size > FEW) return [];
  }
  return [...found].sort((a, b) => a - b);
}

function asNumber(value) {
  return value === null ? null : Number(value); // "NaN" and "Infinity" come as text: JSON lacks them
}

function isPlace(value) {
  return typeof value === "number" && Number.isFinite(value);
}

const collator = new Intl.Collator("en", { numeric: true });

function naturally(a, b) {
  const [x, y] = [Number(a), Number(b)];
  const numbers = a.trim() !== "" && b.trim() !== "" && !Number.isNaN(x) && !Number.isNaN(y);
  return numbers ? x - y : collator.compare(a, b);
}

// A number for people, in at most so many digits; the CSV file has them all.
function shown(value, digits = 5) {
  if (value === null) return "";
  if (typeof value === "string") return value;
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e7) return minus(String(value));
  if (size < 1e-4 || size >= 1e7) return minus(value.toExponential(digits - 1).replace(/\.?0+e/, "e").replace("e+", "e"));
  return minus(String(Number(value.toPrecision(digits))));
}

function minus(text) {
  return text.replace(/^-/, "−");
}

// Numbers to name on the line: its values where they are few and `named` says so, else round ones,
// about so many; in the middle of a line without length.
function ticks(column, many, named = true) {
  const { low, high } = column;
  if (!column.continuous) return [];
  if (low === high) return [low];
  if (named && column.few.length) return column.few;
  return column.log && high / 8 > low ? decades(low, high, many) : even(low, high, many);
}

function even(low, high, many) {
  const rough = high / many - low / many;
  const power = Math.pow(10, Math.floor(Math.log10(rough)));
  const step = [1, 2, 5, 10].map((by) => by * power).find((size) => size >= rough) ?? rough;
  const found = [];
  for (let number = Math.ceil(low / step); number * step <= high && found.length < 99; number++) {
    found.push(Number((number * step).toPrecision(12)));
  }
  return found;
}

function decades(low, high, many) {
  const [first, last] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)];
  const every = Math.max(1, Math.ceil((last - first + 1) / many));
  const between = last - first < 2 ? [1, 2, 5] : [1];
  const found = [];
  for (let power = first - 1; power <= last; power++) {
    if (between.length === 1 && (power - first) % every) continue;
    found.push(...between.map((by) => Number(`${by}e${power}`)));
  }
  return found.filter((value) => low * (1 - 1e-9) <= value && value <= high * (1 + 1e-9));
}
