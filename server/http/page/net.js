// The connection: the subprotocol parley.1 over a WebSocket that reconnects, so that nothing is missed or doubled.
//
// Phases: "connecting" (a socket is being opened, or the server has not answered `hello` yet), "door" (connected, not
// logged in), "in" (logged in), "waiting" (for the next attempt, at `retryAt`), "ended" (until `connect` is called).
//
// Own messages are in `outbox` until the server has stored them: {tag, do, room or to, text, state}, where state is
// "waiting" (not sent on this connection), "sealing", "sent", or "refused" (with `why`, a sentence). After a reconnect
// they are sent again with the same tag, by which the server recognizes them. One that is `sealed` (true, or the fields
// of a sealed file) has `envelopes`, {text, tag} of each, once it has been sealed; these are sent instead.

export const CLOSED = {SHUTDOWN: 1001, REFUSED: 1008, TOO_LONG: 1009, BUG: 1011, TOO_SLOW: 4000, REPLACED: 4001};

const FIRST_DELAY = 500; // milliseconds, as all times here
const LONGEST_DELAY = 30000;
const GREETING_LIMIT = 10000;
const SILENCE = 30000; // after which the server is asked whether it is there
const PONG_LIMIT = 10000;
const WAKING_LIMIT = 4000; // the same, for a page that comes back to the foreground, or whose network does
const STEP = 1000; // of a waiting: timers stand still while a machine sleeps, and the countdown does not
const LEAVING_LIMIT = 3000; // for the server to end the connection
const ERROR_LIMIT = 3000; // between a socket's `error` and its `close`, which may never come
const TOLD = "told "; // in front of the id of what has no answer
const IN_FLIGHT = 32; // the server remembers 64 tags

// The request was refused, or the connection was lost before the answer (`why` is then "offline").
export class Refusal extends Error {
  constructor({why, text}) {
    super(text || why);
    this.why = why;
  }
}

