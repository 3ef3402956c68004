// What happened and was decided, newest first.

import { Rows, clockTime, element, setState, setText } from "./text.js";

const KEPT = 1000; // entries, as many as the daemon keeps
const SHOWN = 50;
const byId = (id) => document.getElementById(id);

// What each kind is for the eye.
const STATES = { override: "order", drain: "order", start: "ok", reload: "plain" };

export class Timeline {
  #entries = new Map();
  #limit = SHOWN;
  #rows = new Rows(byId("timeline"), { key: (entry) => entry.number, make });
  #isDue = false;

  constructor() {
    byId("kind").addEventListener("change", () => {
      this.#limit = SHOWN;
      this.#show();
    });
    byId("older").addEventListener("click", () => {
      this.#limit += SHOWN;
      this.#show();
    });
  }

  clear() {
    this.#entries.clear();
  }

  add(entries) {
    for (const entry of entries) this.#entries.set(entry.number, entry);
    if (this.#isDue) return;
    // a flood of entries is drawn once a frame
    this.#isDue = true;
    requestAnimationFrame(() => {
      this.#isDue = false;
      this.#show();
    });
  }

  #show() {
    const numbers = [...this.#entries.keys()].sort((one, two) => two - one);
    for (const number of numbers.slice(KEPT)) this.#entries.delete(number);
    const kinds = byId("kind").value;
    const found = numbers
      .slice(0, KEPT)
      .map((number) => this.#entries.get(number))
      .filter((entry) => !kinds || kinds.split(" ").includes(entry.kind));
    this.#rows.show(found.slice(0, this.#limit));
    byId("older").hidden = found.length <= this.#limit;
  }
}

function make(entry) {
  const when = element("time", { datetime: entry.time, title: new Date(entry.time).toLocaleString() }, clockTime(entry.time));
  const kind = element("span");
  const subject = element("strong");
  const text = element("span");
  return {
    node: element("li", {}, when, kind, element("span", { class: "words" }, subject, " ", text)),
    fill: () => {
      setState(kind, stateOf(entry), entry.kind);
      setText(subject, entry.subject);
      setText(text, entry.text);
    },
  };
}

function stateOf({ kind, data }) {
  if (kind === "alarm") return data?.active === false ? "ok" : "bad";
  if (kind === "check") return { up: "ok", down: "bad", stale: "bad" }[data?.after] ?? "wait";
  if (kind === "route") return data?.action === "withdrawn" ? "warn" : "ok";
  if (kind === "session") return data?.event === "session_up" ? "ok" : "bad";
  if (kind === "service") return data?.level === "unhealthy" ? "bad" : data?.level === "healthy" ? "ok" : "wait";
  return STATES[kind] ?? "plain";
}
