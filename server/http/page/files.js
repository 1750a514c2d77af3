// Files: sending by button, drag or paste, over HTTP beside the WebSocket, and showing those that messages announce.
// A picture is fetched on demand, and shown only if its first bytes are those of one. Where messages are sealed, files
// are sealed here before they are sent, and opened here.

import {$, el, grouped, icon} from "./nodes.js";
import {Opening, pictureKind, sealFile, sealedSize, sizeOf, textOf} from "./sealedfile.js";

const LINE = /^\[file\] ([^:/\n]{1,100}), ([0-9.]{1,6} [kMG]?B): https?:\/\/[^\s]+\/files\/([0-9a-f]{32})\/[^\s/]+$/u;
const PICTURES = ["image/png", "image/jpeg", "image/gif", "image/webp"];
const LOOKS_LIKE_ONE = /\.(?:png|jpe?g|gif|webp)$/i;
const SEALED_NAME = "sealed"; // for the server
const LONGEST_HASHED = 64 << 20; // bytes, as the browser hashes only what it has in memory
const DELAYS = [300, 1000, 2000, 5000]; // milliseconds before each further attempt; the last one repeats
const MOST_FAILURES = 60; // in a row, without a byte that got through
const TRY_AGAIN = [0, 409, 429, 500, 502, 503, 504];

// The file that a text announces, or null. Only the id in the URL is used, and always with this server: the rest of it
// may be anything. sealed: that of the message.
export function toldIn(text, sealed) {
  if (sealed && sealed !== true)
    return {name: sealed.name, size: sizeOf(sealed.size), path: `files/${sealed.file}/${SEALED_NAME}`, sealed};
  const found = LINE.exec(text);
  return found && {name: found[1], size: found[2], path: `files/${found[3]}/${encodeURIComponent(found[1])}`};
}

const address = (path) => new URL(path, document.baseURI.replace(/[?#].*/, "")).href;
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// One request. moved(bytes): called with the progress of an upload.
function ask(method, url, headers, body = null, moved = null, begun = null) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    if (moved) request.upload.onprogress = (event) => moved(event.loaded);
    request.onloadend = () => resolve(request);
    if (begun) begun(request);
    request.send(body);
  });
}

