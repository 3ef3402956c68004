// What is seen: from the answers of the API to the page's elements. Asks nothing and decides nothing.

import { Teller } from "./teller.js";
import { everything, peerTarget, serviceTarget } from "./drain.js";
import { makeOrder, ordersOf } from "./orders.js";
import { Table } from "./tables.js";
import { Timeline } from "./timeline.js";
import { Rows, badge, clockTime, count, duration, element, setAge, setState, setText, stateOf } from "./text.js";

const byId = (id) => document.getElementById(id);
const SOUND = 9; // rank of what needs nobody's eye

export class PageView {
  #inForce = new Map(); // orders by what they are about
  #drainAll;
  #timeline = new Timeline();
  #teller = new Teller();
  #peers;
  #lists;
  #hasData = false;
  #title = "rhi";

  constructor(orders, { enter, forget }) {
    const orderOf = (target) => this.#inForce.get(target.path) ?? null;
    this.services = new Table(byId("services"), servicesTable(orders, orderOf));
    this.checks = new Table(byId("checks"), CHECKS);
    this.#peers = new Table(byId("peers"), peersTable(orders, orderOf));
    this.#drainAll = orders.button(byId("drain-all"));
    this.#lists = {
      alarms: new Rows(byId("alarms"), { key: (alarm) => alarm.subject, make: makeAlarm }),
      guards: new Rows(byId("guards"), { key: (guard) => guard.group, make: () => this.#makeGuard() }),
      orders: new Rows(byId("drains"), { key: (order) => order.target.path, make: () => makeOrder(orders) }),
      summary: new Rows(byId("summary"), { key: (fact) => fact.name, make: makeFact }),
    };
    byId("token-form").addEventListener("submit", (event) => {
      event.preventDefault();
      enter(byId("token").value.trim());
      byId("token").value = "";
    });
    byId("forget").addEventListener("click", forget);
  }

  askForToken(error) {
    byId("data").hidden = true;
    byId("stale").hidden = true;
    byId("forget").hidden = true;
    byId("door").hidden = false;
    this.#hasData = false;
    setState(byId("link"), "wait", "locked");
    setText(byId("token-error"), error);
    byId("token").focus();
  }

  connecting() {
    byId("door").hidden = true;
    setState(byId("link"), "wait", "connecting");
  }

  live() {
    setState(byId("link"), "ok", "live");
  }

  // The daemon answers, but has no place among those who follow its events.
  polling() {
    setState(byId("link"), "warn", "asks every 5 s");
  }

  lost() {
    setState(byId("link"), "bad", "daemon does not answer");
  }

  // as of: when the last was heard; null while all is well.
  stale(asOf) {
    const note = byId("stale");
    const isStale = asOf !== null && this.#hasData;
    note.hidden = !isStale;
    document.body.classList.toggle("stale", isStale);
    if (isStale) {
      setText(note, `The daemon does not answer. What stands here is of ${clockTime(asOf)} and may be wrong; trying again.`);
      document.title = `? ${this.#title}`;
    } else {
      document.title = this.#title;
    }
  }

  say(text) {
    this.#teller.say(text);
  }

  entry(entry) {
    this.#timeline.add([entry]);
  }

  history(entries, isAnotherDaemon) {
    if (isAnotherDaemon) this.#timeline.clear();
    this.#timeline.add(entries);
  }

  status(status, peers) {
    this.#hasData = true;
    byId("data").hidden = false;
    byId("forget").hidden = document.documentElement.dataset.asksForToken !== "yes";
    setText(byId("router-id"), status.router_id);
    setText(byId("facts"), `version ${status.version}, up for ${duration(status.uptime)}`);
    this.#lists.alarms.show(status.alarms);
    this.#lists.guards.show(status.guards);
    const inForce = ordersOf(status);
    this.#inForce = new Map(inForce.map((order) => [order.target.path, order]));
    this.#teller.tell(status.alarms, inForce);
    this.#lists.orders.show(inForce);
    this.#drainAll.fill(everything(status.routes), this.#inForce.get("all") ?? null);
    this.services.show(); // their orders may have changed
    this.#lists.summary.show(facts(status));
    this.#peers.replace(peers);
    byId("alarms-section").dataset.state = status.alarms.length ? "bad" : "ok";
    this.#title = `${status.alarms.length ? `✕ ${count(status.alarms.length, "alarm")} – ` : ""}rhi ${status.router_id}`;
    document.title = this.#title;
  }

  #makeGuard() {
    const state = badge("ok", "");
    const text = element("span", { class: "words" });
    return {
      node: element("li", {}, state, text),
      fill: (guard) => {
        const rules = Object.entries(guard.tripped);
        setState(state, rules.length ? "bad" : "ok", rules.length ? "tripped" : "at rest");
        const limit = guard.max_withdrawals === null ? "" : `, at most ${count(guard.max_withdrawals, "withdrawal")} at a time`;
        const kept = guard.kept ? `; it keeps ${count(guard.kept, "route")} announced${this.#keptBy(guard)}` : "";
        const why = rules.map(([rule, sentence]) => `; ${rule}: ${sentence}`).join("");
        setText(text, `${guard.group}: floor ${guard.floor}${limit}${kept}${why}`);
      },
    };
  }

