// Which page is shown, with which key, and the polling of what it draws.

import { h, listen, say } from "./dom.js";
import { overviewPage } from "./overview.js";
import { itemPage, rolloutsPage } from "./rollouts.js";

const KEY = "veriward.key";
const POLL_MS = 2_000;
const HIDDEN_MS = 15_000;

const main = document.getElementById("main");
const state = document.getElementById("state");
let page = null;
let latest = null;
let asking = false;

// What the server answers, or null where it did not; then the page says why.
async function ask(path) {
  const key = sessionStorage.getItem(KEY);
  let answer;
  try {
    answer = await fetch(path, { headers: key ? { authorization: `Bearer ${key}` } : {}, cache: "no-store" });
  } catch {
    tell("no answer", true);
    return null;
  }
  if (answer.status === 401) {
    askForKey(key !== null);
    return null;
  }
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    tell(problem.detail ?? `status ${answer.status}`, true);
    return null;
  }
  return answer.json();
}

function tell(text, alarm = false) {
  say(state, text);
  state.classList.toggle("alarm", alarm);
}

function askForKey(refused) {
  if (asking) return;
  asking = true;
  sessionStorage.removeItem(KEY);
  tell("needs a key", true);
  const input = h("input", { type: "password", id: "key", autocomplete: "off", required: true });
  const form = h("form", { class: "ask" },
    h("h1", {}, "API key"),
    h("p", {}, refused ? "This key is not known here." : "This server asks for a key. It stays in this tab, and is forgotten when the tab is closed."),
    h("label", { for: "key" }, "Key"), input, h("button", {}, "Show the dashboard"));
  listen(form, {
    submit: (event) => {
      event.preventDefault();
      sessionStorage.setItem(KEY, input.value.trim());
      asking = false;
      route();
    },
  });
  main.replaceChildren(form);
  input.focus();
}

function route() {
  if (asking) return;
  const [path, query = ""] = location.hash.replace(/^#/, "").split("?");
  const item = path.match(/^\/rollouts\/(.+)$/);
  if (item) page = itemPage(decodeURIComponent(item[1]), ask);
  else if (path === "/rollouts") page = rolloutsPage(new URLSearchParams(query), sources(), ask, (hash) => (location.hash = hash));
  else page = overviewPage();
  main.replaceChildren(page.element);
  document.title = `${page.title} · Veriward`;
  for (const [id, here] of [["to-overview", page.update], ["to-rollouts", !page.update]]) {
    const link = document.getElementById(id);
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (page.update && latest) page.update(latest);
  look();
}

const sources = () => (latest ? latest.sources.map((source) => source.name) : []);

async function look() {
  if (asking) return;
  const told = await ask("v1/overview");
  if (told === null) return;
  latest = told;
  tell(told.draining ? "stopping" : told.queue.workers ? "live" : "no workers", told.draining || !told.queue.workers);
  if (page.update) page.update(told);
}

async function keepLooking() {
  for (;;) {
    await new Promise((done) => setTimeout(done, document.hidden ? HIDDEN_MS : POLL_MS));
    await look();
  }
}

listen(window, { hashchange: () => { route(); window.scrollTo(0, 0); main.focus({ preventScroll: true }); } });
route();
keepLooking();
