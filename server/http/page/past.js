// Loads earlier messages from the server, in pages.

const PAGE = 100; // messages asked for at a time
const MOST_PAGE = 200;
const FURTHER = 2000; // messages that one search looks through

const whereOf = (one) => (one.isRoom ? {room: one.name} : {with: one.name});

export class Past {
  // actions: draw(), changed(conversation): messages were added, unread(): some of the open one are unread,
  // trouble(refusal): show it
  constructor(model, net, actions) {
    Object.assign(this, {model, net, actions});
  }

  // The latest messages of a conversation, once.
  async latest(one) {
    if (one.loaded || one.asking || !one.inside) return;
    one.asking = true;
    try {
      const answer = await this.net.request({do: "history", ...whereOf(one), most: PAGE});
      this.model.history(one, answer);
      if (one.read && !one.unread) {
        this.model.unseen(one, answer);
        if (one.newFrom && one === this.model.current) this.actions.unread();
      }
    } catch (refusal) {
      if (refusal.why !== "offline") Object.assign(one, {loaded: true, more: false});
    }
    one.asking = false;
    this.actions.draw();
  }

  // The messages of a conversation since its read marker, which another device may have set.
  async unseen(one) {
    try {
      const answer = await this.net.request({do: "history", ...whereOf(one), after: one.read, most: MOST_PAGE});
      if (answer.messages.some(({by}) => by !== this.model.me)) this.model.keep(one);
      this.model.unseen(one, answer);
    } catch {
      // the trouble shows when the conversation is opened
    }
    this.actions.draw();
  }

  // The page before the messages that are loaded.
  async older(one) {
    if (!one.more || one.asking) return;
    if (!one.loaded) return this.latest(one);
    one.asking = true;
    try {
      const before = one.firstNumber;
      const answer = await this.net.request({
        do: "history",
        ...whereOf(one),
        ...(before ? {before} : {}),
        most: PAGE
      });
      this.model.history(one, answer, {before: true});
    } catch (refusal) {
      if (refusal.why !== "offline") one.more = false;
    }
    one.asking = false;
    this.actions.changed(one);
  }

  // The messages of a gap, from its end.
  async fill(one, gap) {
    try {
      const {messages, more} = await this.net.request({
        do: "history",
        ...whereOf(one),
        before: Math.ceil(gap.n),
        most: MOST_PAGE
      });
      const known = messages.some(({n}) => one.numbers.has(n));
      for (const message of messages) one.add({kind: "text", ...message});
      one.items = one.items.filter((item) => item !== gap);
      if (more && messages.length && !known) one.add({kind: "gap", n: messages[0].n - 0.5});
    } catch (refusal) {
      this.actions.trouble(refusal);
      gap.version++;
    }
    this.actions.draw();
  }

  // Search the loaded messages; with `further`, load and search earlier ones too.
  async *search(one, words, further, isOver) {
    const low = words.toLowerCase();
    const most = one.texts.length + FURTHER;
    let looked = 0;
    do {
      if (looked) await this.older(one);
      if (isOver()) return;
      const texts = one.texts;
      const found = texts
        .filter((item) => item.text.toLowerCase().includes(low) || item.by.toLowerCase() === low)
        .reverse();
      const before = looked;
      looked = texts.length;
      yield {found, looked, since: texts.length ? texts[0].at : 0, more: one.more};
      if (looked === before) return;
    } while (further && one.more && looked < most && this.net.phase === "in");
  }
}
