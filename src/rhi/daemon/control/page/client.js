// How the page asks the API. The token goes into a header and nowhere else; EventSource could not send it, so
// the stream of events is read with fetch.

import { setClock } from "./text.js";

const TOKEN = "rhi-token";
const PATIENCE = 8000; // milliseconds for an answer
const SILENCE = 40000; // a stream without even a heartbeat, which comes every 15 s, is dead

export class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

export class Client {
  #turn = Promise.resolve();

  get token() {
    return sessionStorage.getItem(TOKEN) ?? "";
  }

  set token(text) {
    if (text) sessionStorage.setItem(TOKEN, text);
    else sessionStorage.removeItem(TOKEN);
  }

  // Requests take turns: each costs the daemon a connection, and it has not many.
  ask(method, path, body) {
    const answer = this.#turn.then(() => this.#ask(method, path, body));
    this.#turn = answer.catch(() => {});
    return answer;
  }

  async list(path) {
    const items = [];
    let after = "";
    do {
      const part = await this.ask("GET", after ? `${path}?after=${encodeURIComponent(after)}` : path);
      items.push(...part.items);
      after = part.next;
    } while (after);
    return items;
  }

  // Read events until the stream ends; `opened` is called once it has begun.
  async follow({ opened, heard, entry, missed }) {
    const control = new AbortController();
    let watch = 0;
    const alive = () => {
      clearTimeout(watch);
      watch = setTimeout(() => control.abort(new Error("the stream is silent")), SILENCE);
      heard();
    };
    alive();
    try {
      const response = await fetch("v1/events", { headers: this.#headers(), cache: "no-store", signal: control.signal });
      if (!response.ok) throw await refusal(response);
      opened();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        alive();
        const blocks = (rest + value).split("\n\n");
        rest = blocks.pop();
        for (const block of blocks) tell(block, entry, missed);
      }
    } finally {
      clearTimeout(watch);
      control.abort();
    }
  }

  async #ask(method, path, body) {
    const response = await fetch(path, {
      method,
      headers: this.#headers(),
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      signal: AbortSignal.timeout(PATIENCE),
    });
    setClock(response.headers.get("Date"));
    if (!response.ok) throw await refusal(response);
    return response.json();
  }

  #headers() {
    if (!this.token) return {};
    // a header holds bytes: those of UTF-8, of which each is given as a letter
    const bytes = new TextEncoder().encode(this.token);
    return { Authorization: `Bearer ${String.fromCharCode(...bytes)}` };
  }
}

// Names may hold slashes, which stay.
export function pathOf(...parts) {
  return parts.map((part) => encodeURIComponent(part).replaceAll("%2F", "/")).join("/");
}

async function refusal(response) {
  let text = `the daemon answers ${response.status}`;
  try {
    text = (await response.json()).error ?? text;
  } catch {
    // no JSON: something else answers, or the connection broke off
  }
  return new Refused(response.status, text);
}

function tell(block, entry, missed) {
  let kind = "";
  let data = "";
  for (const line of block.split("\n")) {
    if (line.startsWith("event: ")) kind = line.slice(7);
    else if (line.startsWith("data: ")) data += line.slice(6);
  }
  if (kind === "missed") missed();
  else if (data) entry(JSON.parse(data));
}
