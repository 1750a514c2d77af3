// The panel of a conversation: members, topic, settings for those who may change them, and the search.

import {sentence} from "./dialogs.js";
import {LOBBY, compare} from "./model.js";
import {$, dateAndTime, el, face, icon, nameNode, plural} from "./nodes.js";
import {oneLine} from "./text.js";

const MOST_MEMBERS = 200;
const ROLES = ["", "voice", "op", "owner", "operator"];
const ROLE_NAMES = {voice: "has a voice", op: "moderator", owner: "owner", operator: "operator"};

export const rank = (role) => Math.max(0, ROLES.indexOf(role));

// The button of a member in the list.
function memberNode(name, role, model, person) {
  const state = model.away.has(name) ? "away" : model.online.has(name) || name === model.me ? "here" : "";
  return el(
    "button",
    {type: "button", className: "member", onclick: () => person(name)},
    face(name, "small", state),
    el("bdi", {className: "label", textContent: name}),
    el("span", {
      className: "aside",
      textContent: [name === model.me ? "you" : "", ROLE_NAMES[role] || "", state === "away" ? "away" : ""]
        .filter(Boolean)
        .join(", ")
    })
  );
}

// An input with a button. act(value) returns a promise of a text that is shown here, as is the reason of a refusal.
function field(input, button, act) {
  const told = el("p", {className: "aside", role: "status"});
  return el(
    "form",
    {
      onsubmit: async (event) => {
        event.preventDefault();
        told.className = "aside";
        told.textContent = "";
        try {
          told.textContent = await act();
        } catch (refusal) {
          told.className = "error";
          told.textContent = sentence(refusal);
        }
      }
    },
    el("div", {className: "row field"}, input, el("button", {className: "plain", textContent: button})),
    told
  );
}

export class Panel {
  // actions: person(name), leave(room), drop(room), search(conversation, words, further), show(conversation, n); and
  // topic(room, text), set(room, setting, value), invite(room, name), unban(room, name), which return promises
  constructor(model, actions) {
    Object.assign(this, {model, actions});
    this.kind = ""; // "about", "search"
    this.node = $("panel");
  }

  toggle(kind) {
    if (this.kind === kind) return this.close();
    this.kind = kind;
    this.build();
    const field = kind === "search" ? this.node.querySelector("input") : null;
    (field || this.node.querySelector("button")).focus();
  }

  // The form to invite somebody to the open room.
  invite() {
    if (this.kind !== "about") this.toggle("about");
    $("invite-field").focus();
  }

  close() {
    const button = $(this.kind === "search" ? "search-button" : "about-button");
    const had = this.node.contains(document.activeElement);
    this.kind = "";
    this.build();
    if (had) button.focus();
  }

  build() {
    this.node.hidden = !this.kind;
    this.members = this.topic = this.results = null;
    this.name = this.model.open;
    for (const [id, kind] of [
      ["search-button", "search"],
      ["about-button", "about"]
    ]) {
      $(id).setAttribute("aria-expanded", String(this.kind === kind));
    }
    if (!this.kind) return this.node.replaceChildren();
    const one = this.model.current;
    const title = this.kind === "search" ? "Search" : one.isRoom ? "About this room" : "About";
    const body = el("div", {className: "panel-body"});
    this.node.replaceChildren(
      el(
        "div",
        {className: "panel-head"},
        el("h2", {textContent: title}),
        el(
          "button",
          {type: "button", className: "icon", "aria-label": "Close", onclick: () => this.close()},
          icon("close")
        )
      ),
      body
    );
    if (this.kind === "search") this._search(body);
    else if (one.isRoom) this._room(body, one);
    else this._person(body, one);
    this.role = one.role;
    this.inside = one.inside;
    this.update();
  }

  update() {
    const one = this.model.current;
    if (!this.kind) return;
    if (one.name !== this.name || (this.kind === "about" && (one.role !== this.role || one.inside !== this.inside))) {
      return this.build();
    }
    if (this.topic && document.activeElement !== this.topic) {
      if (this.topic.tagName === "INPUT") this.topic.value = one.topic;
      else this.topic.textContent = one.topic || "There is none.";
    }
    if (this.members) this._members(one);
    if (this.settings && !this.settings.contains(document.activeElement)) this._fillSettings(one);
  }

