// The orders in force, and how far each drain has come.

import { Rows, badge, count, element, setAge, setState, setText } from "./text.js";

const STEPS = ["marked", "waiting", "withdrawing", "acknowledging", "aging", "done"];

// From the status: drains, and what operators have said otherwise over the checks. `path` is where each is
// taken back; a drain of a service is among the overrides too, and is told once.
export function ordersOf({ drains, overrides }) {
  const found = drains.map((drain) => ({
    ...drain,
    action: "drain",
    word: `drain: ${drain.state}`,
    path: `drains/${drain.drain}`,
    target: { path: drain.drain, name: { service: drain.name, peer: `peer ${drain.name}`, all: "everything" }[drain.kind] },
  }));
  const told = new Set(found.map((order) => order.target.path));
  for (const override of overrides) {
    const target = { path: `service/${override.service}`, name: override.service };
    if (told.has(target.path)) continue;
    found.push({ ...override, word: override.action, path: `overrides/${override.service}`, target, steps: [] });
  }
  return found;
}

// One row of their list.
export function makeOrder(orders) {
  const state = badge("order", "");
  const name = element("strong");
  const what = element("span");
  const since = element("time");
  const until = element("time");
  const button = orders.button();
  const list = element("ol", { class: "steps" });
  const steps = new Rows(list, { key: (step) => step.word, make: makeStep });
  const note = element("span", { class: "note-line quiet" });
  const next = element("time");
  const line = element("span", { class: "words" }, name, " ", what, " ", since, until);
  return {
    node: element("li", {}, state, line, button.node, list, note, next),
    fill: (order) => {
      setState(state, "order", order.action);
      setText(name, order.target.name);
      setText(what, `${order.reason || "no reason given"}, by ${order.by}${order.force ? ", also against guards" : ""},`);
      setAge(since, order.since, { after: " ago" });
      setAge(until, order.until, { before: ", ends in " });
      button.fill(order.target, order);
      steps.show(stepsOf(order));
      list.hidden = order.steps.length === 0;
      setText(note, noteOf(order));
      note.hidden = !note.textContent;
      setAge(next, order.steps.length ? order.next : null, { before: "next step at the latest in " });
      next.hidden = !next.textContent;
    },
  };
}

function stepsOf({ state, steps }) {
  const at = STEPS.indexOf(state);
  const passed = new Set(steps.map((step) => step.state));
  const found = [];
  STEPS.forEach((word, index) => {
    // what was left out, because there was nothing to wait for, is not told
    if (at < 0 ? passed.has(word) : index > at || passed.has(word)) found.push({ word, kind: index < at || at < 0 ? "past" : "" });
  });
  if (at < 0) found.push({ word: state, kind: "failed" });
  return found.map((step) => ({ ...step, isNow: step.word === state }));
}

function makeStep() {
  const node = element("li");
  return {
    node,
    fill: ({ word, kind, isNow }) => {
      setText(node, word);
      node.className = kind;
      if (isNow) node.setAttribute("aria-current", "step");
      else node.removeAttribute("aria-current");
    },
  };
}

function noteOf({ kind, steps, routes, kept, behind }) {
  if (!steps.length) return "";
  const parts = [`${steps.at(-1).state} (${steps.at(-1).text})`];
  // of a peer: what the others keep
  if (kind !== "peer") parts.push(`${count(routes, "route")} left`);
  if (kept) parts.push(`kept by ${kept}`);
  for (const [peer, what] of Object.entries(behind)) parts.push(`${peer} ${what}`);
  return parts.join("; ");
}
