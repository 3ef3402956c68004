// What a screen reader says by itself: new alarms at once, those that are over and steps of orders when it has
// time. The lists that are seen say nothing, since their "5 s ago" changes all the time.

import { count, setText } from "./text.js";

const AT_ONCE = 3; // alarms; the others can be read
const byId = (id) => document.getElementById(id);

export class Teller {
  #alarms = new Map();
  #orders = new Map();

  say(text) {
    setText(byId("said"), text);
  }

  tell(alarms, orders) {
    const news = alarms.filter((alarm) => !this.#alarms.has(alarm.subject));
    const now = new Map(alarms.map((alarm) => [alarm.subject, alarm.text]));
    if (news.length) {
      const told = news.slice(0, AT_ONCE).map(({ subject, text }) => `Alarm: ${subject}: ${text}.`);
      if (news.length > AT_ONCE) told.push(`And ${count(news.length - AT_ONCE, "more alarm")}.`);
      setText(byId("alarm-said"), told.join(" "));
    } else if (!alarms.length) {
      setText(byId("alarm-said"), ""); // so that the same is said again when it comes again
    }
    const over = [...this.#alarms.keys()].filter((subject) => !now.has(subject)).map((subject) => `Over: ${subject}.`);
    const steps = orders
      .filter((order) => (this.#orders.get(order.target.path) ?? order.word) !== order.word)
      .map((order) => `${order.target.name}: ${order.word}.`);
    if (over.length || steps.length) this.say([...over, ...steps].join(" "));
    this.#alarms = now;
    this.#orders = new Map(orders.map((order) => [order.target.path, order.word]));
  }
}