async function hashOf(file) {
  if (!globalThis.crypto?.subtle || file.size > LONGEST_HASHED) return undefined;
  const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Files {
  // actions: where(): the open conversation, announce(text): to screen readers, trouble(error): show an error.
  constructor(net, actions) {
    Object.assign(this, {net, actions});
    const input = $("file");
    $("attach").addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      this.send(input.files);
      input.value = "";
    });
    const middle = $("middle");
    const carries = (event) => event.dataTransfer?.types.includes("Files");
    for (const happens of ["dragover", "drop"])
      window.addEventListener(happens, (event) => {
        if (carries(event)) event.preventDefault(); // or the browser would leave the page for the file
      });
    middle.addEventListener("dragover", (event) => {
      if (carries(event) && !$("composer").hidden && this.net.limits.file) middle.classList.add("dropping");
    });
    middle.addEventListener("dragleave", (event) => {
      if (!middle.contains(event.relatedTarget)) middle.classList.remove("dropping");
    });
    middle.addEventListener("drop", (event) => {
      middle.classList.remove("dropping");
      if (!carries(event) || $("composer").hidden) return;
      if (this.net.limits.file) this.send(event.dataTransfer.files);
      else this.actions.trouble(new Error("this server keeps no files"));
    });
    $("text").addEventListener("paste", (event) => {
      if (!event.clipboardData?.files.length || !this.net.limits.file) return;
      event.preventDefault();
      this.send(event.clipboardData.files);
    });
  }

  send(files) {
    const one = this.actions.where();
    const isSealed = this.net.seals.isOn(one.name);
    for (const file of [...files]) this._send(file, one.isRoom ? {room: one.name} : {to: one.name}, isSealed);
  }

  async _send(file, where, isSealed) {
    const row = this._row(file);
    try {
      const {offer, ...said} = await (isSealed ? this._sendSealed(file, where, row) : this._sendOpenly(file, row));
      this.net.post({do: "share", ...where, file: offer.file, token: offer.token, ...said});
      row.node.remove();
      this.actions.announce(`${file.name} is sent`);
    } catch (refusal) {
      if (row.cancelled) return;
      row.fail(refusal.message);
      this.actions.announce(`${file.name} is not sent: ${refusal.message}`);
    } finally {
      $("files").hidden = !$("files").children.length;
    }
  }

  async _sendOpenly(file, row) {
    const sha256 = await hashOf(file);
    const offer = await this._offer({do: "offer", name: file.name, size: file.size, sha256}, row);
    await this._put(file, offer, row);
    return {offer, text: offer.text};
  }

  async _sendSealed(file, where, row) {
    await this._connected(() => this.net.seals.check(where), row);
    const offer = await this._offer({do: "offer", name: SEALED_NAME, size: sealedSize(file.size)}, row);
    const {blob, told} = await sealFile(file, file.name);
    await this._put(blob, offer, row);
    return {offer, text: textOf(told), sealed: {...told, file: offer.file}};
  }

  _offer(frame, row) {
    return this._connected(() => this.net.request(frame), row);
  }

  // Call act() once there is a connection, and again if that is lost.
  async _connected(act, row) {
    for (;;) {
      try {
        return await act();
      } catch (refusal) {
        if (refusal.why !== "offline" || row.cancelled) throw refusal;
        await pause(1000);
      }
    }
  }

  async _put(file, offer, row) {
    const url = address(offer.url);
    const shown = {Authorization: `Bearer ${offer.token}`};
    let failures = 0;
    let before = -1;
    for (;;) {
      const head = await ask("HEAD", url, shown);
      const at = Number(head.getResponseHeader("Upload-Offset"));
      let answer = head;
      if (head.status === 200) {
        if (head.getResponseHeader("Upload-Complete") === "?1") return;
        if (at > before) failures = 0;
        before = at;
        const part = at < file.size ? `${at}-${file.size - 1}` : "*";
        answer = await ask(
          "PUT",
          url,
          {...shown, "Content-Range": `bytes ${part}/${file.size}`},
          file.slice(at),
          (sent) => row.move(at + sent),
          (request) => {
            row.stop = () => request.abort();
          }
        );
        if (answer.status === 200 || answer.status === 201) return;
      }
      if (row.cancelled) {
        await ask("DELETE", url, shown);
        throw new Error("cancelled");
      }
      if (!TRY_AGAIN.includes(answer.status) || ++failures > MOST_FAILURES) {
        throw new Error(answer.responseText.trim() || "the server does not take it");
      }
      await pause(DELAYS[Math.min(failures, DELAYS.length) - 1]);
    }
  }

  // The row above the message field for a file that is being sent, or has failed.
  _row(file) {
    const bar = el("progress", {max: file.size || 1, value: 0, "aria-label": `Sending ${file.name}`});
    const why = el("span", {className: "why"});
    const away = el("button", {type: "button", className: "icon small", "aria-label": `Do not send ${file.name}`}, icon("close"));
    const row = {
      node: el("div", {className: "sending"}, el("bdi", {textContent: file.name}), bar, why, away),
      cancelled: false,
      stop: () => {},
      move: (sent) => {
        bar.value = sent;
        why.textContent = `${Math.min(100, Math.floor((100 * sent) / file.size))} %`;
      },
      fail: (text) => {
        bar.remove();
        why.textContent = `Not sent: ${text}`;
        row.node.classList.add("refused");
      }
    };
    away.addEventListener("click", () => {
      row.cancelled = true;
      row.stop();
      row.node.remove();
      $("files").hidden = !$("files").children.length;
    });
    $("files").append(row.node);
    $("files").hidden = false;
    return row;
  }
}

