// The Bridge: a live page over the controller's own routes.
//
// Shows: what runs, how far it is, what waits and for whom, and why something ended; what people
// decide, and who voted; what failed, is tried again or parked, and gets on by whom; which stage is
// closed, by whom or by which window, and until when; who controlled what.
// Deliveries are read from GET /v1/sequence, kept up to date by the stream, and controlled by the
// same requests that the command line sends.
//
// How it is made: one store (`model`) that only `load` and `apply` change, and views that change
// the document in place, so that whoever has the focus keeps it. Whatever comes from outside is put
// into the page by `told`, as text with its invisible characters written out, and never as markup.
// A state is taken only if its serial is not older than the one known: what the stream says twice,
// or late, harms nobody.
//
// Leaves out: controls of one stage of a delivery, payloads, labels, users (an actor is only a
// name), and what a span of the past waited for: the controller does not keep it.

const API = new URL("../", document.baseURI);
const PAGE_SIZE = 25;
const SILENCE = 45_000; // the controller says that it is there every 15 s
const BACK_OFF = [500, 1_000, 2_000, 4_000, 8_000, 15_000];
const TRIES = 8;
const STATES = {
  waiting: "waiting", started: "running", paused: "paused",
  finished: "finished", timedOut: "timed out", aborted: "aborted",
};
const TONES = {
  waiting: "wait", held: "pause", running: "run", parked: "warn", pausing: "pause", paused: "pause",
  aborting: "off", timed_out: "bad", aborted: "off", superseded: "off", expired: "off",
};
const RESULTS = { pass: "good", warning: "warn", fail: "bad", abandoned: "off" };

// ------------------------------------------------------------------ elements

const $ = (id) => document.getElementById(id);

/** Make an element; what is undefined, null or false among the properties is left out. */
function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "click") node.addEventListener("click", value);
    else if (value !== undefined && value !== null && value !== false) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function set(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/** Show parts of a sentence: our own words, and what `told` or `link` made. */
function setParts(node, parts) {
  const shown = parts.map((part) => (typeof part === "string" ? part : part.outerHTML)).join("");
  if (node.shown === shown) return;
  node.shown = shown;
  const focused = node.contains(document.activeElement) ? document.activeElement : null;
  node.replaceChildren(...parts);
  if (focused) parts.find((part) => part.href && part.href === focused.href)?.focus();
}

/** Make the children of a parent those of a list; none that keeps its order is made anew. */
function reconcile(parent, items, keyOf, make_, update) {
  const keys = new Set(items.map(keyOf));
  for (const child of [...parent.children]) if (!keys.has(child.key)) child.remove();
  let next = parent.firstElementChild;
  for (const item of items) {
    let child = next;
    if (child?.key === keyOf(item)) next = child.nextElementSibling;
    else {
      child = make_(item);
      child.key = keyOf(item);
      parent.insertBefore(child, next);
    }
    update?.(child, item);
  }
  while (parent.childElementCount > items.length) parent.lastElementChild.remove();
}

// ------------------------------------------------------------------ words

const EMOJI = String.raw`\p{Extended_Pictographic}`;
const INVISIBLE = new RegExp(
  String.raw`(?<!${EMOJI}[\uFE0F\p{Emoji_Modifier}]?)\u200D|\u200D(?!${EMOJI})` +
  String.raw`|(?!\u200D)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]`, "gu");

/** Write out what would not be seen as what it is: controls, overrides, lone surrogates. */
function visible(text) {
  return String(text ?? "").replace(INVISIBLE, (character) => {
    const code = character.codePointAt(0);
    const named = { 9: "\\t", 10: "\\n", 13: "\\r" }[code];
    const [letter, width] = code < 0x100 ? ["x", 2] : code < 0x10000 ? ["u", 4] : ["U", 8];
    return named ?? `\\${letter}${code.toString(16).padStart(width, "0")}`;
  });
}

/** Put a text from outside into an element of its own, so that its direction ends with it. */
const told = (text) => make("bdi", {}, visible(text));
const link = (href, text) => make("a", { href }, told(text));
const by = (control) => [
  ...(control.actor ? [" by ", told(control.actor)] : []),
  ...(control.reason ? [": ", told(control.reason)] : []),
];

const short = (id) => (/^[0-9a-f-]{36}$/.test(id) ? id.slice(0, 8) : id);
const capital = (word) => word[0].toUpperCase() + word.slice(1);
const words = (code) => code.replaceAll("_", " ");
const ordinal = (n) => {
  const tail = n % 100 >= 11 && n % 100 <= 13 ? 0 : n % 10;
  return `${n}${["th", "st", "nd", "rd"][tail] ?? "th"}`;
};

function clock(at) {
  const then = new Date(at);
  const isToday = then.toDateString() === new Date().toDateString();
  const day = { month: "short", day: "numeric" };
  return then.toLocaleTimeString("en-GB") + (isToday ? "" : `, ${then.toLocaleDateString("en-GB", day)}`);
}

const time = (at) => make("time", { datetime: at, title: at }, clock(at));
const until = (at) => (at ? [" until ", time(at)] : [" for good"]);
const VOTES = { pass: "approves", warning: "approves with a warning", fail: "rejects" };

function duration(milliseconds) {
  const seconds = Math.max(milliseconds, 0) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 100) return `${minutes} min`;
  return minutes < 2880 ? `${Math.round(minutes / 60)} h` : `${Math.round(minutes / 1440)} days`;
}

/** The last part of an image, such as carts:0.11.1. */
const imageOf = (state) => (state.stages.find((each) => each.image)?.image ?? "").split("/").pop();

function titleOf(state) {
  const image = imageOf(state);
  return image.startsWith(`${state.service}:`) ? image : state.service;
}

// ------------------------------------------------------------------ the model

const model = {
  route: { project: "", context: "", sequence: "", filters: {} },
  projects: [],
  stages: [],
  services: new Set(),
  states: new Map(), // by context; what is shown, and no more
  details: new Map(), // by context; of what is in line, and of the delivery that is open
  older: 0, // the key of the next page; 0 if there is none
  loading: null, // contexts that the stream told of while a list is on its way
  listNote: "",
  connection: { kind: "connecting", since: null },
  skew: 0, // milliseconds that the controller's clock is ahead of ours
};

const isLive = (sequence) => sequence.endedAt === null;
const inLine = (sequence) => sequence.phase === "waiting" || sequence.phase === "held";
const shownSequence = (state) => (state.sequences.filter(isLive).at(-1) ?? state.sequences.at(-1));
const lastTask = (sequence) => sequence.tasks.at(-1);
const frozenOf = (name) => model.stages.find((stage) => stage.stageName === name)?.frozen ?? null;

/** The approval that people decide now in a sequence, if it is at one. */
function approvalOf(sequence) {
  const task = isLive(sequence) ? lastTask(sequence) : null;
  return task?.approval && task.finishedAt === null ? task : null;
}

/** The last run of a task that failed, while it is parked, or another attempt waits or is in flight. */
function failedBefore(sequence) {
  const task = lastTask(sequence);
  if (!isLive(sequence) || !task) return null;
  if (task.finishedAt !== null) return task.end === "over" ? null : task;
  return sequence.tasks.findLast((each) => each.index === task.index && each.end === "retried") ?? null;
}

/** Whether a pause covers a sequence now. */
const isCovered = (sequence) => sequence.pauses.at(-1)?.to === null;

/** Whether the library would apply a control now; it decides that, and nobody here. */
const may = (state, word) => state.permitted[word]?.outcome === "applied";

/** The sequences of a delivery with which the library would do something now, one by one. */
function thoseThatMay(state, word) {
  const why = model.details.get(state.shkeptncontext)?.explanations ?? {};
  const isFit = word === "redrive" ? isUnfinished : (each) => each.parked;
  return state.sequences.filter((each) => isFit(each) && why[each.id]?.permitted[word]?.outcome === "applied");
}

/** Whether a sequence ended without success, and none goes on where it ended. */
function isUnfinished(sequence) {
  return !isLive(sequence) && !["pass", "warning"].includes(sequence.result) && !sequence.redrivenBy;
}

/** Who acts: who may vote is asked for them. */
const actorName = () => $("actor").value.trim();

