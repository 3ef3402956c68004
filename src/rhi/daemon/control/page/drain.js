// Orders: taking a service out of traffic, and giving it back. Both ask once more before they do anything.

import { pathOf } from "./client.js";
import { count, element, setText } from "./text.js";

const BY = "rhi-by";
const byId = (id) => document.getElementById(id);

export class Orders {
  #client;
  #done;

  // done(text): an order was taken.
  constructor(client, done) {
    this.#client = client;
    this.#done = done;
    this.#prepare("drain", (name) => this.#drain(name));
    this.#prepare("undrain", (name) => this.#undrain(name));
  }

  // A button that drains its service, or gives it back.
  button() {
    const made = element("button", { type: "button" });
    let service = null;
    made.addEventListener("click", () => {
      if (service.override) this.#askUndrain(service.override);
      else this.#askDrain(service);
    });
    return {
      node: made,
      fill: (item) => {
        service = item;
        const verb = item.override ? wordFor(item.override) : "Drain";
        setText(made, item.override ? verb : "Drain…");
        made.setAttribute("aria-label", `${verb} ${item.name}`);
      },
    };
  }

  #askDrain({ name, announced, addresses }) {
    setText(byId("drain-title"), `Drain ${name}`);
    setText(
      byId("drain-what"),
      `${announced} of ${count(addresses, "address", "addresses")} announced now. ` +
        "Routers are told to move the traffic away, and later the routes are withdrawn. Guards still count.",
    );
    byId("drain-form").reset();
    byId("drain-by").value = sessionStorage.getItem(BY) ?? "";
    this.#open("drain", name);
  }

  #askUndrain(override) {
    setText(byId("undrain-title"), `${wordFor(override)} ${override.service}`);
    setText(byId("undrain-form").querySelector("button.main"), wordFor(override));
    setText(
      byId("undrain-what"),
      `The order “${override.action}” by ${override.by}${override.reason ? ` (${override.reason})` : ""} ends: ` +
        "the checks decide again, and a healthy service is announced at once.",
    );
    this.#open("undrain", override.service);
  }

  #open(kind, name) {
    const dialog = byId(`${kind}-dialog`);
    setText(byId(`${kind}-error`), "");
    dialog.dataset.service = name;
    dialog.showModal();
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
        const said = await act(dialog.dataset.service);
        dialog.close();
        this.#done(said);
      } catch (error) {
        setText(byId(`${kind}-error`), `Not done: ${error.message}`);
      } finally {
        button.disabled = false;
      }
    });
  }

  async #drain(name) {
    const by = byId("drain-by").value.trim();
    sessionStorage.setItem(BY, by);
    const lasts = byId("drain-for").value.trim();
    await this.#client.ask("PUT", pathOf("v1/overrides", name), {
      action: "drain",
      reason: byId("drain-why").value.trim(),
      drain_time: byId("drain-time").value.trim(),
      ...(by && { by }),
      ...(lasts && { lasts }),
    });
    return `${name} is being drained.`;
  }

  async #undrain(name) {
    const { changed } = await this.#client.ask("DELETE", pathOf("v1/overrides", name));
    return changed ? `${name}: its checks decide again.` : `${name} had no order any more.`;
  }
}

export function wordFor(override) {
  return override.action === "drain" ? "Undrain" : "Take back";
}
