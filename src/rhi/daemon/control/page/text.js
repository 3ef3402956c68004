// Text on the page. Everything that the daemon says gets there through here, and only ever as text: names and
// details may hold what a stranger's server has answered to a check.

const ages = new Set();
let skew = 0; // milliseconds that the daemon's clock is ahead of the browser's

// What each word of the daemon means for the eye; its word stands beside the sign.
const STATES = {
  healthy: "ok", up: "ok", established: "ok",
  unhealthy: "bad", down: "bad", stale: "bad", idle: "bad",
  unknown: "wait", connect: "wait", active: "wait", opensent: "wait", openconfirm: "wait",
};

export function stateOf(word) {
  return STATES[word.toLowerCase().replaceAll("_", "")] ?? "warn";
}

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setState(node, state, text) {
  node.className = "state";
  node.dataset.state = state;
  setText(node, text);
}

export function badge(state, text) {
  const made = element("span");
  setState(made, state, text);
  return made;
}

// Times of day are the daemon's; how long ago is told by its clock too.
export function setClock(header) {
  const theirs = Date.parse(header ?? "");
  if (!Number.isNaN(theirs)) skew = theirs - Date.now();
}

export function now() {
  return Date.now() + skew;
}

export function clockTime(iso) {
  return new Date(iso).toLocaleTimeString([], { hour12: false });
}

export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60]]) {
    if (whole >= size) return `${Math.floor(whole / size)}\u00a0${unit}`;
  }
  return `${whole}\u00a0s`;
}

// A <time> that says how long ago, or how long until; empty for null.
export function setAge(node, iso, { before = "", after = "" } = {}) {
  if (!iso) {
    ages.delete(node);
    setText(node, "");
    node.removeAttribute("datetime");
    return;
  }
  node.dateTime = iso;
  node.title = new Date(iso).toLocaleString();
  node.dataset.before = before;
  node.dataset.after = after;
  ages.add(node);
  tellAge(node);
}

function tellAge(node) {
  const seconds = Math.abs(now() - Date.parse(node.dateTime)) / 1000;
  setText(node, `${node.dataset.before}${duration(seconds)}${node.dataset.after}`);
}

export function tellAges() {
  for (const node of ages) {
    if (node.isConnected) tellAge(node);
    else ages.delete(node);
  }
}

export function count(number, noun, many = `${noun}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? noun : many}`;
}

// Children of a list, one for each item, made once and changed afterwards: so a live region reads only what is
// new, and the focus stays where it is.
export class Rows {
  #parent;
  #key;
  #make;
  #rows = new Map();

  constructor(parent, { key, make }) {
    this.#parent = parent;
    this.#key = key;
    this.#make = make; // (item) => { node, fill(item) }
  }

  show(items) {
    const kept = new Map();
    for (const item of items) {
      const key = this.#key(item);
      const row = this.#rows.get(key) ?? this.#make(item);
      row.fill(item);
      kept.set(key, row);
    }
    for (const [key, row] of this.#rows) if (!kept.has(key)) row.node.remove();
    this.#rows = kept;
    const focused = document.activeElement;
    let at = this.#parent.firstElementChild;
    for (const { node } of kept.values()) {
      if (node === at) at = at.nextElementSibling;
      else this.#parent.insertBefore(node, at);
    }
    if (focused !== document.activeElement && focused?.isConnected) focused.focus({ preventScroll: true });
  }
}