function inFlight(state) {
  const busy = (each) => isLive(each) && lastTask(each) && lastTask(each).finishedAt === null;
  return state.sequences.filter(busy).map((each) => ({ sequence: each, task: lastTask(each) }));
}

/** The present, as far as we know it: it stands still while nobody tells us anything. */
function now() {
  const { kind, since } = model.connection;
  return (kind === "lost" ? since : Date.now()) + model.skew;
}

function tone(sequence) {
  return sequence.phase === "finished" ? RESULTS[sequence.result] : TONES[sequence.phase];
}

function fits(state) {
  const { stage, service, state: word } = model.route.filters;
  return (!stage || state.stages.some((each) => each.name === stage))
    && (!service || state.service === service) && (!word || state.state === word);
}

/** Take a state unless a newer one is known; say whether it was taken. */
function take(state) {
  const known = model.states.get(state.shkeptncontext);
  if (known && known.serial > state.serial) return false;
  model.states.set(state.shkeptncontext, state);
  return true;
}

const isListed = (state) => fits(state) && (model.loading !== null || state.first >= model.older);

// ------------------------------------------------------------------ requests

class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}
class Broken extends Error {}

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const part = encodeURIComponent;

async function request(path, { query = {}, headers = {}, ...more } = {}) {
  const url = new URL(path, API);
  for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value);
  const token = sessionStorage.getItem("token");
  if (token) headers = { ...headers, "x-token": token };
  let response;
  try {
    response = await fetch(url, { ...more, headers, cache: "no-store" });
  } catch (error) {
    throw new Broken(error.message);
  }
  setSkew(response.headers.get("date"));
  if (response.ok) return response;
  const { message } = await response.json().catch(() => ({}));
  const refused = new Refused(response.status, message ?? `status ${response.status}`);
  if (response.status === 401) askForToken(token ? refused.message : "");
  throw refused;
}

async function get(path, query) {
  try {
    return await (await request(path, { query })).json();
  } catch (error) {
    throw error instanceof Refused ? error : new Broken(error.message);
  }
}

/** A date has whole seconds; a smaller difference than some of them tells nothing. */
function setSkew(date) {
  const skew = Date.parse(date) - Date.now();
  model.skew = Math.abs(skew) > 3_000 ? skew : 0;
}

/** Send a command until there is an answer: its id makes sure that it takes effect once. */
async function command(path, body, say) {
  const id = body.redriveId ? {} : { requestId: newId() };
  const text = JSON.stringify({ ...body, ...id, actor: actorName() });
  const headers = { "content-type": "application/json" };
  for (let tried = 1; ; tried += 1) {
    try {
      const response = await request(path, { method: "POST", body: text, headers });
      return await response.json();
    } catch (error) {
      const isWorthIt = !(error instanceof Refused) || error.status === 503;
      if (!isWorthIt || tried === TRIES) throw error;
      say(`no answer (${error.message}); the same request is sent again…`);
      await pause(BACK_OFF[Math.min(tried - 1, BACK_OFF.length - 1)]);
    }
  }
}

/** A random id; crypto.randomUUID is there in secure contexts alone. */
function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return [...crypto.getRandomValues(new Uint8Array(16))].map((each) => each.toString(16).padStart(2, "0")).join("");
}

/** Send a command and show the answer, whatever it is, in an element that is there for it.
 *
 * What the controller says of it is shown too if `isTold`. Two clicks are one.
 */
async function control(what, path, body, element, isTold = false) {
  if (element.sent === what) return;
  element.sent = what;
  const show = (sentence, tone_) => {
    element.hidden = false;
    setText(element, `${what}: ${visible(sentence)}`);
    set(element, "data-tone", tone_);
  };
  show("sent…", "wait");
  try {
    const { outcome, message } = await command(path, body, (sentence) => show(sentence, "wait"));
    const more = isTold && message ? ` ${message}` : "";
    if (outcome === "applied") show(`done.${more}`, "good");
    else show(`nothing changed (${words(outcome)}).${more}`, "warn");
  } catch (error) {
    const unknown = "no answer, so it may have been done or not. Look, and try again.";
    show(error instanceof Refused ? `refused. ${error.message}` : unknown, "bad");
  }
  if (element.sent === what) element.sent = "";
  announce(element.textContent);
}

// ------------------------------------------------------------------ the stream

/** Follows one project; it comes back with the id it saw last until it is closed. */
class Stream {
  constructor(project) {
    this.project = project;
    this.seen = null;
    this.isClosed = false;
    this.failures = 0;
    this.abort = new AbortController();
    this.hurry = () => {};
  }

  close() {
    this.isClosed = true;
    this.abort.abort();
    this.hurry();
  }

  async run() {
    while (!this.isClosed) {
      let why = "the stream ended";
      try {
        await this.read();
      } catch (error) {
        why = error.message;
        if (error.status === 401) return;
        if (error.status === 404) return this.isClosed || notFound(why);
      }
      if (this.isClosed) return;
      lost(why);
      const wait = BACK_OFF[Math.min(this.failures++, BACK_OFF.length - 1)];
      await Promise.race([
        pause(wait * (0.75 + Math.random() / 2)),
        new Promise((done) => { this.hurry = done; }),
      ]);
    }
  }

  async read() {
    this.abort = new AbortController();
    const headers = this.seen === null ? {} : { "Last-Event-ID": String(this.seen) };
    const path = `v1/stream/${part(this.project)}`;
    const { body } = await request(path, { headers, signal: this.abort.signal });
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const watchdog = setTimeout(() => this.abort.abort(), SILENCE);
      const { done, value } = await reader.read().finally(() => clearTimeout(watchdog));
      if (done) return;
      const messages = (text + value).split("\n\n");
      text = messages.pop();
      for (const message of messages) await this.take(message);
    }
  }

  async take(message) {
    const fields = Object.fromEntries(message.split("\n").map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trimStart()];
    }));
    if (!fields.event || this.isClosed) return; // ": still here"
    const data = JSON.parse(fields.data);
    if (fields.event === "changed") apply(data);
    else await loadProject();
    if (this.isClosed) return;
    this.seen = data.serial;
    this.failures = 0;
    connected();
  }
}

let stream = null;

function connected() {
  const was = model.connection.kind;
  if (was === "live") return;
  model.connection = { kind: "live", since: Date.now() };
  if (was === "lost") announce("Connected again.");
  renderConnection();
}

function lost(why) {
  if (model.connection.kind !== "lost") {
    model.connection = { kind: "lost", since: Date.now() };
    announce("Disconnected; reconnecting.");
  }
  model.connection.why = why;
  renderConnection();
}

// ------------------------------------------------------------------ loading and applying

/** Load the project and its list, as often as a stream begins or missed too much. */
async function loadProject() {
  const { project } = model.route;
  const found = await get(`v1/project/${part(project)}`);
  if (project !== model.route.project) return;
  takeStages(found.stages);
  await Promise.all([loadList(model.states.size), model.route.context && loadDetail()]);
}

function takeStages(stages) {
  model.stages = stages;
  for (const stage of stages) {
    for (const each of stage.services ?? []) model.services.add(each.serviceName);
  }
  renderStages();
}

/** Load the list anew, at least so many; what the stream tells meanwhile is added. */
async function loadList(least = 0) {
  const { route } = model;
  const meanwhile = (model.loading = new Set());
  const found = new Set();
  model.listNote = "Loading…";
  renderList();
  let key = 0;
  try {
    do {
      const page = await loadPage(key);
      if (model.loading !== meanwhile || model.route !== route) return;
      for (const state of page.states) found.add(state.shkeptncontext), take(state);
      key = page.nextPageKey;
    } while (key && found.size < least);
  } catch (error) {
    if (model.loading !== meanwhile) return;
    model.loading = null;
    model.listNote = `The deliveries could not be loaded: ${visible(error.message)}`;
    renderList();
    throw error;
  }
  model.loading = null;
  model.older = key;
  model.listNote = "";
  for (const context of model.states.keys()) {
    const isKept = found.has(context) || meanwhile.has(context) || context === route.context;
    if (!isKept) model.states.delete(context), model.details.delete(context);
  }
  renderList();
  renderStages(); // now it is known what the holders deliver
}

