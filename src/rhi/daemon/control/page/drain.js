// Orders: taking a service, a peer or everything out of traffic, and giving it back. Each is asked for once more
// before it is done.

import { pathOf } from "./client.js";
import { count, element, setText } from "./text.js";

const BY = "rhi-by";
const byId = (id) => document.getElementById(id);
const valueOf = (id) => byId(id).value.trim();

// What an order is about, for people and for the API.
export const serviceTarget = (service) => ({
  path: `service/${service.name}`,
  name: service.name,
  what: `${service.announced} of ${count(service.addresses, "address", "addresses")} announced now. Routers are told to `
    + "move the traffic away, and later the routes are withdrawn. Guards still count.",
});

export const peerTarget = (peer) => ({
  path: `peer/${peer.name}`,
  name: `peer ${peer.name}`,
  isPeer: true,
  what: `All that this peer was sent, ${count(peer.current_routes, "route")} now, is marked as leaving, and later `
    + "withdrawn from it. Other peers keep what they have.",
});

export const everything = (routes) => ({
  path: "all",
  name: "everything",
  what: `All that this daemon announces, ${count(routes.announced, "route")} now, is marked as leaving, and later `
    + "withdrawn from every peer. Guards still count.",
});

export class Orders {
  #client;
  #done;
  #asked = null; // what the open dialog is about

  // done(text): an order was taken.
  constructor(client, done) {
    this.#client = client;
    this.#done = done;
    this.#prepare("drain", () => this.#drain());
    this.#prepare("undrain", () => this.#undrain());
  }

  // A button that drains, or takes back what is in force: fill(target, order), where order is null,
  // { path, action, by, reason }.
  button(made = element("button", { type: "button" })) {
    let target = null;
    let order = null;
    made.addEventListener("click", () => (order ? this.#askUndrain(target, order) : this.#askDrain(target)));
    return {
      node: made,
      fill: (about, inForce) => {
        target = about;
        order = inForce;
        const verb = order ? verbFor(order) : "Drain";
        setText(made, `${order ? verb : "Drain"}${target.path === "all" ? " everything" : ""}${order ? "" : "…"}`);
        made.setAttribute("aria-label", `${verb} ${target.name}`);
      },
    };
  }

  #askDrain(target) {
    byId("drain-form").reset();
    setText(byId("drain-title"), `Drain ${target.name}`);
    setText(byId("drain-what"), target.what);
    byId("drain-peer").hidden = !target.isPeer;
    byId("drain-by").value = sessionStorage.getItem(BY) ?? "";
    this.#open("drain", { target });
  }

  #askUndrain(target, order) {
    const verb = verbFor(order);
    setText(byId("undrain-title"), `${verb} ${target.name}`);
    setText(byId("undrain-form").querySelector("button.main"), verb);
    const reason = order.reason ? ` (${order.reason})` : "";
    setText(
      byId("undrain-what"),
      `The order “${order.action}” by ${order.by}${reason} ends: the checks decide again, and what is healthy is `
        + "announced at once.",
    );
    this.#open("undrain", { target, order });
  }

  #open(kind, asked) {
    this.#asked = asked;
    setText(byId(`${kind}-error`), "");
    byId(`${kind}-dialog`).showModal();
  }

  #prepare(kind, act) {
    const dialog = byId(`${kind}-dialog`);
    dialog.querySelector(".cancel").addEventListener("click", () => dialog.close());
    byId(`${kind}-form`).addEventListener("submit", async (event) => {
      event.preventDefault();
      const button = dialog.querySelector("button.main");
      button.disabled = true;
      setText(byId(`${kind}-error`), "");
      try {
        const said = await act();
        dialog.close();
        this.#done(said);
      } catch (error) {
        setText(byId(`${kind}-error`), `Not done: ${error.message}`);
      } finally {
        button.disabled = false;
      }
    });
  }

  async #drain() {
    const { target } = this.#asked;
    const by = valueOf("drain-by");
    sessionStorage.setItem(BY, by);
    const closes = Boolean(target.isPeer) && byId("drain-close").checked;
    const given = { by, lasts: valueOf("drain-for"), wait: valueOf("drain-wait"), message: closes ? valueOf("drain-message") : "" };
    await this.#client.ask("PUT", pathOf("v1/drains", target.path), {
      reason: valueOf("drain-why"),
      ...Object.fromEntries(Object.entries(given).filter(([, value]) => value)),
      ...(closes && { close: true }),
    });
    return `${target.name} is being drained.`;
  }

  async #undrain() {
    const { target, order } = this.#asked;
    await this.#client.ask("DELETE", pathOf("v1", order.path));
    return `${target.name}: the order is taken back.`;
  }
}

function verbFor(order) {
  return order.action === "drain" ? "Undrain" : "Take back";
}
