// The status page: what the API says, kept up to date by its stream of events.
//
// The stream tells that something has changed; what there is now is asked for again. What does not make events,
// such as the last result of a check, is asked for every few seconds. When neither answers, the page says so.

import { Client, pathOf } from "./client.js";
import { Orders } from "./drain.js";
import { PageView } from "./view.js";
import { now, tellAges } from "./text.js";

const TICK = 1000;
const EVERY = 5000; // between requests for what has no events
const STALE = 12000; // without an answer or an event
const TOGETHER = 300; // changes within this time are asked for together
const FEW = 5; // that many changed items are asked for one by one
const RETRY = [500, 1000, 2000, 5000];

class Page {
  #client = new Client();
  #view;
  #heardAt = Date.now();
  #isLive = false; // the stream is open
  #isLost = false; // the daemon does not answer
  #isAsking = false;
  #started = "";
  #listsAt = 0;
  #dirty = { services: new Set(), checks: new Set() };
  #timer = 0;
  #failures = 0;
  #wanted = null; // of the next refresh
  #refreshing = null; // the one under way

  constructor() {
    const orders = new Orders(this.#client, (said) => {
      this.#view.say(said);
      this.#refresh();
    });
    this.#view = new PageView(orders, {
      enter: (token) => this.#enter(token),
      forget: () => {
        this.#client.token = "";
        location.reload();
      },
    });
    setInterval(() => this.#tick(), TICK);
    setInterval(() => this.#askAgain(), EVERY);
    document.addEventListener("visibilitychange", () => this.#askAgain(true));
  }

  start() {
    const needsToken = document.documentElement.dataset.asksForToken === "yes";
    if (needsToken && !this.#client.token) this.#view.askForToken("");
    else this.#run();
  }

  #enter(token) {
    this.#client.token = token;
    this.#run();
  }

  // Follow the events for ever; each connection begins with all there is.
  async #run() {
    this.#view.connecting();
    this.#isAsking = true;
    while (this.#isAsking) {
      try {
        await this.#client.follow({
          opened: () => {
            this.#isLive = true;
            this.#failures = 0;
            this.#refresh({ lists: true, history: true });
          },
          heard: () => this.#heard(),
          entry: (entry) => this.#take(entry),
          missed: () => this.#refresh({ lists: true, history: true }),
        });
        this.#trouble(new Error("the stream has ended"));
      } catch (error) {
        this.#trouble(error);
        // there is no place at the events: ask instead
        if (error.status === 503) this.#refresh({ lists: this.#areListsDue() });
      }
      this.#isLive = false;
      if (!this.#isAsking) return;
      await new Promise((resume) => setTimeout(resume, RETRY[Math.min(this.#failures++, RETRY.length - 1)]));
    }
  }

  #trouble(error) {
    if (error.status !== 401) {
      // one that has no place for us among its followers is still there
      this.#isLost = error.status === undefined;
      if (this.#isLost) this.#view.lost();
      return;
    }
    this.#isAsking = false;
    this.#client.token = "";
    this.#view.askForToken("This is not the token.");
  }

  #heard() {
    this.#heardAt = Date.now();
  }

  #take(entry) {
    this.#view.entry(entry);
    if (entry.kind === "check") this.#dirty.checks.add(entry.subject);
    if (entry.kind === "service" || entry.kind === "override") this.#dirty.services.add(entry.subject);
    if (entry.kind === "route" && entry.data?.service) this.#dirty.services.add(entry.data.service);
    if (!this.#timer) this.#timer = setTimeout(() => this.#catchUp(), TOGETHER);
  }

  async #catchUp() {
    const dirty = this.#dirty;
    this.#dirty = { services: new Set(), checks: new Set() };
    const isMuch = dirty.services.size > FEW || dirty.checks.size > FEW;
    try {
      if (!isMuch) {
        for (const kind of ["services", "checks"]) {
          const found = [];
          for (const name of dirty[kind]) found.push(await this.#one(kind, name));
          this.#view[kind].change(found.filter((item) => item));
        }
      }
      await this.#refresh({ lists: isMuch });
    } catch (error) {
      this.#trouble(error);
    } finally {
      this.#timer = 0;
      if (this.#dirty.services.size || this.#dirty.checks.size) {
        this.#timer = setTimeout(() => this.#catchUp(), TOGETHER);
      }
    }
  }

  async #one(kind, name) {
    try {
      return await this.#client.ask("GET", pathOf("v1", kind, name));
    } catch (error) {
      if (error.status !== 404) throw error;
      this.#view[kind].remove(name); // a reload took it away in the meantime
      return null;
    }
  }

  // What has no events; a page that nobody sees can wait.
  #askAgain(isSeenAgain = false) {
    if (!this.#isAsking || document.hidden || this.#refreshing) return;
    this.#refresh({ lists: isSeenAgain || this.#areListsDue() });
  }

  #areListsDue() {
    // long lists cost more, and are asked for less often
    const size = this.#view.services.size + this.#view.checks.size;
    return Date.now() - this.#listsAt >= Math.max(EVERY, size * 20);
  }

  // One at a time; what is wanted in the meantime comes after it, once.
  #refresh({ lists = false, history = !this.#isLive } = {}) {
    this.#wanted = { lists: lists || this.#wanted?.lists, history: history || this.#wanted?.history };
    this.#refreshing ??= this.#refreshAll().finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  async #refreshAll() {
    while (this.#wanted) {
      const wanted = this.#wanted;
      this.#wanted = null;
      try {
        await this.#refreshOnce(wanted);
      } catch (error) {
        this.#trouble(error);
      }
    }
  }

  async #refreshOnce({ lists, history }) {
    const status = await this.#client.ask("GET", "v1/status");
    const isAnother = status.started !== this.#started;
    this.#view.status(status, await this.#client.list("v1/peers"));
    this.#heard();
    this.#isLost = false;
    if (this.#isLive) this.#view.live();
    else this.#view.polling();
    if (history || isAnother) {
      const { items } = await this.#client.ask("GET", "v1/history?limit=500");
      this.#view.history(items, isAnother);
      this.#started = status.started;
    }
    // long lists come after what is short
    if (lists || isAnother) {
      this.#listsAt = Date.now();
      this.#view.services.replace(await this.#client.list("v1/services"));
      this.#view.checks.replace(await this.#client.list("v1/checks"));
    }
  }

  #tick() {
    tellAges();
    if (!this.#isAsking) return;
    const silence = Date.now() - this.#heardAt;
    this.#view.stale(silence > STALE || this.#isLost ? now() - silence : null);
  }
}

new Page().start();