function loadPage(key) {
  const { project, filters } = model.route;
  const query = {
    ...filters, actor: actorName(), pageSize: String(PAGE_SIZE), nextPageKey: key ? String(key) : "",
  };
  return get(`v1/sequence/${part(project)}`, query);
}

async function loadOlder() {
  const { route, older } = model;
  const button = $("older");
  const isFocused = document.activeElement === button;
  set(button, "aria-busy", "true");
  try {
    const page = await loadPage(older);
    if (model.route !== route || model.older !== older) return;
    page.states.forEach(take);
    model.older = page.nextPageKey;
    model.listNote = "";
    announce(`${page.states.length} older deliveries.`);
  } catch (error) {
    model.listNote = `Older deliveries could not be loaded: ${visible(error.message)}`;
  } finally {
    button.removeAttribute("aria-busy");
    renderList();
  }
  if (isFocused && button.hidden) focusOn($("list-title"));
}

async function loadDetail() {
  const { context } = model.route;
  await loadWhy(context);
  renderDetail();
}

/** Take what the stream says: deliveries that changed, and how the stages stand. */
function apply(message) {
  const begin = performance.now();
  for (const state of message.states ?? []) {
    const context = state.shkeptncontext;
    model.services.add(state.service);
    model.loading?.add(context);
    const known = model.states.get(context);
    const isOpen = context === model.route.context;
    if (!known && !isOpen && !isListed(state)) continue;
    if (!take(keepVote(state, known))) continue;
    announceChange(known, state);
    if (isOpen) wantWhy(context);
  }
  if (message.stages) takeStages(message.stages);
  renderList();
  renderDetail();
  abortDialog.update();
  for (const card of cards.values()) if (card.isSeen) card.askWhy();
  performance.measure("bridge:apply", { start: begin });
  performance.clearMeasures("bridge:apply"); // whoever observes has it; nobody else keeps it
}

/** The stream asks for nobody what is permitted: whether we may vote stays as it was until we ask. */
function keepVote(state, known) {
  if (!state.permitted.vote) return state;
  const { vote, ...permitted } = state.permitted;
  const before = known?.permitted.vote;
  return { ...state, permitted: before ? { ...permitted, vote: before } : permitted };
}

// Explanations are asked for one after the other, and only of what somebody looks at.

const wanted = new Set();
let isAsking = false;

async function wantWhy(context) {
  wanted.add(context);
  if (isAsking) return;
  isAsking = true;
  for (const each of wanted) {
    wanted.delete(each);
    await loadWhy(each).catch(() => {}); // the next change asks again, and the stream says more
  }
  isAsking = false;
}

async function loadWhy(context) {
  const { project } = model.route;
  try {
    const actor = actorName();
    const detail = await get(`v1/sequence/${part(project)}/${part(context)}`, { actor });
    if (project !== model.route.project || actor !== actorName()) return;
    const known = model.details.get(context);
    if (!known || known.serial <= detail.serial) model.details.set(context, detail);
    const isShown = model.states.has(context) || context === model.route.context;
    if (isShown) take(detail);
    model.detailNote = "";
  } catch (error) {
    if (context === model.route.context) model.detailNote = visible(error.message);
    if (!(error instanceof Refused && error.status === 404)) throw error;
  }
  cards.get(context)?.update();
  if (context === model.route.context) renderDetail();
}

/** Somebody else acts now: ask again what they may. */
function changeActor() {
  localStorage.setItem("actor", $("actor").value);
  if (model.route.context) wantWhy(model.route.context);
  for (const card of cards.values()) if (card.isSeen) card.askWhy();
}

let isAskingStages = false;

/** Ask how the stages stand once what their calendar said of them is over: nothing tells that. */
async function askStages() {
  const isOver = ({ calendar }) => calendar?.until && Date.parse(calendar.until) <= now();
  const { project } = model.route;
  if (isAskingStages || model.connection.kind !== "live" || !model.stages.some(isOver)) return;
  isAskingStages = true;
  try {
    const found = await get(`v1/project/${part(project)}`);
    if (project === model.route.project) takeStages(found.stages);
  } catch {
    // the stream says what is wrong
  }
  isAskingStages = false;
}

// ------------------------------------------------------------------ announcements

let toAnnounce = [];
let announcing = 0;

/** Say something in the live region, with whatever else there is to say within a second. */
function announce(sentence) {
  toAnnounce.push(sentence);
  announcing ||= setTimeout(() => {
    const many = `${toAnnounce.length} changes; the last: ${toAnnounce.at(-1)}`;
    setText($("live"), toAnnounce.length > 3 ? many : toAnnounce.join(" "));
    toAnnounce = [];
    announcing = 0;
  }, 1_000);
}

function announceChange(known, state) {
  const line = lineOf(state);
  if (!known || lineOf(known) !== line) announce(`${visible(titleOf(state))}: ${visible(line)}.`);
}

// ------------------------------------------------------------------ sentences about a delivery

/** The status line as in the proposal, and what it still waits for. */
function lineOf(state) {
  const drained = drainingOf(shownSequence(state));
  return drained ? `${state.statusLine} (${drained})` : state.statusLine;
}

function drainingOf(sequence) {
  const task = lastTask(sequence);
  const isDraining = sequence.phase === "pausing" || sequence.phase === "aborting";
  return isDraining && task ? `${sequence.phase}: waits for ${task.name}` : "";
}

/** Why a delivery stands as it does: a list of sentences, each a list of parts. */
function reasonsOf(state) {
  const why = model.details.get(state.shkeptncontext)?.explanations ?? {};
  const reasons = [];
  for (const sequence of state.sequences) {
    if (inLine(sequence)) reasons.push(placeOf(sequence, why[sequence.id]));
    if (isLive(sequence) && sequence.exempted) reasons.push(["Let through", ...by(sequence.exempted)]);
    const approval = approvalOf(sequence);
    if (approval) reasons.push(votesOf(sequence, approval, why[sequence.id]));
    if (sequence.parked) reasons.push(...parkedOf(sequence, why[sequence.id]));
    const failed = failedBefore(sequence);
    if (failed) reasons.push(failureOf(sequence, failed));
    const timedOut = sequence.tasks.filter((task) => task.timedOut && task.end === "over" && !task.skipped);
    for (const task of timedOut) reasons.push([told(task.timedOut)]);
    const next = failed && failed === lastTask(sequence) ? ["The next attempt at ", told(failed.name), " in "] : ["The next task of "];
    if (sequence.dueAt) reasons.push([...next, told(sequence.stage), " is due at ", time(sequence.dueAt), "."]);
    if (sequence.supersededBy) reasons.push(["Superseded by ", told(sequence.supersededBy), "."]);
    const isSaid = timedOut.some((task) => sequence.message.includes(task.timedOut));
    if (sequence.message && !isSaid) reasons.push([told(sequence.message)]);
    if (isUnfinished(sequence)) reasons.push(...refusalOf("redrive", "redriven", why[sequence.id]));
  }
  if (!state.live) return reasons;
  const { vote } = state.permitted;
  if (vote && !may(state, "vote")) reasons.push(["You cannot vote: ", told(vote.message || words(vote.code))]);
  for (const scope of state.paused) {
    const where = scope.stage ? [" in ", told(scope.stage)] : [];
    reasons.push(["Paused", ...where, " since ", time(scope.at), ...by(scope)]);
  }
  const aborting = state.sequences.find((each) => each.phase === "aborting");
  const drained = aborting && why[aborting.id]?.drainLine;
  if (drained) reasons.push([told(drained)]);
  else if (aborting) reasons.push(["The abort waits for ", told(lastTask(aborting).name), " in ", told(aborting.stage), "."]);
  return reasons;
}

/** With what a sequence is parked, until when, and what gets it out. */
function parkedOf(sequence, why) {
  const { task, until: at } = sequence.parked;
  const end = at ? [" until ", time(at), ", when it ends as failed"] : [];
  return [
    ["Parked at ", told(task), " in ", told(sequence.stage), ...end, "; a retry, a skip or an abort gets it out."],
    ...refusalOf("retry", "retried", why),
  ];
}

