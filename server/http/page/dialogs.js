// Questions and menus in front of the page.

import {$, el, icon} from "./nodes.js";

// What the server says to a request that it refuses, as a sentence.
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

// A question with fields; `act` gets what was filled in. What is refused is told beside the fields.
// danger: is it something that somebody may regret?
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

// entries: {text, act, danger}, "line", or nothing. before: nodes in front of them.
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
