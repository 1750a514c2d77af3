// Dialogs: forms and menus.

import {$, el, icon} from "./nodes.js";

// The server's reason for a refusal, as a sentence.
export function sentence(refusal) {
  const text = refusal.message || "This did not work";
  return text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}

export function dialog(title, ...children) {
  const node = $("dialog");
  if (node.open) node.close();
  node.replaceChildren(
    el(
      "div",
      {className: "dialog-head"},
      el("h2", {id: "dialog-title"}, el("bdi", {textContent: title})),
      el(
        "button",
        {type: "button", className: "icon", "aria-label": "Close", onclick: () => node.close()},
        icon("close")
      )
    ),
    ...children
  );
  node.showModal();
  (
    node.querySelector("input") ||
    node.querySelector(".menu button, .actions button") ||
    node.querySelector("button")
  ).focus();
  return node;
}

// A form; act(values of the fields) is called when it is sent, and a refusal is shown below the fields.
// danger: is the button shown as one with consequences?
export function form(title, text, fields, button, act, {danger = false} = {}) {
  const error = el("p", {className: "error", role: "alert"});
  const inputs = fields.map(({id, label, ...properties}) => ({
    id,
    node: el("input", {name: id, ...properties}),
    label
  }));
  const node = dialog(
    title,
    el(
      "form",
      {
        onsubmit: async (event) => {
          event.preventDefault();
          error.textContent = "";
          try {
            await act(Object.fromEntries(inputs.map((input) => [input.id, input.node.value])));
            node.close();
          } catch (refusal) {
            error.textContent = sentence(refusal);
          }
        }
      },
      text ? el("p", {}, ...[text].flat()) : "",
      ...inputs.map((input) => el("label", {}, input.label, input.node)),
      error,
      el(
        "div",
        {className: "actions"},
        el("button", {type: "button", className: "plain", textContent: "Cancel", onclick: () => node.close()}),
        el("button", {className: danger ? "primary danger" : "primary", textContent: button})
      )
    )
  );
}

// entries: of each {text, act, danger}, "line", or a false value for nothing. before: nodes above them.
export function menu(title, entries, ...before) {
  const node = dialog(
    title,
    ...before,
    el(
      "div",
      {className: "menu"},
      ...entries.filter(Boolean).map((entry) =>
        entry === "line"
          ? el("hr")
          : el(
              "button",
              {
                type: "button",
                className: entry.danger ? "danger" : "",
                onclick: () => {
                  node.close();
                  entry.act();
                }
              },
              entry.text
            )
      )
    )
  );
}

$("dialog").addEventListener("click", (event) => {
  if (event.target === $("dialog")) $("dialog").close();
});
