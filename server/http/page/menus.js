// The menus for a person and for the user, and the search for rooms and people (Ctrl K).

import {dialog, form, menu} from "./dialogs.js";
import {LOBBY, isRoom} from "./model.js";
import {$, el, face, plural} from "./nodes.js";
import {canNotify} from "./notices.js";
import {rank} from "./panel.js";

const THEMES = {"": "As the device is set", light: "Light", dark: "Dark"};
const KEYS = {
  "Ctrl K": "jump to a room or a person",
  "Alt ↑ ↓": "the room above, the room below",
  Esc: "to the message field; close what is open",
  Enter: "send",
  "Shift Enter": "a new line",
  Tab: "complete a name, or a #room",
  "↑": "what you sent before",
  "Ctrl Shift F": "search",
  "/": "a command, such as /join #room"
};

export class Menus {
  // preferences: {theme, notify}, which `prefer` changes. actions: ask(frame), open(name), mention(name), setAway(away),
  // prefer(changes), logOut(), changed().
  constructor(model, net, head, preferences, actions) {
    Object.assign(this, {model, net, head, preferences, actions});
    $("me").addEventListener("click", () => this.me());
    $("jump-button").addEventListener("click", () => this.jump());
    $("find-rooms").addEventListener("click", () => this.jump(true));
  }

  // The menu for a person in the open conversation.
  person(name) {
    const {model, actions} = this;
    const one = model.current;
    const role = one.roles.get(name) || "";
    const manages = one.isMine && one.members && one.members.has(name) && rank(one.role) > rank(role);
    const deed = (act, text) => ({text, act: () => actions.ask({do: act, room: one.name, name})});
    const withWhy = (act, text, button) => ({
      text: text + "…",
      danger: true,
      act: () =>
        form(
          `${text}: ${name}`,
          "",
          [{id: "why", label: "Why (they are told)", maxLength: 300}],
          button,
          ({why}) =>
            this.net.request({do: act, room: one.name, name, ...(why.trim() ? {text: why.trim()} : {})}),
          {danger: true}
        )
    });
    const isLobby = one.name === LOBBY;
    menu(name, [
      name !== model.me && {text: "Talk in private", act: () => actions.open(name)},
      {text: "Mention", act: () => actions.mention(name)},
      this.net.seals.knows(name) && {text: "Compare digits…", act: () => this._verify(name)},
      manages && "line",
      manages && !isLobby && role === "voice" && deed("devoice", "Take the voice away"),
      manages && !isLobby && role === "" && deed("voice", "Give a voice"),
      manages && !isLobby && (role === "op" ? deed("deop", "Remove as moderator") : deed("op", "Make a moderator")),
      manages && deed("unmute", "Unmute"),
      manages && withWhy("mute", "Mute", "Mute"),
      manages && withWhy("kick", "Remove from the room", "Remove"),
      manages && withWhy("ban", "Ban", "Ban")
    ]);
  }

  // The user's own menu.
  me() {
    const {model, net, head, preferences, actions} = this;
    const isAway = head.isAway;
    menu(
      model.me,
      [
        model.account
          ? {text: "Change the password…", act: () => this._changePassword()}
          : net.limits.register !== false && {
              text: "Make an account, so that the name stays mine…",
              act: () => this._makeAccount()
            },
        !net.unknown.has("away") && {
          text: isAway ? "I am back" : "I am away for a while",
          act: () => actions.setAway(!isAway)
        },
        "line",
        canNotify() && {
          text: preferences.notify ? "Turn notifications off" : "Notify me of mentions and direct messages",
          act: async () =>
            actions.prefer({
              notify: !preferences.notify && (await Notification.requestPermission()) === "granted"
            })
        },
        {
          text: "Colours…",
          act: () =>
            menu(
              "Colours",
              Object.entries(THEMES).map(([theme, text]) => ({
                text: (theme === preferences.theme ? "✓ " : "") + text,
                act: () => actions.prefer({theme})
              }))
            )
        },
        net.seals.isDevice && {text: "My devices…", act: () => this._devices()},
        {text: "Keyboard shortcuts", act: showKeys},
        "line",
        {text: "Log out", danger: true, act: actions.logOut}
      ],
      window.isSecureContext
        ? ""
        : el("p", {
            className: "aside",
            textContent:
              "This address is not https: no notifications, nothing can be sealed, and what is said can be read on the way."
          })
    );
  }

  // Show the digits that two people compare to make sure that nobody reads along.
  async _verify(name) {
    const {seals} = this.net;
    const text = seals.ring.isVerified(name) ? "You have said that these are the same. " : "";
    form(
      `Compare digits with ${name}`,
      [
        `${text}Ask ${name}, by voice or in another way, for the digits that are shown there: `,
        el("code", {className: "digits", textContent: await seals.digits(name)})
      ],
      [],
      "They are the same",
      () => seals.confirm(name)
    );
  }

  // The devices of the account, on which sealed messages can be read.
  _devices() {
    const {seals} = this.net;
    menu(
      "My devices",
      seals.devices.map(({id, mine, vouched}) => ({
        text: `${id.slice(0, 8)}${mine ? ", this one" : ""}${vouched ? "" : ", for which none vouches"}`,
        act: () =>
          mine ||
          menu(id.slice(0, 8), [
            !vouched && {text: "It is mine", act: () => this._own(id, true)},
            {text: "Remove it", danger: true, act: () => this._own(id, false)}
          ])
      }))
    );
  }