  #keptBy(guard) {
    const names = this.services.filter((service) => service.kept && service.group === guard.group).map(({ name }) => name);
    return names.length ? ` (${some(names)})` : "";
  }
}

function makeAlarm() {
  const what = element("strong");
  const text = element("span");
  const since = element("time");
  return {
    node: element("li", {}, badge("bad", "alarm"), element("span", { class: "words" }, what, " ", text, " ", since)),
    fill: (alarm) => {
      setText(what, alarm.subject);
      setText(text, alarm.text);
      setAge(since, alarm.since, { before: "for " });
    },
  };
}

function makeFact() {
  const name = element("dt");
  const value = element("dd");
  return {
    node: element("div", {}, name, value),
    fill: (fact) => {
      setText(name, fact.name);
      const made = fact.parts.map(([state, text]) => badge(state, text));
      if (value.textContent !== made.map((each) => each.textContent).join("")) value.replaceChildren(...made);
    },
  };
}

function facts({ services, checks, peers, routes, is_decided: isDecided }) {
  const parts = (counts) => Object.entries(counts).map(([word, number]) => [stateOf(word), `${number} ${word.toLowerCase()}`]);
  const isAll = routes.announced === routes.configured;
  return [
    { name: "Routes", parts: [
      [isAll ? "ok" : "warn", `${routes.announced} of ${routes.configured} announced`],
      ...(routes.kept ? [["bad", `${routes.kept} kept by a guard`]] : []),
      ...(isDecided ? [] : [["wait", "not all decided yet"]]),
    ] },
    { name: "Services", parts: parts(services) },
    { name: "Checks", parts: parts(checks) },
    { name: "Peers", parts: parts(peers) },
  ];
}

// A cell whose text is made anew only when it changed.
const words = (name, text) => ({ name, fill: (cell, item) => setText(cell, text(item)) });
const head = (name, text) => ({ ...words(name, text), isHead: true });

// A cell with parts that are made once: make(cell) returns fill(item).
function parts(name, make) {
  const fills = new WeakMap();
  return {
    name,
    fill: (cell, item) => {
      if (!fills.has(cell)) fills.set(cell, make(cell));
      fills.get(cell)(item);
    },
  };
}

function stateAndAge(cell) {
  const state = badge("wait", "");
  const order = badge("order", "");
  const since = element("time", { class: "quiet" });
  cell.append(state, " ", order, " ", since);
  return (kind, word, iso, ordered = "") => {
    setState(state, kind, word);
    order.hidden = !ordered;
    setText(order, ordered);
    setAge(since, iso, { before: "for " });
  };
}