/** Why a sequence would not be retried or redriven; nothing if it would, or if nobody knows. */
function refusalOf(word, done, why) {
  const outcome = why?.permitted[word];
  return outcome?.outcome === "rejected" ? [[`It cannot be ${done}: `, told(outcome.message || words(outcome.code))]] : [];
}

function failureOf(sequence, { name, attempt, message, timedOut }) {
  const why = timedOut ?? message;
  return [`Attempt ${attempt} at `, told(name), " in ", told(sequence.stage), " failed", ...(why ? [": ", told(why)] : ["."])];
}

function placeOf(sequence, why) {
  const stage = told(sequence.stage);
  if (!why) return ["Waits in ", stage, "."];
  const parts = [`${ordinal(why.ahead + 1)} in line in `, stage];
  why.holders.forEach((holder, index) => {
    parts.push(index ? ", " : ", held by ", ...holderOf(holder.sequenceId), ` (${words(holder.phase)})`);
  });
  if (why.freeze) parts.push("; ", ...closedBy(why.freeze, "the stage"));
  return parts;
}

/** Who or what closes a stage, and until when. */
function closedBy(freeze, stage) {
  if (freeze.cause !== "calendar") {
    return [`${stage} is frozen`, ...(freeze.until ? until(freeze.until) : []), ...by(freeze)];
  }
  const name = freeze.window ? [" (", told(freeze.window), ")"] : [];
  return [`the calendar closes ${stage}`, ...until(freeze.until), ...name];
}

/** How many votes of how many an open approval has, and whose: in the library's words if known. */
function votesOf(sequence, task, why) {
  if (why?.approval) return [told(why.approval.line)];
  return [told(task.name), " in ", told(sequence.stage), " waits for votes."];
}

function holderOf(id) {
  const holders = model.stages.flatMap((stage) => stage.holders);
  const holder = holders.find((each) => each.sequenceId === id);
  if (!holder) return [told(short(id))];
  const { keptnContext: context } = holder;
  const known = model.states.get(context);
  const name = known ? titleOf(known) : holder.service;
  return [told(holder.name), " of ", link(hrefOf({ context }), `${name} ${short(context)}`)];
}

// ------------------------------------------------------------------ the timeline

/** The sequences of a delivery as rows of spans over the same time. */
class Timeline {
  constructor() {
    this.rows = make("ol", { class: "rows plain" });
    this.begin = make("span");
    this.end = make("span");
    const axis = make("p", { class: "axis" }, this.begin, this.end);
    this.element = make("div", { class: "timeline" }, this.rows, axis);
  }

  update(state) {
    this.state = state;
    this.draw();
  }

  /** Draw again: also as time passes. */
  draw() {
    const { state } = this;
    const from = Date.parse(state.sequences[0].triggeredAt);
    const ends = state.sequences.map((each) => Date.parse(each.endedAt));
    const to = Math.max(state.live ? now() : Math.max(...ends), from + 1);
    const within = (at) => (Math.min(Math.max(Date.parse(at) || to, from), to) - from) / (to - from);
    const items = state.sequences.map((sequence, index) => ({ sequence, key: `${index}` }));
    reconcile(this.rows, items, (item) => item.key, () => new Row().element,
      (element, item) => element.row.update(item.sequence, within, state.shkeptncontext));
    setParts(this.begin, [time(state.sequences[0].triggeredAt)]);
    setText(this.end, state.live ? `${duration(to - from)} so far` : `took ${duration(to - from)}`);
  }
}

class Row {
  constructor() {
    this.name = make("span", { class: "name" });
    this.word = make("span", { class: "word" });
    this.track = make("div", { class: "track", "aria-hidden": "true" });
    this.kin = make("span", { class: "kin" });
    this.tasks = make("ol", { class: "tasks plain" });
    this.progress = make("ul", { class: "at-work plain" });
    const head = make("div", { class: "rowhead" }, this.name, this.word, this.kin);
    this.element = make("li", { class: "row", tabindex: "-1" }, head,
      make("div", {}, this.track, this.tasks, this.progress));
    this.element.row = this;
  }

  update(sequence, within, context) {
    setParts(this.name, [told(sequence.stage)]);
    setText(this.word, visible(phaseWord(sequence)));
    set(this.word, "data-tone", tone(sequence));
    set(this.element, "data-sequence", sequence.id);
    set(this.element, "aria-current", String(sequence.id === model.route.sequence));
    setParts(this.kin, kinOf(sequence, context));
    reconcile(this.track, spansOf(sequence), (span) => span.key,
      (span) => make("span", { class: "span" }, make("bdi", {}, visible(span.text))),
      (element, span) => place(element, span, within));
    reconcile(this.tasks, chipsOf(sequence), (chip) => chip.key,
      () => make("li", {}, make("span", { class: "task" }), " ", make("span", { class: "how" })),
      (element, chip) => {
        set(element, "data-tone", chip.tone);
        setParts(element.firstChild, [told(chip.name)]);
        setText(element.lastChild, chip.how);
      });
    reconcile(this.progress, progressOf(sequence), (each) => each.source,
      () => make("li", {}, make("span", { class: "source" }), make("progress", { max: "100" }), make("span"), make("span")),
      ({ children: [source, bar, said, age] }, each) => {
        setParts(source, [told(each.source)]);
        bar.hidden = each.percent === null;
        set(bar, "value", String(each.percent ?? 0));
        set(bar, "aria-label", visible(`${each.task} by ${each.source}`));
        const percent = each.percent === null ? "" : `${each.percent} %`;
        setText(bar, percent);
        setParts(said, [percent, ...(percent && each.message ? [", "] : []), told(each.message)]);
        setText(age, `${duration(took(each.at))} ago`);
      });
  }
}

/** Links to the sequence that one redrives, and to the one that redrives it. */
function kinOf({ redrives, redrivenBy }, context) {
  const kin = Object.entries({ "redrives ": redrives, "redriven by ": redrivenBy }).filter(([, id]) => id);
  return kin.flatMap(([word, sequence], index) => [
    index ? ", " : "", word, link(hrefOf({ context, sequence }), short(sequence))]);
}

/** How far those are who work on the task in flight. */
function progressOf(sequence) {
  const task = lastTask(sequence);
  if (!isLive(sequence) || !task || task.finishedAt !== null) return [];
  const isDone = ({ source }) => task.executors.some((each) => each.source === source && each.finishedAt);
  return task.progress.filter((each) => !isDone(each)).map((each) => ({ ...each, task: task.name }));
}

function phaseWord(sequence) {
  const own = sequence.name === "delivery" ? "" : `${sequence.name}: `;
  const word = {
    held: "paused in line", finished: `finished, ${sequence.result}`,
    parked: isCovered(sequence) ? "parked, paused" : "parked",
  }[sequence.phase] ?? words(sequence.phase);
  return own + (drainingOf(sequence) || word);
}

function place(element, span, within) {
  const from = within(span.from);
  const to = within(span.to);
  set(element, "data-kind", span.kind);
  element.style.left = `${(from * 100).toFixed(3)}%`;
  element.style.width = `${((to - from) * 100).toFixed(3)}%`;
}

function spansOf(sequence) {
  const spans = [];
  const end = sequence.endedAt;
  const text = inLine(sequence) ? "waits" : "waited";
  const waited = { key: text, kind: "wait", from: sequence.triggeredAt, to: sequence.startedAt ?? end, text };
  if (Date.parse(waited.to ?? "") !== Date.parse(waited.from)) spans.push(waited);
  sequence.tasks.forEach((task, index) => {
    const kind = RESULTS[task.result] ?? (task.approval ? "wait" : "run");
    const name = task.skipped ? `${task.name} (skipped)` : task.name;
    spans.push({ key: `task ${index}`, kind, from: task.triggeredAt, to: task.finishedAt ?? end, text: name });
  });
  if (sequence.parked) spans.push({ key: "parked", kind: "wait", from: sequence.parked.at, to: null, text: "parked" });
  if (sequence.dueAt) {
    const from = lastTask(sequence)?.finishedAt ?? sequence.startedAt;
    spans.push({ key: "due", kind: "wait", from, to: null, text: "due later" });
  }
  sequence.pauses.forEach((each, index) => {
    spans.push({ key: `pause ${each.from} ${index}`, kind: "pause", from: each.from, to: each.to ?? end, text: "" });
  });
  return spans;
}