// A random word of 96 bits. There is no crypto.randomUUID on plain http.
export function randomTag() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Net {
  // open(): a new WebSocket. heard(frame): called for each message of the server. changed(): of phase or outbox.
  constructor({open, heard, changed, saved = {}, clock = globalThis, now = Date.now, random = Math.random}) {
    Object.assign(this, {open, heard, changed, clock, now, random});
    this.phase = "ended";
    this.why = ""; // the server's sentence for the end
    this.code = 0; // with which the last connection ended
    this.retryAt = 0;
    this.limits = {};
    this.unknown = new Set(); // what this server does not do
    this.session = saved.session || "";
    this.name = saved.name || "";
    this.account = saved.account || false;
    this.seals = null; // see seals.js
    this.elsewhere = null; // what to go on with that another tab of this browser has
    this.outbox = (saved.outbox || []).map((entry) =>
      entry.state === "sent" || entry.state === "sealing" ? {...entry, state: "waiting"} : entry
    );
    this.run = saved.run || "";
    this.positions = saved.positions || {}; // by room that I am in, "me" for whispers: everything up to this was heard
    this._top = 0; // the greatest number heard of at all
    this._base = saved.base || 0; // everything up to this was heard in all rooms
    this._socket = null;
    this._requests = new Map();
    this._urgent = new Set(); // ids of requests whose answers are wanted in front of what is being opened
    this._opening = null; // a promise, while anything is
    this._lastId = 0;
    this._attempts = 0;
    this._timer = null; // of the phase
    this._silence = null;
    this._leaving = false;
  }

  // What is stored for a reload of the page.
  get state() {
    const {session, name, account, outbox, run, positions, _base: base} = this;
    return {session, name, account, outbox, run, positions, base};
  }

  connect() {
    this._leaving = false;
    this._drop();
    this._enter("connecting");
    let socket;
    try {
      socket = this._socket = this.open();
    } catch {
      return this._lost(0);
    }
    const mine = (handle) => (event) => {
      if (socket === this._socket) handle(event);
    };
    socket.onopen = mine(() => this._greet());
    socket.onmessage = mine((event) => this._hear(event.data));
    socket.onclose = mine((event) => this._lost(event.code));
    socket.onerror = mine(() => this._after(ERROR_LIMIT, () => this._lost(0)));
    this._await();
  }

  // The network may be back, or the page was asleep: connect at once, or check the connection. Earlier failures mean
  // nothing for the next attempt, and one that is under way may lead nowhere.
  wake() {
    this._attempts = 0;
    if (this.phase === "waiting") this.connect();
    else if (this.phase === "connecting") this._after(WAKING_LIMIT, () => this._lost(0));
    else if (this.phase === "in" || this.phase === "door") this._probe(WAKING_LIMIT);
  }

  // Send a request. Resolves to the answer, or rejects with a Refusal.
  request(frame, urgent = false) {
    return new Promise((resolve, reject) => {
      if (this.phase !== "in" && this.phase !== "door")
        return reject(new Refusal({why: "offline", text: "No connection"}));
      const id = String(++this._lastId);
      this._requests.set(id, {resolve, reject});
      if (urgent) this._urgent.add(id);
      this._send({...frame, id});
    });
  }

  // Send what has no answer, such as `typing`. If the server does not know it, it is not sent again.
  tell(frame) {
    if (this.phase === "in" && !this.unknown.has(frame.do)) this._send({...frame, id: TOLD + frame.do});
  }

  // Log in, or make an account: `login` or `register`.
  async enter(frame) {
    const welcome = await this.request(frame);
    this.name = welcome.name;
    return welcome;
  }

  // Send a message, now or once there is a connection.
  post(frame) {
    const entry = {...frame, tag: randomTag(), at: Math.floor(this.now() / 1000), state: "waiting"};
    this.outbox.push(entry);
    this.flush();
    return entry;
  }

  // Send the messages that wait.
  flush() {
    if (this.phase === "in") {
      let room = IN_FLIGHT - this.outbox.filter((entry) => entry.state === "sent").length;
      for (const entry of this.outbox) {
        if (entry.state === "sealing") break; // what was said later comes later
        if (entry.state !== "waiting" || room-- <= 0) continue;
        if (entry.sealed && !entry.envelopes) {
          this._seal(entry);
          break;
        }
        this._post(entry);
      }
    }
    this.changed();
  }

  _seal(entry) {
    entry.state = "sealing";
    this.seals
      .seal(entry)
      .then(
        (texts) => {
          const last = texts.length - 1;
          entry.envelopes = texts.map((text, at) => ({text, tag: at === last ? entry.tag : randomTag()}));
          entry.state = "waiting";
          this.flush();
        },
        (error) => {
          if (error.why === "offline") entry.state = "waiting";
          else Object.assign(entry, {state: "refused", why: error.message});
          if (error.why !== "offline") this.flush();
        }
      );
  }

  again(entry) {
    delete entry.envelopes;
    entry.state = "waiting";
    this.flush();
  }

  forget(entry) {
    this.outbox = this.outbox.filter((one) => one !== entry);
    this.changed();
  }

  // The user is in a room, and receives its messages from now on.
  entered(room) {
    if (!(room in this.positions)) this.positions[room] = this._base;
  }

  left(room) {
    delete this.positions[room];
  }

  renamed(room, name) {
    if (room in this.positions) this.positions[name] = this.positions[room];
    this.left(room);
  }

  // Message `n` of a room ("me": of direct messages) has been received, and so has everything before it.
  _reached(room, n) {
    this._top = Math.max(this._top, n);
    if (n > (this.positions[room] || 0)) this.positions[room] = n;
  }

  // Log out: the server ends the session and closes the connection; then connect again, without a name.
  logout() {
    const wasIn = this.phase === "in";
    if (wasIn) this._send({do: "logout", id: "logout"});
    this.session = this.name = this.run = "";
    this.account = false;
    this.outbox = [];
    this.reset();
    if (!wasIn) return this.connect();
    this._leaving = true;
    this._enter("connecting");
    this._after(LEAVING_LIMIT, () => this._lost(0));
  }

  reset() {
    this.positions = {};
    this._base = this._top = 0;
  }

  // Limit the time for the next step of the login.
  _await() {
    this._after(GREETING_LIMIT, () => this._lost(0));
  }

  _greet() {
    this._await();
    const resume = this.run ? {resume: {run: this.run, ...this.positions}} : {};
    this._lastId++;
    this._greeting = String(this._lastId);
    this._send({do: "hello", id: this._greeting, ...(this.session ? {session: this.session} : {}), ...resume});
  }

  _hear(data) {
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return;
    }
    if (frame === null || typeof frame !== "object" || this._leaving) return;
    this._listen();
    if (frame.on === "hello") this._greeted(frame);
    else if (frame.on === "welcome") this._welcomed(frame);
    else if (frame.on === "bye") this._bye = frame;
    else if (frame.on === "no" && this._isOfSession(frame)) {
      const isOver = frame.why === "no-session"; // else it may be had later, as after a kick
      if (isOver) this.session = "";
      this._enter("door");
      const {name, account} = this;
      return this.heard({on: "stranger", name, account, ...(isOver ? {} : {refusal: new Refusal(frame)})});
    }
    if (frame.on === "no" && frame.why === "unknown-command" && String(frame.id).startsWith(TOLD)) {
      this.unknown.add(frame.id.slice(TOLD.length));
      return this.changed();
    }
    if (frame.on === "said" || frame.on === "whispered") {
      this._reached(frame.on === "said" ? frame.room : "me", frame.n);
      if (frame.tag) this._stored(frame.tag);
    }
    if (frame.on === "missed" && (frame.room || frame.me)) {
      for (const {n, tag} of frame.messages) {
        this._reached(frame.room || "me", n);
        if (tag) this._stored(tag);
      }
    }
    this._pass(frame);
  }

  // Does this refusal say that the session is not resumed?
  _isOfSession({id, why}) {
    return id === this._greeting || (id === undefined && (why === "no-session" || this.phase === "connecting"));
  }

  // Handle messages in the order in which they came, even if one has to be opened first.
  _pass(frame) {
    const settle = () => this._settle(frame, () => this.heard(frame));
    const isUrgent = frame.id !== undefined && this._urgent.delete(frame.id);
    const isSealed = Boolean(this.seals && this.seals.isFor(frame));
    if (isUrgent || (!this._opening && !isSealed)) return settle();
    const mine = (this._opening = (this._opening || Promise.resolve())
      .then(() => (isSealed ? this.seals.opened(frame) : null))
      .catch(() => {})
      .then(() => {
        if (this._opening === mine) this._opening = null;
        settle();
      }));
  }

  // `heard` gets an answer first, then the request is resolved.
  _settle(frame, hear) {
    const request = frame.id === undefined ? undefined : this._requests.get(frame.id);
    hear();
    if (!request) return;
    this._requests.delete(frame.id);
    if (frame.on === "no") request.reject(new Refusal(frame));
    else request.resolve(frame);
  }

  _greeted(frame) {
    this.limits = frame.limits || {};
    this.motd = frame.motd || "";
    if (this.run && frame.run !== this.run) {
      this.reset();
      this.heard({on: "reset"});
    }
    this.run = frame.run || "";
    if (this.session) return this._await();
    this._enter("door");
    if (this.name) this.heard({on: "stranger", name: this.name, account: this.account});
  }

  _welcomed(frame) {
    this.name = frame.name;
    this.account = Boolean(frame.account);
    if (frame.session) this.session = frame.session;
    if (!("me" in this.positions)) {
      this._base = this._top = this.positions.me = frame.me || 0;
      this.entered("#lobby");
    }
    if (this.seals) this.seals.welcomed(this.account);
    this._enter("in");
    this.flush();
  }

  _post(entry) {
    entry.state = "sent";
    const {tag, file, token} = entry;
    const where = entry.to === undefined ? {room: entry.room} : {to: entry.to};
    const [{text}, ...keys] = entry.envelopes ? [...entry.envelopes].reverse() : [entry];
    const say = entry.to === undefined ? "say" : "whisper";
    for (const key of keys.reverse()) this.request({do: say, ...where, ...key}).catch(() => {});
    const what = entry.do === "share" ? {file, token, ...(entry.sealed ? {text} : {})} : {text};
    this.request({do: entry.do, ...where, ...what, tag}).then(
      (done) => {
        this._stored(tag);
        this._top = Math.max(this._top, done.n);
        this.heard({on: "stored", entry, n: done.n, at: done.at});
        this.flush();
      },
      (refusal) => {
        if (!this.outbox.includes(entry)) return;
        if (refusal.why === "offline") entry.state = "waiting";
        else Object.assign(entry, {state: "refused", why: refusal.message});
        this.flush();
      }
    );
  }

  _stored(tag) {
    this.outbox = this.outbox.filter((entry) => entry.tag !== tag);
    this.changed();
  }

  _listen() {
    this.clock.clearTimeout(this._silence);
    this._silence = this.clock.setTimeout(() => this._probe(PONG_LIMIT), SILENCE);
  }

  // Ping the server. Its answer also shows that all earlier messages of the server have come. (The answer to an own
  // message does not: its number is given before messages of others are sent.)
  _probe(limit) {
    const top = this._top;
    this.request({do: "ping"}).then(
      () => {
        this._base = top;
        for (const room in this.positions) this._reached(room, top);
      },
      () => {}
    );
    this.clock.clearTimeout(this._silence);
    this._silence = this.clock.setTimeout(() => this._lost(0), limit);
  }

  _send(frame) {
    this._socket.send(JSON.stringify(frame));
  }

  _lost(code) {
    if (this._leaving) return this.connect();
    this.code = code;
    const bye = this._bye;
    this._drop();
    this.why = bye ? bye.text || bye.why || "" : "";
    if (code === CLOSED.TOO_LONG) {
      for (const entry of this.outbox) {
        if (entry.state === "sent")
          Object.assign(entry, {state: "refused", why: this.why || "The message is too long"});
      }
    }
    for (const entry of this.outbox) if (entry.state === "sent") entry.state = "waiting";
    const asked = bye && bye.retry > 0 ? bye.retry * 1000 : 0;
    if (code === CLOSED.REPLACED || (code === CLOSED.REFUSED && !asked)) return this._enter("ended");
    const delay = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** this._attempts++) * (0.7 + 0.6 * this.random());
    const wait = Math.max(delay, asked);
    this.retryAt = this.now() + wait;
    this._enter("waiting");
    this._wait(wait);
  }

  _wait(left) {
    this._after(Math.min(left, STEP), () => {
      if (left <= STEP || this.now() >= this.retryAt) this.connect();
      else this._wait(left - STEP);
    });
  }

  // Ignore this socket from now on.
  _drop() {
    const socket = this._socket;
    this._socket = null;
    this._bye = null;
    this.clock.clearTimeout(this._timer);
    this.clock.clearTimeout(this._silence);
    if (socket) socket.close();
    const requests = [...this._requests.values()];
    this._requests.clear();
    this._urgent.clear();
    for (const request of requests) request.reject(new Refusal({why: "offline", text: "The connection was lost"}));
  }

  _enter(phase) {
    this.phase = phase;
    if (phase === "in" || phase === "door") {
      this._attempts = 0;
      this.clock.clearTimeout(this._timer);
    }
    this.changed();
  }

  _after(delay, call) {
    this.clock.clearTimeout(this._timer);
    this._timer = this.clock.setTimeout(call, delay);
  }
}
