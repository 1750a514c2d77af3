// Makes nodes of the page, and formats names, times and numbers.

import {isRoom} from "./model.js";

export const $ = (id) => document.getElementById(id);

// A node with properties, `on…` handlers, `data-`, `aria-` and other attributes, and its children.
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key in node && !key.includes("-")) node[key] = value;
    else node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", "#i-" + name);
  svg.append(use);
  return svg;
}

export const nameNode = (name) => el("bdi", {textContent: name});

export function hue(name) {
  let hash = 0x811c9dc5; // FNV-1a, and then mixed so that like names differ
  for (const char of name.toLowerCase()) hash = Math.imul(hash ^ char.codePointAt(0), 0x1000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca77);
  return ((hash ^ (hash >>> 13)) >>> 0) % 360;
}

export function face(name, ...classes) {
  const node = el("span", {
    className: ["face", ...classes].join(" "),
    "aria-hidden": "true",
    textContent: [...name][0].toUpperCase()
  });
  node.style.setProperty("--hue", hue(name));
  return node;
}

// Formats are made when they are first needed, as that takes a browser some milliseconds each.
const formats = {};
const format = (name, language, options) => (formats[name] = formats[name] || new Intl.DateTimeFormat(language, options));
const time = (date) => format("time", undefined, {hour: "numeric", minute: "2-digit"}).format(date);
export const full = (date) => format("full", "en", {dateStyle: "full", timeStyle: "short"}).format(date);

function day(date, withYear) {
  const year = withYear ? {year: "numeric"} : {};
  return format("day" + withYear, "en", {weekday: "long", day: "numeric", month: "long", ...year}).format(date);
}

export function dayName(date, today = new Date()) {
  const days = Math.round((midnight(today) - midnight(date)) / 86400000);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  return day(date, date.getFullYear() !== today.getFullYear());
}

const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());

// isShort: without AM or PM, for the margin.
export function timeNode(at, isShort = false) {
  const date = new Date(at * 1000);
  const text = isShort ? time(date).replace(/\s[ap]m$/i, "") : time(date);
  return el("time", {dateTime: date.toISOString(), textContent: text});
}

export const dateAndTime = (at) => {
  const date = new Date(at * 1000);
  return dayName(date) + ", " + time(date);
};

// Browsers can group digits too, but take a tenth of a second for the first number.
export const grouped = (count) => String(count).replace(/\B(?=(\d{3})+$)/g, ",");
export const plural = (count, one, many = one + "s") => `${grouped(count)} ${count === 1 ? one : many}`;

export const hashOf = (name) =>
  isRoom(name) ? "#" + encodeURIComponent(name.slice(1)) : "#@" + encodeURIComponent(name);

// Make `wanted` the children of `parent`, without touching those that stay, so that they keep the focus.
export function arrange(parent, wanted) {
  const keep = new Set(wanted);
  for (const node of [...parent.children]) if (!keep.has(node)) node.remove();
  let next = parent.firstElementChild;
  for (const node of wanted) {
    if (node === next) next = next.nextElementSibling;
    else parent.insertBefore(node, next);
  }
}