  _section(body, title, ...children) {
    const section = el("section", {}, el("h3", {textContent: title}), ...children);
    body.append(section);
    return section;
  }

  // A section with a field for a name, which is returned. act(name) returns a promise of what is shown then.
  _forName(body, title, button, act) {
    const input = el("input", {placeholder: "Name", "aria-label": `${title}: name`, autocapitalize: "off"});
    this._section(
      body,
      title,
      field(input, button, async () => {
        const name = input.value.trim();
        if (!name) return "";
        const told = await act(name);
        input.value = "";
        return told;
      })
    );
    return input;
  }

  _room(body, one) {
    const manages = one.isMine;
    const topic = (this.topic = manages
      ? el("input", {id: "topic-field", value: one.topic, maxLength: 400, "aria-label": "Topic", placeholder: "None"})
      : el("p", {className: "text", dir: "auto"}));
    this._section(
      body,
      "Topic",
      manages
        ? field(topic, "Set the topic", async () => {
            await this.actions.topic(one.name, topic.value.trim());
            topic.blur();
            return "";
          })
        : topic
    );
    this.members = el("ul", {className: "members"});
    this.filter = el("input", {
      type: "search",
      placeholder: "Find somebody",
      "aria-label": "Find somebody in this room",
      oninput: () => this._members(one)
    });
    this.membersTitle = this._section(body, "Members", this.filter, this.members).firstChild;
    if (one.name !== LOBBY && one.inside) {
      this._forName(body, "Invite somebody", "Invite", async (name) => {
        await this.actions.invite(one.name, name);
        return `${name} is invited.`;
      }).id = "invite-field";
    }
    this.settings = null;
    if (manages) {
      this._settings(body, one);
      this._forName(body, "Lift a ban", "Lift", async (name) => {
        await this.actions.unban(one.name, name);
        return `${name} is no longer banned.`;
      });
    }
    if (one.name !== LOBBY) {
      const leave = el("button", {
        type: "button",
        className: "plain",
        onclick: () => this.actions.leave(one),
        textContent: one.inside ? "Leave the room" : "Remove from my list"
      });
      const drop = manages
        ? el("button", {
            type: "button",
            className: "plain danger",
            textContent: "Close the room for good…",
            onclick: () => this.actions.drop(one.name)
          })
        : null;
      body.append(el("section", {}, el("div", {className: "row"}, leave, drop)));
    }
  }

  _settings(body, one) {
    const of = one.name;
    const error = el("p", {className: "error", role: "alert"});
    const set = (setting, value) => {
      error.textContent = "";
      this.actions.set(of, setting, value).catch((refusal) => {
        error.textContent = sentence(refusal);
        this._fillSettings(one);
      });
    };
    const check = (setting, text) =>
      el(
        "label",
        {className: "check"},
        el("input", {
          type: "checkbox",
          "data-setting": setting,
          onchange: (event) => set(setting, event.target.checked ? "on" : "off")
        }),
        text
      );
    const value = (setting, text, properties) => {
      const field = el("input", {
        "data-setting": setting,
        ...properties,
        onchange: () => set(setting, field.value.trim() || "off")
      });
      return el("label", {className: "row pair"}, text, field);
    };
    const rules =
      of === LOBBY
        ? []
        : [
            check("private", "Hidden from others"),
            check("invite", "Only by invitation"),
            check("sealed", "Only sealed messages")
          ];
    rules.push(check("moderated", "Only members with a voice may speak"));
    if (of !== LOBBY) {
      rules.push(
        value("key", "Key to enter", {placeholder: "none", autocapitalize: "off"}),
        value("limit", "Member limit", {type: "number", min: 1, placeholder: "any"})
      );
    }
    rules.push(value("slow", "Seconds between messages", {type: "number", min: 1, placeholder: "0"}));
    this.settings = this._section(body, "Rules", ...rules, error);
    this._fillSettings(one);
  }

  _fillSettings(one) {
    for (const field of this.settings.querySelectorAll("[data-setting]")) {
      const value = one.settings[field.dataset.setting];
      if (field.type === "checkbox") field.checked = Boolean(value);
      else if (field.type === "number") field.value = value || "";
      else field.placeholder = value ? "set; “off” takes it away" : "none";
    }
  }