/** What a sequence does and did, in words. */
function chipsOf(sequence) {
  const chips = [];
  const waited = took(sequence.triggeredAt, sequence.startedAt ?? sequence.endedAt);
  if (waited >= 100 || inLine(sequence)) chips.push({ key: "wait", tone: "wait", name: inLine(sequence) ? "waits" : "waited", how: duration(waited) });
  sequence.planned.forEach((name, index) => {
    const task = sequence.tasks.findLast((each) => each.index === index);
    const carried = sequence.carried[index];
    const unrun = carried ? `carried, ${carried.result ?? "without a result"}` : isLive(sequence) ? "planned" : "not run";
    const chip = task ? taskChip(task, sequence) : { tone: RESULTS[carried?.result] ?? "off", how: unrun };
    chips.push({ ...chip, key: `${index}`, name: task?.name ?? name });
  });
  const paused = sequence.pauses.reduce((sum, each) => sum + took(each.from, each.to ?? sequence.endedAt), 0);
  if (sequence.pauses.length) chips.push({ key: "pause", tone: "pause", name: "paused", how: duration(paused) });
  return chips;
}

const took = (from, to) => (to ? Date.parse(to) : now()) - Date.parse(from);

function taskChip(task, sequence) {
  const lasted = duration(took(task.triggeredAt, task.finishedAt ?? sequence.endedAt));
  const [open, shade] = task.approval ? ["open", "wait"] : ["running", "run"];
  const word = task.skipped ? `skipped, ${task.result}` : task.timedOut ? "timed out" : task.result ?? open;
  const attempt = task.attempts > 1 ? `attempt ${task.attempt} of ${task.attempts}` : "";
  return { tone: RESULTS[task.result] ?? shade, word, attempt, lasted, how: [word, attempt, lasted].filter(Boolean).join(", ") };
}

// ------------------------------------------------------------------ one delivery

/** A delivery as a card of the list, or in detail. */
class Delivery {
  constructor(context, isDetailed) {
    this.context = context;
    this.isDetailed = isDetailed;
    this.isSeen = isDetailed;
    this.title = isDetailed ? make("span") : make("a", { href: hrefOf({ context }) });
    this.line = make("strong", { class: "line" });
    this.about = make("p", { class: "about" });
    this.reasons = make("ul", { class: "reasons plain" });
    this.timeline = new Timeline();
    this.controls = new Controls(this);
    this.more = isDetailed ? new More() : null;
    const heading = isDetailed ? [] : [make("h3", { class: "title" }, this.title)];
    const what = make("div", { class: "what" }, ...heading, this.line);
    const who = make("div", { class: "who" }, what, this.about);
    const head = make("div", { class: "head" }, who, this.controls.buttons);
    this.element = make("article", { class: "delivery" }, head,
      this.controls.reasonField, this.controls.answer, this.reasons, this.timeline.element, ...(this.more?.elements ?? []));
    this.element.delivery = this;
    if (!isDetailed) sight.observe(this.element);
  }

  get state() {
    return model.states.get(this.context);
  }

  /** What has the focus when a button that had it is gone. */
  get home() {
    return this.isDetailed ? $("detail-title") : this.title;
  }

  update() {
    const { state } = this;
    if (!state) return;
    setParts(this.title, [told(titleOf(state))]);
    setText(this.line, visible(lineOf(state)));
    set(this.line, "data-tone", tone(shownSequence(state)));
    set(this.element, "data-context", this.context);
    const image = imageOf(state);
    const isNew = image && image !== titleOf(state);
    const id = this.isDetailed ? this.context : short(this.context);
    setParts(this.about, [told(state.name), isNew ? " of " : " ", ...(isNew ? [told(image), " "] : []),
      "· triggered ", time(state.time), " · ", make("code", { title: visible(this.context) }, told(id))]);
    const reasons = reasonsOf(state);
    reconcile(this.reasons, reasons.map((parts, index) => ({ parts, key: index })), (each) => each.key,
      () => make("li"), (element, each) => setParts(element, each.parts));
    this.timeline.update(state);
    this.controls.update(state);
    this.more?.update(state, model.details.get(this.context));
  }

  /** Ask for an explanation if there is anything to explain that others may change. */
  askWhy() {
    const isToldMore = (each) => inLine(each) || each.phase === "aborting" || each.parked || approvalOf(each);
    if (this.state?.sequences.some(isToldMore)) wantWhy(this.context);
  }

  tick() {
    if (this.isSeen && this.state?.live) this.timeline.draw();
  }
}

/** Vote, let through, retry, skip, redrive, pause, resume, abort: each there exactly when it can act. */
class Controls {
  constructor(delivery) {
    this.delivery = delivery;
    const button = (word, click, kind) => make("button", { type: "button", "data-do": word, class: kind, click });
    this.approve = button("approve", () => this.vote("pass"), "primary");
    this.reject = button("reject", () => askDialog.reject(this), "danger");
    this.exempt = button("exempt", () => askDialog.exempt(this));
    this.retry = button("retry", () => this.decide("retry", this.next("retry"), { reason: this.reasonOf({}) }), "primary");
    this.skip = button("skip", () => askDialog.skip(this));
    this.redrive = button("redrive", () => askDialog.redrive(this));
    this.pause = button("pause", () => this.send("pause"));
    this.resume = button("resume", () => this.send("resume"), "primary");
    this.abort = button("abort", () => abortDialog.open(this, false), "danger");
    this.force = button("force", () => abortDialog.open(this, true), "danger");
    this.buttons = make("div", { class: "buttons" }, this.approve, this.reject, this.exempt,
      this.retry, this.skip, this.redrive, this.pause, this.resume, this.abort, this.force);
    this.answer = make("p", { class: "answer", hidden: "" });
    this.reason = make("input", { maxlength: "1000", autocomplete: "off" });
    this.reasonField = make("label", { class: "field reason", hidden: "" }, "Reason (optional) ", this.reason);
  }

  update(state) {
    const focused = this.buttons.contains(document.activeElement) ? document.activeElement : null;
    const can = (word) => may(state, word);
    // where an abort does something, its dialog leads to force
    // who may start in spite of a freeze is asked where there is one
    const isKeptBack = frozenOf(shownSequence(state).stage) !== null;
    const shown = {
      approve: can("vote"), reject: can("vote"), exempt: can("exempt") && isKeptBack,
      retry: this.next("retry"), skip: this.next("skip"), redrive: this.delivery.isDetailed && this.next("redrive"),
      pause: can("pause"), resume: can("resume"), abort: can("abort"), force: can("force") && !can("abort"),
    };
    const which = (word) => {
      const [first, ...others] = thoseThatMay(state, word);
      return others.length ? ` ${first.name} in ${first.stage}` : "";
    };
    for (const [word, isShown] of Object.entries(shown)) {
      const name = {
        approve: "Approve", reject: "Reject…", exempt: "Let through…",
        retry: `Retry${which("retry")}`, skip: `Skip${which("skip")}…`, redrive: `Redrive${which("redrive")}…`,
        pause: "Pause", resume: "Resume", abort: "Abort…", force: "Force…",
      }[word];
      this[word].hidden = !isShown;
      setText(this[word], name);
      set(this[word], "aria-label", `${name} ${visible(titleOf(state))}`);
    }
    this.reasonField.hidden = !this.delivery.isDetailed || !(shown.approve || shown.retry || shown.pause || shown.resume);
    if (focused?.hidden) this.handOver();
  }

  /** Give the focus to the button that took the place of the one that had it. */
  handOver() {
    const next = [this.resume, this.pause].find((each) => !each.hidden) ?? this.delivery.home;
    focusOn(next);
  }

  async send(word, body = {}) {
    const what = body.force ? "Force" : capital(word);
    await control(what, this.path("control"), { state: word, ...body, reason: this.reasonOf(body) }, this.answer);
  }

  /** Vote on the approval that is shown; the controller says how it stands then. */
  async vote(result, body = {}) {
    const taskId = lastTask(shownSequence(this.delivery.state)).id;
    const what = result === "fail" ? "Reject" : "Approve";
    await control(what, this.path("vote"), { result, taskId, reason: this.reasonOf(body) }, this.answer, true);
  }