function servicesTable(orders, orderOf) {
  return {
    noun: "service",
    caption: "Services, those with trouble first",
    key: (service) => service.name,
    rank: serviceRank,
    text: (service) => `${service.name} ${service.level} ${service.group} ${service.checks.join(" ")}`,
    columns: [
      head("Service", (service) => service.name),
      parts("Level", (cell) => {
        const tell = stateAndAge(cell);
        return (service) => {
          const order = orderOf(serviceTarget(service));
          tell(serviceState(service), service.level, service.since, order?.word);
        };
      }),
      words("Announced", (service) =>
        `${service.announced}\u00a0of\u00a0${service.addresses}${service.kept ? `, ${service.kept} kept by a guard` : ""}`),
      words("Why", (service) => service.steps.map((step) => `${step.stage}: ${step.text}`).join("; ")),
      parts("Order", (cell) => {
        const button = orders.button();
        cell.append(button.node);
        return (service) => button.fill(serviceTarget(service), orderOf(serviceTarget(service)));
      }),
    ],
  };
}

function serviceState(service) {
  if (service.level === "unhealthy") return "bad";
  if (service.level === "unknown") return "wait";
  return service.is_best && !service.is_degraded ? "ok" : "warn";
}

function serviceRank(service) {
  const at = ["bad", "wait", "warn"].indexOf(serviceState(service));
  if (at >= 0) return at;
  return service.override || service.kept || service.announced < service.addresses ? 3 : SOUND;
}

const CHECKS = {
  noun: "check",
  caption: "Checks with their last results, those with trouble first",
  key: (check) => check.name,
  rank: (check) => ({ down: 0, stale: 0, unknown: 1, up: check.alarm || check.ok === false ? 2 : SOUND })[check.verdict] ?? 1,
  text: (check) => `${check.name} ${check.verdict} ${check.type} ${check.detail} ${check.services.join(" ")}`,
  columns: [
    head("Check", (check) => check.name),
    parts("Verdict", (cell) => {
      const tell = stateAndAge(cell);
      return (check) => tell(stateOf(check.verdict), check.verdict, check.since);
    }),
    parts("Last result", (cell) => {
      const text = element("span");
      const when = element("time", { class: "quiet" });
      cell.append(text, " ", when);
      return (check) => {
        setText(text, lastResult(check));
        setAge(when, check.checked, { after: " ago" });
      };
    }),
    words("Kind", (check) => `${check.type}, ${check.kind}, every ${check.interval}\u00a0s`),
    words("Services", (check) => some(check.services)),
  ],
};

// The first of many names.
function some(names) {
  const more = names.length - 6;
  return more > 1 ? `${names.slice(0, 6).join(", ")} and ${more} more` : names.join(", ");
}

function lastResult({ ok, detail, alarm, duration: seconds }) {
  if (alarm) return `cannot tell: ${alarm}`;
  if (ok === null) return "none yet";
  const took = seconds === null ? "" : `, ${(seconds * 1000).toFixed(1)}\u00a0ms`;
  return `${ok ? "passed" : "failed"}${detail ? `: ${detail}` : ""}${took}`;
}

function peersTable(orders, orderOf) {
  return {
    noun: "peer",
    caption: "Peers, those without a session first",
    key: (peer) => peer.name,
    rank: (peer) => (peer.state === "ESTABLISHED" ? (orderOf(peerTarget(peer)) ? 3 : SOUND) : 0),
    text: (peer) => `${peer.name} ${peer.state} ${peer.remote_asn} ${peer.last_error}`,
    columns: [
      head("Peer", (peer) => peer.name),
      parts("Session", (cell) => {
        const tell = stateAndAge(cell);
        return (peer) => {
          const word = peer.state.toLowerCase().replace("_", " ");
          tell(stateOf(peer.state), word, peer.when, orderOf(peerTarget(peer))?.word);
        };
      }),
      words("AS", (peer) => (peer.remote_asn ? `${peer.local_asn} → ${peer.remote_asn}` : `${peer.local_asn}`)),
      words("Was sent", (peer) => `${count(peer.current_routes, "route")}${peer.pending_routes ? ", more under way" : ""}`),
      words("Last error", (peer) => peer.last_error),
      parts("Order", (cell) => {
        const button = orders.button();
        cell.append(button.node);
        return (peer) => button.fill(peerTarget(peer), orderOf(peerTarget(peer)));
      }),
    ],
  };
}