// The node that is shown in the place of a text that announces a file.
export function fileNode(told) {
  const {name, size, path, sealed} = told;
  const aside = el("span", {className: "aside", textContent: size});
  const label = el("bdi", {textContent: name});
  const link = sealed
    ? el("button", {type: "button", className: "link", "aria-label": `Save ${name}`, onclick: () => save(told, link, aside)}, label)
    : el("a", {href: address(path), download: name, rel: "noopener noreferrer"}, label);
  const node = el("div", {className: "file"}, icon("file"), link, aside);
  if (!LOOKS_LIKE_ONE.test(name)) return node;
  const show = el("button", {
    type: "button",
    className: "link",
    textContent: "Show",
    "aria-label": `Show ${name}`,
    onclick: async () => {
      show.disabled = true;
      const picture = await pictureOf(told);
      show.replaceWith(picture ? "" : el("span", {className: "aside", textContent: "this is no picture"}));
      if (picture) node.after(picture);
    }
  });
  node.append(show);
  return node;
}

// The Blob of a sealed file, opened and verified. moved(part): called with the progress, from 0 to 1. Continues after a
// lost connection.
async function openedBlob({path, sealed}, moved = () => {}) {
  const opening = new Opening(sealed);
  const parts = [];
  let come = 0;
  const take = async (bytes) => {
    parts.push(...(await opening.take(bytes)));
    moved((come += bytes.length) / opening.total);
  };
  for (let failures = 0; ; ) {
    const before = come;
    await fetchFrom(address(path), come, take);
    if (come === opening.total) break;
    if (come > before) failures = 0;
    if (++failures > MOST_FAILURES) throw new Error("the server cannot be reached");
    await pause(DELAYS[Math.min(failures, DELAYS.length) - 1]);
  }
  await opening.end();
  return new Blob(parts, {type: (parts.length && pictureKind(parts[0])) || "application/octet-stream"});
}

// Call take(bytes) with what follows in a file behind `place`, until its end or until the connection is lost.
async function fetchFrom(url, place, take) {
  const headers = place ? {Range: `bytes=${place}-`} : {};
  const answer = await fetch(url, {credentials: "omit", headers}).catch(() => null);
  if (!answer || TRY_AGAIN.includes(answer.status)) return;
  if (answer.status !== (place ? 206 : 200)) throw new Error("it is not there any more");
  const reader = answer.body.getReader();
  for (;;) {
    const {done, value} = await reader.read().catch(() => ({done: true}));
    if (done) return;
    await take(value);
  }
}

// Open a sealed file, and have the browser save it, once all of it has been verified.
async function save(told, link, aside) {
  link.disabled = true;
  try {
    const blob = await openedBlob(told, (part) => {
      aside.textContent = `${told.size}, ${Math.floor(100 * part)} %`;
    });
    const url = URL.createObjectURL(blob.slice(0, blob.size, "application/octet-stream"));
    el("a", {href: url, download: told.name}).click();
    setTimeout(() => URL.revokeObjectURL(url), 60000); // by then the browser has it
    aside.textContent = told.size;
  } catch (error) {
    aside.textContent = `${told.size}. Not saved: ${error.message}`;
  }
  link.disabled = false;
}

async function pictureOf(told) {
  try {
    const blob = told.sealed ? await openedBlob(told) : await servedBlob(told.path);
    if (!PICTURES.includes(blob.type)) return null;
    const picture = el("img", {alt: told.name, className: "picture"});
    picture.src = URL.createObjectURL(blob);
    await picture.decode();
    return picture;
  } catch {
    return null; // it is gone, or not what its first bytes say
  }
}

// The Blob of a file, with the media type that the server tells.
async function servedBlob(path) {
  const answer = await fetch(address(path), {credentials: "omit"});
  const type = answer.ok ? answer.headers.get("Content-Type") : "";
  return new Blob([await answer.arrayBuffer()], {type});
}