  async letThrough(body) {
    const sequenceId = shownSequence(this.delivery.state).id;
    await control("Let through", this.path("exempt"), { sequenceId, ...body }, this.answer);
  }

  /** The first sequence with which a word would do something now. */
  next(word) {
    return thoseThatMay(this.delivery.state, word)[0];
  }

  /** Retry, skip or redrive one sequence; the controller says how it stands then. */
  async decide(word, { id: sequenceId }, body) {
    await control(capital(word), this.path(word), { sequenceId, ...body }, this.answer, true);
  }

  path(word) {
    return `v1/sequence/${part(model.route.project)}/${part(this.delivery.context)}/${word}`;
  }

  reasonOf(body) {
    const reason = body.reason ?? this.reason.value.trim();
    this.reason.value = "";
    return reason;
  }
}

/** What only the detail has: who works on what, the audit, the log, why in the library's words. */
class More {
  constructor() {
    this.tasks = table("Tasks", ["Stage", "Task", "Who", "Triggered", "Took", "Result"]);
    this.audit = table("Controls", ["When", "What", "Where", "Who", "Why"]);
    this.log = table("Log", ["When", "Task", "Message"]);
    this.why = make("ul", { class: "plain why" });
    const why = make("section", {}, make("h3", {}, "In the library's words"), this.why);
    this.elements = [this.tasks.element, this.audit.element, this.log.element, why];
  }

  update(state, detail) {
    const tasks = state.sequences.flatMap((sequence) => sequence.tasks.map((task) => taskCells(sequence, task)));
    this.tasks.update(tasks, "No task has been triggered.");
    const controls = (detail?.controls ?? []).toReversed();
    this.audit.update(controls.map(auditCells), "Nobody has controlled it.");
    this.log.update((detail?.logs ?? []).map(logCells), "No executor has logged anything.");
    const texts = state.sequences.map((each) => detail?.explanations[each.id]?.text ?? "").filter(Boolean);
    reconcile(this.why, texts.map((text, key) => ({ text, key })), (each) => each.key,
      () => make("li"), (element, each) => setParts(element, [told(each.text)]));
    this.why.parentElement.hidden = !texts.length;
  }
}

function taskCells(sequence, task) {
  const { tone: shade, word, attempt, lasted } = taskChip(task, sequence);
  const voters = [...new Map(task.votes.map((vote) => [vote.voter, vote])).values()];
  const executors = task.approval
    ? voters.flatMap((each, index) => [
      index ? ", " : "", told(each.voter), ` ${VOTES[each.result]}`, ...(each.message ? [": ", told(each.message)] : [])])
    : task.executors.flatMap((each, index) => [index ? ", " : "", told(each.source), each.finishedAt ? "" : " (at work)"]);
  const skipped = task.skipped ? by(task.skipped) : [];
  const why = task.message || task.timedOut;
  const message = why ? [skipped.length ? "; it failed: " : ": ", told(why)] : [];
  return [
    [told(sequence.stage)], [told(task.name), attempt && ` (${attempt})`], executors.length ? executors : ["nobody yet"],
    [time(task.triggeredAt)], [lasted], [make("span", { "data-tone": shade }, word), ...skipped, ...message],
  ];
}

function auditCells({ at, kind, stage, actor, reason }) {
  return [[time(at)], [kind], [stage ? told(stage) : "everywhere"], [actor ? told(actor) : "—"], [reason ? told(reason) : "—"]];
}

function logCells({ time: at, task, message }) {
  return [[time(at)], [task ? told(task) : "—"], [told(message)]];
}

/** A table whose rows are lists of cells, each a list of parts. */
function table(title, columns) {
  const head = make("tr", {}, ...columns.map((each) => make("th", { scope: "col" }, each)));
  const body = make("tbody");
  const empty = make("p", { class: "note" });
  const whole = make("table", {}, make("thead", {}, head), body);
  const element = make("section", {}, make("h3", {}, title), whole, empty);
  const update = (rows, none) => {
    whole.hidden = !rows.length;
    setText(empty, rows.length ? "" : none);
    reconcile(body, rows.map((cells, key) => ({ cells, key })), (row) => row.key,
      () => make("tr", {}, ...columns.map((each) => make("td", { "data-column": each }))),
      (line, row) => row.cells.forEach((parts, index) => setParts(line.children[index], parts)));
  };
  return { element, update };
}

// ------------------------------------------------------------------ the list and the detail

const cards = new Map();

/** Knows which cards are on the screen: only these are drawn each second and explained. */
const sight = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    target.delivery.isSeen = isIntersecting;
    if (isIntersecting) target.delivery.tick(), target.delivery.askWhy();
  }
}, { rootMargin: "200px" });

function renderList() {
  const listed = [...model.states.values()].filter((state) => state.first >= model.older || model.loading);
  // whoever has the focus stays until it goes on
  const shown = listed.filter((state) => fits(state) || cards.get(state.shkeptncontext)?.element.contains(document.activeElement));
  shown.sort((one, other) => other.first - one.first);
  const list = $("deliveries");
  reconcile(list, shown, (state) => state.shkeptncontext, makeCard, updateCard);
  const alive = new Set(shown.map((state) => state.shkeptncontext));
  for (const [context, card] of cards) {
    if (!alive.has(context)) sight.unobserve(card.element), cards.delete(context);
  }
  $("older").hidden = !model.older || model.loading !== null;
  setText($("list-note"), model.listNote || countOf(shown.length));
  renderFilters();
}

function countOf(count) {
  const isFiltered = Object.values(model.route.filters).some(Boolean);
  if (!count) return isFiltered ? "No delivery fits these filters." : "Nothing has been delivered yet. What is triggered shows up here by itself.";
  return `${count} ${count === 1 ? "delivery" : "deliveries"}${model.older ? "; there are older ones." : ", and no older ones."}`;
}

function makeCard({ shkeptncontext: context }) {
  const card = new Delivery(context, false);
  cards.set(context, card);
  return make("li", {}, card.element);
}

/** Update a card unless nothing was told about it. */
function updateCard(_, state) {
  const card = cards.get(state.shkeptncontext);
  if (card.drawn === state) return;
  card.drawn = state;
  card.update();
}

let detail = null;

function renderDetail() {
  const { context } = model.route;
  $("list").hidden = Boolean(context);
  $("detail").hidden = !context;
  if (detail?.context !== context) {
    detail = context ? new Delivery(context, true) : null;
    $("delivery").replaceChildren(...(detail ? [detail.element] : []));
  }
  if (!detail) return;
  const state = model.states.get(context);
  detail.element.hidden = !state;
  setText($("detail-note"), state ? "" : model.detailNote || "Loading…");
  set($("back"), "href", hrefOf({}));
  setParts($("detail-title"), state ? [told(state.name), " of ", told(titleOf(state))] : ["Delivery"]);
  detail.update();
}

// ------------------------------------------------------------------ stages and filters

function renderStages() {
  reconcile($("stages"), model.stages, (stage) => stage.stageName, () => new Stage().element,
    (element, stage) => element.stage.update(stage));
}

const windowOf = ({ until: at, window: name }) => [...until(at), ...(name ? [" (", told(name), ")"] : [])];

/** A stage: who has it, how many wait, whether it is frozen, by whom and why, and its window. */
class Stage {
  constructor() {
    this.name = make("h3");
    this.how = make("p");
    this.frozen = make("p", { class: "frozen", hidden: "" });
    this.open = make("p", { class: "open", hidden: "" });
    this.button = make("button", { type: "button", click: () => freezeDialog.open(this) });
    this.answer = make("p", { class: "answer", hidden: "" });
    const head = make("div", { class: "head" }, this.name, this.button);
    this.element = make("li", { class: "stage" }, head, this.how, this.frozen, this.open, this.answer);
    this.element.stage = this;
  }