  _own(id, accepted) {
    this.net.seals.changeOwn(id, accepted).catch((error) => this.actions.trouble(error));
  }

  _changePassword() {
    const password = {type: "password", required: true};
    form(
      "Change the password",
      "",
      [
        {id: "old", label: "Current password", autocomplete: "current-password", ...password},
        {id: "new", label: "New password", autocomplete: "new-password", ...password}
      ],
      "Change",
      ({old, new: fresh}) => this.net.request({do: "password", old, new: fresh})
    );
  }

  _makeAccount() {
    const {model, net} = this;
    form(
      "Make an account",
      `The name ${model.me} will be yours, with a password.`,
      [{id: "password", label: "Password", type: "password", autocomplete: "new-password", required: true}],
      "Make the account",
      async ({password}) => {
        await net.request({do: "register", name: model.me, password});
        model.account = net.account = true;
        net.seals.welcomed(true);
        this.actions.changed();
      }
    );
  }

  // Search for rooms and people by what is typed; a room that does not exist can be made.
  jump(making = false) {
    const {model} = this;
    if ($("talk").hidden) return;
    const input = el("input", {
      role: "combobox",
      "aria-expanded": "true",
      "aria-controls": "targets",
      "aria-autocomplete": "list",
      autocapitalize: "off",
      autocomplete: "off",
      spellcheck: false,
      placeholder: making ? "#name of a room" : "A room or a person",
      "aria-label": "Room or person",
      value: making ? "#" : ""
    });
    const list = el("div", {className: "list", role: "listbox", id: "targets", "aria-label": "Rooms and people"});
    const state = el("p", {className: "hidden", role: "status"});
    let found = [];
    let at = 0;
    const go = (name) => {
      $("dialog").close();
      this.actions.open(name);
    };
    const mark = () => {
      [...list.children].forEach((node, index) => node.setAttribute("aria-selected", String(index === at)));
      if (found.length) {
        input.setAttribute("aria-activedescendant", "target-" + at);
        list.children[at].scrollIntoView({block: "nearest"});
      } else input.removeAttribute("aria-activedescendant");
    };
    const look = () => {
      const {names, fresh} = this._targets(input.value.trim());
      const topics = new Map(model.directory.map((room) => [room.room, room]));
      found = fresh ? [...names, fresh] : names;
      at = 0;
      list.replaceChildren(
        ...found.map((name, index) =>
          el(
            "div",
            {className: "option", role: "option", id: "target-" + index, onclick: () => go(name)},
            isRoom(name)
              ? el("span", {className: "sign", "aria-hidden": "true", textContent: "#"})
              : face(name, "small"),
            el("bdi", {className: "label", textContent: isRoom(name) ? name.slice(1) : name}),
            el("span", {
              className: "aside",
              textContent:
                name === fresh
                  ? "make or enter this room"
                  : isRoom(name) && topics.has(name)
                    ? plural(topics.get(name).members, "member")
                    : model.online.has(name)
                      ? "here"
                      : ""
            })
          )
        )
      );
      state.textContent = plural(found.length, "choice");
      mark();
    };
    input.addEventListener("input", look);
    input.addEventListener("keydown", (event) => {
      const step = {ArrowDown: 1, ArrowUp: -1}[event.key];
      if (step && found.length) {
        at = (at + step + found.length) % found.length;
        mark();
        event.preventDefault();
      } else if (event.key === "Enter" && !event.isComposing) {
        event.preventDefault();
        if (found.length) go(found[at]);
      }
    });
    dialog(making ? "Find or make a room" : "Go to", input, state, list);
    input.setSelectionRange(input.value.length, input.value.length);
    look();
    this.net.request({do: "rooms", pattern: "*"}).then(look, () => {});
  }

  // The results for what was typed: {names, fresh: the name of a room that is not known, or ""}.
  _targets(typed) {
    const {model} = this;
    const low = typed.toLowerCase();
    const topics = new Map(model.directory.map((room) => [room.room, (room.topic || "").toLowerCase()]));
    const known = [
      ...new Set([
        ...model.rooms.map((one) => one.name),
        ...topics.keys(),
        ...model.people.map((one) => one.name),
        ...model.online
      ])
    ].filter((name) => name !== model.me);
    const bare = (name) => name.toLowerCase().replace(/^#+/, "");
    const order = (name) =>
      (bare(name).startsWith(bare(typed)) ? 0 : 2) + (model.conversations.get(name)?.unread ? -1 : 0);
    const names = known
      .filter((name) => name.toLowerCase().includes(low) || (topics.get(name) || "").includes(low))
      .sort((a, b) => order(a) - order(b))
      .slice(0, 50);
    const room = typed.replace(/^#+/, "");
    const isFresh = room && !/[\s,:]/.test(room) && !known.some((name) => isRoom(name) && bare(name) === bare(typed));
    return {names, fresh: isFresh ? "#" + room : ""};
  }
}

function showKeys() {
  dialog(
    "Keyboard shortcuts",
    el(
      "dl",
      {className: "keys"},
      ...Object.entries(KEYS).flatMap(([combination, what]) => [
        el("dt", {}, ...combination.split(" ").flatMap((key) => [el("kbd", {textContent: key}), " "])),
        el("dd", {textContent: what})
      ])
    )
  );
}
