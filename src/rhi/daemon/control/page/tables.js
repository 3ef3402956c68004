// Long lists as tables with a filter and pages: a thousand items cost no more than those that are seen.

import { Rows, element, setText } from "./text.js";

const ROWS = 25;

// columns: [{ name, fill(cell, item), isHead }]; rank: what is smaller comes first.
export class Table {
  #items = null; // a map; none before the first have come
  #columns;
  #key;
  #rank;
  #text;
  #noun;
  #page = 0;
  #rows;
  #parts;

  constructor(section, { noun, caption, columns, key, rank, text }) {
    this.#columns = columns;
    this.#key = key;
    this.#rank = rank;
    this.#text = text;
    this.#noun = noun;
    this.#parts = build(section, noun, caption, columns);
    this.#rows = new Rows(this.#parts.body, { key, make: () => this.#makeRow() });
    const { filter, troubled, back, on } = this.#parts;
    const turn = (to) => () => {
      this.#page = to();
      this.show();
    };
    filter.addEventListener("input", turn(() => 0));
    troubled.addEventListener("change", turn(() => 0));
    back.addEventListener("click", turn(() => this.#page - 1));
    on.addEventListener("click", turn(() => this.#page + 1));
  }

  get size() {
    return this.#items?.size ?? 0;
  }

  filter(matches) {
    return [...(this.#items?.values() ?? [])].filter(matches);
  }

  replace(items) {
    this.#items = new Map(items.map((item) => [this.#key(item), item]));
    this.show();
  }

  change(items) {
    if (!this.#items) return; // they are on their way
    for (const item of items) this.#items.set(this.#key(item), item);
    this.show();
  }

  remove(key) {
    this.#items?.delete(key);
  }

  show() {
    if (!this.#items) return;
    const { filter, troubled, table, tools, pager, shown, back, on, none } = this.#parts;
    const found = this.#found(filter.value.trim().toLowerCase(), troubled.checked);
    const pages = Math.max(1, Math.ceil(found.length / ROWS));
    this.#page = Math.min(Math.max(0, this.#page), pages - 1);
    const start = this.#page * ROWS;
    this.#rows.show(found.slice(start, start + ROWS));
    table.hidden = found.length === 0;
    none.hidden = found.length > 0;
    setText(none, this.size ? `No ${this.#noun} is like this.` : `There are no ${this.#noun}s.`);
    tools.hidden = this.size < 6 && !filter.value && !troubled.checked;
    pager.hidden = pages === 1;
    const end = Math.min(start + ROWS, found.length);
    setText(shown, `${start + 1}–${end} of ${found.length.toLocaleString("en")}`);
    back.disabled = this.#page === 0;
    on.disabled = this.#page === pages - 1;
  }

  #found(word, onlyTroubled) {
    const found = [];
    for (const [key, item] of this.#items) {
      const rank = this.#rank(item);
      if (onlyTroubled && rank >= 9) continue;
      if (word && !this.#text(item).toLowerCase().includes(word)) continue;
      found.push({ key, item, rank });
    }
    found.sort((one, two) => one.rank - two.rank || (one.key < two.key ? -1 : 1));
    return found.map(({ item }) => item);
  }

  #makeRow() {
    const cells = this.#columns.map((column) =>
      element(column.isHead ? "th" : "td", {
        role: column.isHead ? "rowheader" : "cell",
        ...(column.isHead ? { scope: "row" } : { "data-name": column.name }),
      }),
    );
    return {
      node: element("tr", { role: "row" }, ...cells),
      fill: (item) => this.#columns.forEach((column, at) => column.fill(cells[at], item)),
    };
  }
}

// Roles are given although elements have them: on a phone the table is no table for the eye, and some browsers
// then take its roles away.
function build(section, noun, caption, columns) {
  const id = `${noun}-filter`;
  const filter = element("input", { id, type: "search", autocomplete: "off", spellcheck: "false" });
  const troubled = element("input", { type: "checkbox", id: `${noun}-troubled` });
  const back = element("button", { type: "button", "aria-label": `${noun}s before these` }, "‹ Back");
  const on = element("button", { type: "button", "aria-label": `${noun}s after these` }, "Next ›");
  const shown = element("span", { role: "status" });
  const pager = element("p", { class: "tools" }, back, shown, on);
  const tools = element(
    "p", { class: "tools" },
    element("label", { for: id }, `Filter ${noun}s`), filter,
    element("label", { for: troubled.id, class: "box" }, troubled, " only those with trouble"),
  );
  const heads = columns.map(({ name }) => element("th", { scope: "col", role: "columnheader" }, name));
  const body = element("tbody", { role: "rowgroup" });
  const table = element(
    "table", { role: "table" },
    element("caption", {}, caption),
    element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, ...heads)),
    body,
  );
  const none = element("p", { class: "quiet" }, "Asking…");
  for (const part of [tools, table, pager]) part.hidden = true; // until there is something in them
  section.append(tools, table, none, pager);
  return { filter, troubled, back, on, shown, pager, tools, table, body, none };
}