  update(stage) {
    this.stage = stage;
    const { stageName, frozen, calendar, waiting, holders } = stage;
    setParts(this.name, [told(stageName)]);
    const held = holders.slice(0, 3).flatMap(({ sequenceId, phase }, index) => [
      index ? ", " : "", ...holderOf(sequenceId), ` (${words(phase)})`]);
    if (holders.length > 3) held.push(` and ${holders.length - 3} more`);
    const line = waiting ? `, ${waiting} waiting` : "";
    setParts(this.how, holders.length ? ["Held by ", ...held, line] : [waiting ? `Free, ${waiting} waiting` : "Free"]);
    const closed = frozen ?? (calendar?.open === false ? { ...calendar, cause: "calendar", window: calendar.name } : null);
    this.frozen.hidden = !closed;
    if (closed?.cause === "calendar") setParts(this.frozen, ["Closed by the calendar", ...windowOf(closed)]);
    else if (closed) setParts(this.frozen, ["Frozen since ", time(closed.since), ...(closed.until ? until(closed.until) : []), ...by(closed)]);
    this.open.hidden = Boolean(closed) || !calendar?.until;
    if (!this.open.hidden) setParts(this.open, ["The calendar keeps it open", ...windowOf({ ...calendar, window: calendar.name })]);
    setText(this.button, frozen ? "Unfreeze…" : "Freeze…");
    set(this.button, "aria-label", `${this.button.textContent} ${visible(stageName)}`);
  }
}

function renderFilters() {
  const form = $("filters");
  fill(form.stage, model.stages.map((each) => each.stageName), model.route.filters.stage);
  fill(form.service, [...model.services].sort(), model.route.filters.service);
  fill(form.state, Object.keys(STATES), model.route.filters.state, STATES);
  $("clear").hidden = !Object.values(model.route.filters).some(Boolean);
}

/** Give a choice its options; "any" is the first, and what is chosen is always there. */
function fill(select, values, chosen = "", names = {}) {
  const options = ["", ...new Set(chosen ? [...values, chosen] : values)];
  reconcile(select, options, (value) => value,
    (value) => make("option", { value }, value ? names[value] ?? visible(value) : "any"));
  if (select.value !== chosen) select.value = chosen;
}

// ------------------------------------------------------------------ dialogs

/** Asks before an abort; a second step says what force abandons. */
const abortDialog = {
  controls: null,
  isForce: false,

  open(controls, isForce) {
    Object.assign(this, { controls, isForce });
    $("abort-reason").value = controls.reason.value;
    this.update();
    $("abort").showModal();
    focusOn($("abort-reason"));
  },

  update() {
    const state = this.controls?.delivery.state;
    if (!state) return;
    const tasks = inFlight(state);
    const name = told(`${state.name} of ${titleOf(state)}`);
    const canAct = may(state, this.isForce ? "force" : "abort");
    setParts($("abort-title"), this.isForce ? ["Force the end of ", name, "?"] : ["Abort ", name, "?"]);
    setText($("abort-text"), abortSentence(this.isForce, tasks.length, canAct));
    reconcile($("abandoned"), tasks, (each) => each.task.id, () => make("li"), (element, { sequence, task }) => {
      const who = task.executors.flatMap((each, index) => [index ? ", " : "; at work: ", told(each.source)]);
      setParts(element, [make("strong", {}, told(task.name)), " in ", told(sequence.stage), ...who]);
    });
    $("abort-force").hidden = this.isForce || !tasks.length || !may(state, "force");
    $("abort-go").disabled = !canAct;
    setText($("abort-go"), this.isForce ? "Abandon it and end now" : "Abort");
    setText($("abort-cancel"), canAct ? "Leave it" : "Close");
  },

  send() {
    const body = { reason: $("abort-reason").value.trim() };
    this.controls.send("abort", this.isForce ? { ...body, force: true } : body);
    $("abort").close();
  },

  /** The browser has given the focus back, unless the button is gone that had it. */
  closed() {
    const { controls } = this;
    this.controls = null;
    const { activeElement } = document;
    if (activeElement === document.body || !activeElement.checkVisibility()) controls?.handOver();
  },
};

function abortSentence(isForce, count, canAct) {
  if (!canAct) return "There is nothing left to end.";
  if (!count) return "Nothing is in flight: it ends at once, and triggers nothing more.";
  const tasks = count === 1 ? "this task" : "these tasks";
  return isForce ? `It ends at once and abandons ${tasks}, whose outcome nobody will wait for:`
    : `It triggers nothing more, and ends as soon as ${tasks} in flight is over:`.replace("tasks in flight is", "tasks in flight are");
}

/** Asks for a reason, for a choice, or for both, before something is decided. */
const askDialog = {
  controls: null,
  act: () => {},

  reject(controls) {
    const { state } = controls.delivery;
    const { reject } = lastTask(shownSequence(state)).approval;
    const text = reject === 1 ? "One vote against it ends it as failed." : `It takes ${reject} votes against it to end it as failed.`;
    this.open(controls, ["Reject ", told(titleOf(state)), "?"], text, "Reject", (reason) => controls.vote("fail", { reason }), "required");
  },

  exempt(controls) {
    const { state } = controls.delivery;
    const name = told(`${state.name} of ${titleOf(state)}`);
    this.open(controls, ["Let ", name, " through?"],
      "It starts in spite of the freeze, as soon as a place is free; the others wait on.", "Let it through",
      (reason) => controls.letThrough({ reason }));
  },

  skip(controls) {
    const sequence = controls.next("skip");
    const { task } = sequence.parked;
    this.open(controls, ["Skip ", told(task), " in ", told(sequence.stage), "?"],
      "It counts as run, with the result you choose: with fail the sequence ends as failed, else it goes on.", "Skip",
      (reason, result) => controls.decide("skip", sequence, { result, reason }), "required",
      [["pass", "pass"], ["warning", "warning"], ["fail", "fail"]]);
  },

  redrive(controls) {
    const sequence = controls.next("redrive");
    const { redriveId } = model.details.get(controls.delivery.context).explanations[sequence.id];
    const tasks = [...new Set(sequence.planned)].map((name) => [name, visible(name)]);
    this.open(controls, ["Redrive ", told(sequence.name), " in ", told(sequence.stage), "?"],
      "A new sequence joins the line, and begins with a task of your choice. It does not run those before it again.", "Redrive",
      (_, startAt) => controls.decide("redrive", sequence, { startAt, redriveId }), "none",
      [["", "the one at which it ended"], ...tasks]);
  },

  /** Show it with these choices, if there are any, and a reason that is required, optional or none. */
  open(controls, title, text, word, act, reason = "optional", choices = []) {
    Object.assign(this, { controls, act });
    setParts($("ask-title"), title);
    setText($("ask-text"), text);
    setText($("ask-go"), word);
    set($("ask-go"), "class", word === "Reject" ? "danger" : "primary");
    setText($("ask-label"), reason === "required" ? "Reason" : "Reason (optional)");
    Object.assign($("ask-reason"), { value: "", required: reason === "required" });
    $("ask-reason").parentElement.hidden = reason === "none";
    $("ask-choice").replaceChildren(...choices.map(([value, name]) => make("option", { value }, name)));
    $("ask-choice").parentElement.hidden = !choices.length;
    setText($("ask-what"), word === "Skip" ? "Result" : "Begin with");
    $("ask").showModal();
    focusOn(choices.length ? $("ask-choice") : $("ask-reason"));
  },

  send() {
    this.act($("ask-reason").value.trim(), $("ask-choice").value);
    $("ask").close();
  },

  /** The browser has given the focus back, unless the button is gone that had it. */
  closed() {
    const { controls } = this;
    this.controls = null;
    const { activeElement } = document;
    if (activeElement === document.body || !activeElement.checkVisibility()) controls?.handOver();
  },
};

const HOUR = 3_600_000;