  _members(one) {
    const all = [...(one.members || [])].map((name) => [name, one.roles.get(name) || ""]);
    const words = this.filter.value.toLowerCase();
    const found = all
      .filter(([name]) => name.toLowerCase().includes(words))
      .sort((a, b) => rank(b[1]) - rank(a[1]) || compare(a[0], b[0]));
    this.filter.hidden = all.length < 12;
    this.membersTitle.textContent = one.members ? plural(one.count, "member") : "Members";
    const signature = JSON.stringify([found, one.members === null, [...this.model.away]]);
    if (signature === this.memberSignature && this.members.childElementCount) return;
    this.memberSignature = signature;
    const focused = this.members.contains(document.activeElement) ? document.activeElement.textContent : null;
    this.members.replaceChildren(
      ...found
        .slice(0, MOST_MEMBERS)
        .map(([name, role]) => el("li", {}, memberNode(name, role, this.model, this.actions.person)))
    );
    if (found.length > MOST_MEMBERS) {
      this.members.append(
        el("li", {className: "hint", textContent: `and ${plural(found.length - MOST_MEMBERS, "other")}`})
      );
    }
    if (focused) [...this.members.querySelectorAll("button")].find((one) => one.textContent === focused)?.focus();
  }

  _person(body, one) {
    const here = this.model.away.has(one.name)
      ? "is away"
      : this.model.online.has(one.name)
        ? "is here"
        : "is not here now";
    body.append(
      el("section", {}, el("p", {className: "text"}, nameNode(one.name), " " + here + ".")),
      el(
        "section",
        {},
        el(
          "div",
          {className: "row"},
          el("button", {
            type: "button",
            className: "plain",
            textContent: "Remove from my list",
            onclick: () => this.actions.leave(one)
          })
        )
      )
    );
  }

  _search(body) {
    const field = el("input", {
      type: "search",
      placeholder: "Words, or a name",
      "aria-label": "What to look for",
      enterKeyHint: "search"
    });
    const state = el("p", {className: "aside", role: "status"});
    const further = el("button", {type: "button", className: "plain", hidden: true, textContent: "Look further back"});
    const results = el("ul");
    let latest = 0;
    const search = async (back) => {
      const mine = ++latest;
      const words = field.value.trim();
      results.replaceChildren();
      further.hidden = true;
      state.textContent = "";
      if (!words) return;
      const one = this.model.conversation(this.name);
      for await (const {found, looked, since, more} of this.actions.search(one, words, back, () => mine !== latest)) {
        if (mine !== latest) return;
        results.replaceChildren(...found.slice(0, 100).map((item) => this._result(one, item, words)));
        state.textContent =
          `Found in ${found.length || "none"} of ${plural(looked, "message")}` +
          (since ? `, back to ${dateAndTime(since).replace(/^(Today|Yesterday)/, (day) => day.toLowerCase())}.` : ".") +
          (more ? "" : " There are no older ones.");
        further.hidden = !more;
      }
    };
    field.addEventListener("input", () => search(false));
    further.addEventListener("click", () => search(true));
    body.append(
      el(
        "form",
        {
          role: "search",
          onsubmit: (event) => {
            event.preventDefault();
            search(true);
          }
        },
        field
      ),
      state,
      results,
      further
    );
  }

  _result(one, item, words) {
    const text = oneLine(item.text, 100000);
    const at = Math.max(0, text.toLowerCase().indexOf(words.toLowerCase()));
    const near = Math.max(0, at - 40);
    const from = near && near + 1 + text.slice(near, at).search(" "); // where a word begins, if there is any
    const isCut = text.length > from + 160;
    const marked = text.slice(at, at + words.length).toLowerCase() === words.toLowerCase() ? words.length : 0;
    return el(
      "li",
      {},
      el(
        "button",
        {type: "button", className: "result", onclick: () => this.actions.show(one, item.n)},
        el("span", {className: "by"}, nameNode(item.by), el("span", {textContent: dateAndTime(item.at)})),
        el(
          "bdi",
          {},
          from ? "…" : "",
          text.slice(from, at),
          el("mark", {textContent: text.slice(at, at + marked)}),
          text.slice(at + marked, from + 160).replace(isCut ? / \S*$/ : "", ""),
          isCut ? "…" : ""
        )
      )
    );
  }
}