const freezeDialog = {
  stage: null,

  open(stage) {
    this.stage = stage;
    const { stageName, frozen } = stage.stage;
    const word = frozen ? "Unfreeze" : "Freeze";
    this.word = word.toLowerCase();
    setParts($("freeze-title"), [`${word} `, told(stageName), "?"]);
    const thawed = frozen?.cause === "calendar" ? "The calendar is asked again; if it says open, what waits may start."
      : "What waits may start again.";
    setText($("freeze-text"), frozen ? thawed : "What runs goes on; nothing that waits is started until the stage is unfrozen.");
    setText($("freeze-go"), word);
    $("freeze-reason").value = "";
    $("freeze-until").value = "";
    $("freeze-how-long").hidden = Boolean(frozen);
    this.chosen();
    $("freeze").showModal();
    focusOn($("freeze-reason"));
  },

  /** Ask for an instant if that is how long it is to last. */
  chosen() {
    const isAt = $("freeze-until").value === "at";
    $("freeze-at-field").hidden = !isAt;
    $("freeze-at").required = isAt;
  },

  /** Until when, in the controller's time; undefined is for good. */
  until() {
    const { value } = $("freeze-until");
    if (!value) return undefined;
    return new Date(value === "at" ? $("freeze-at").value : now() + Number(value) * HOUR).toISOString();
  },

  send() {
    const { stage, word } = this;
    const path = `v1/project/${part(model.route.project)}/stage/${part(stage.stage.stageName)}/control`;
    const reason = $("freeze-reason").value.trim();
    control(capital(word), path, { state: word, reason, until: this.until() }, stage.answer);
    $("freeze").close();
  },
};

// ------------------------------------------------------------------ routes

/** An address within the page: of a context or a sequence in it, or of the list with the filters in force. */
function hrefOf({ context = "", sequence = "", project = model.route.project, filters = model.route.filters }) {
  const query = new URLSearchParams(Object.entries(filters).filter(([, value]) => value)).toString();
  const path = [project, context, sequence].filter(Boolean).map(part).join("/");
  return `#/${path}${query ? `?${query}` : ""}`;
}

function routeOf(hash) {
  const [path, query = ""] = hash.replace(/^#?\/?/, "").split("?");
  const [project = "", context = "", sequence = ""] = path.split("/").map(decoded);
  const given = new URLSearchParams(query);
  const filters = Object.fromEntries(["stage", "service", "state"].map((key) => [key, given.get(key) ?? ""]));
  return { project, context, sequence, filters };
}

const rowOf = (sequence) => [...$("delivery").querySelectorAll(".row")].find((row) => row.dataset.sequence === sequence);

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function navigate() {
  const before = model.route;
  model.route = routeOf(location.hash);
  const { project, context, sequence, filters } = model.route;
  model.detailNote = "";
  $("project-view").hidden = !project;
  $("chooser").hidden = Boolean(project);
  document.title = [short(context), project, "Bridge"].filter(Boolean).map(visible).join(" · ");
  if (project !== before.project) return enter(project);
  if (!project) return undefined;
  renderDetail();
  if (JSON.stringify(filters) !== JSON.stringify(before.filters)) await loadList().catch(() => {});
  if (context) await loadDetail().catch(() => {});
  if (context !== before.context || sequence !== before.sequence) {
    const card = cards.get(before.context);
    focusOn(context ? rowOf(sequence) ?? $("detail-title") : card?.title ?? $("list-title"));
  }
  return undefined;
}

/** Leave the project that was shown and follow another. */
function enter(project) {
  stream?.close();
  stream = null;
  Object.assign(model, { stages: [], older: 0, loading: null, listNote: "Loading…" });
  for (const known of [model.states, model.details, model.services, wanted]) known.clear();
  $("project").value = project;
  renderStages();
  renderList();
  renderDetail();
  model.connection = { kind: "connecting", since: null };
  renderConnection();
  if (!project) return loadProjects();
  if (!model.projects.length) loadProjects();
  stream = new Stream(project);
  stream.run();
  return undefined;
}

async function loadProjects() {
  setText($("chooser-note"), "Loading…");
  const names = [];
  let key = 0;
  try {
    do {
      const page = await get("v1/project", { pageSize: "100", nextPageKey: key ? String(key) : "" });
      names.push(...page.projects.map((each) => each.projectName));
      key = page.nextPageKey;
    } while (key);
  } catch (error) {
    setText($("chooser-note"), `The projects could not be loaded: ${visible(error.message)}`);
    return;
  }
  model.projects = names;
  renderProjects();
  const isOnly = names.length === 1 && !model.route.project;
  if (isOnly) location.replace(hrefOf({ project: names[0] }));
}

function renderProjects() {
  const { project } = model.route;
  setText($("chooser-note"), model.projects.length ? "" : "There is no project yet. The command line creates one: create project NAME --shipyard=FILE.");
  fill($("project"), model.projects, project);
  setText($("project").firstElementChild, "choose…");
  reconcile($("projects"), model.projects, (name) => name,
    (name) => make("li", {}, link(hrefOf({ project: name, filters: {} }), name)));
}

function notFound(why) {
  model.listNote = visible(why);
  renderList();
  model.connection = { kind: "off", since: null };
  renderConnection();
}

// ------------------------------------------------------------------ the connection, the token

function renderConnection() {
  const { kind, since, why } = model.connection;
  const isOn = Boolean(model.route.project);
  $("connection").hidden = !isOn;
  const [word, tone_] = { connecting: ["Connecting…", "wait"], live: ["Live", "good"], lost: ["Disconnected", "bad"], off: ["Not connected", "off"] }[kind];
  setText($("connection"), word);
  set($("connection"), "data-tone", tone_);
  $("trouble").hidden = kind !== "lost";
  set(document.body, "data-connection", kind);
  if (kind === "lost") {
    setParts($("trouble-text"), ["Disconnected since ", time(new Date(since).toISOString()),
      "; reconnecting. What you see is how it was then. (", told(why), ")"]);
  }
}

function askForToken(message) {
  sessionStorage.removeItem("token");
  if ($("token-form").hidden) focusOn(showTokenForm());
  $("token-answer").hidden = !message;
  setText($("token-answer"), visible(message));
}

function showTokenForm() {
  $("token-form").hidden = false;
  $("project-view").hidden = $("chooser").hidden = true;
  return $("token");
}

async function enterToken(event) {
  event.preventDefault();
  const token = $("token").value.trim();
  if (!/^[!-~]+$/.test(token)) return askForToken("A token has printable ASCII characters only.");
  sessionStorage.setItem("token", token);
  try {
    await request("v1/auth", { method: "POST" });
  } catch (error) {
    return error.status === 401 ? undefined : askForToken(error.message);
  }
  $("token").value = "";
  $("token-form").hidden = true;
  model.route = { ...model.route, project: null };
  return navigate();
}

// ------------------------------------------------------------------ the page

function focusOn(element) {
  element.focus({ preventScroll: false });
}

function wire() {
  const on = (id, name, handle) => $(id).addEventListener(name, handle);
  $("actor").value = localStorage.getItem("actor") ?? "";
  on("actor", "input", changeActor);
  on("skip", "click", (event) => { event.preventDefault(); focusOn($("main")); });
  on("project", "change", () => { location.hash = hrefOf({ project: $("project").value, filters: {} }); });
  on("filters", "change", () => {
    location.hash = hrefOf({ filters: Object.fromEntries(new FormData($("filters"))) });
  });
  on("filters", "submit", (event) => event.preventDefault());
  on("clear", "click", () => { location.hash = hrefOf({ filters: {} }); focusOn($("list-title")); });
  on("older", "click", loadOlder);
  on("retry", "click", () => stream?.hurry());
  on("token-form", "submit", enterToken);
  on("abort-force", "click", () => { abortDialog.isForce = true; abortDialog.update(); focusOn($("abort-go")); });
  on("abort-cancel", "click", () => $("abort").close());
  on("abort", "submit", (event) => { event.preventDefault(); abortDialog.send(); });
  on("abort", "close", () => abortDialog.closed());
  on("ask-cancel", "click", () => $("ask").close());
  on("ask", "submit", (event) => { event.preventDefault(); askDialog.send(); });
  on("ask", "close", () => askDialog.closed());
  on("freeze-until", "change", () => freezeDialog.chosen());
  on("freeze-cancel", "click", () => $("freeze").close());
  on("freeze", "submit", (event) => { event.preventDefault(); freezeDialog.send(); });
  on("deliveries", "focusout", () => setTimeout(renderList));
  window.addEventListener("hashchange", navigate);
  window.addEventListener("online", () => stream?.hurry());
  setInterval(() => {
    for (const card of cards.values()) card.tick();
    detail?.tick();
    askStages();
  }, 1_000);
}

wire();
model.route.project = null; // so that the first route is always entered
navigate();
