// Files: sent by button, drag or paste, beside the connection, and shown where they were said. A picture is fetched when
// somebody asks for it, and shown only if the server has told its type from its first bytes.

import {$, el, grouped, icon} from "./nodes.js";

const LINE = /^\[file\] ([^:/\n]{1,100}), ([0-9.]{1,6} [kMG]?B): https?:\/\/[^\s]+\/files\/([0-9a-f]{32})\/[^\s/]+$/u;
const PICTURES = ["image/png", "image/jpeg", "image/gif", "image/webp"];
const LOOKS_LIKE_ONE = /\.(?:png|jpe?g|gif|webp)$/i;
const LONGEST_HASHED = 64 << 20; // bytes, as the browser hashes only what it has in memory
const DELAYS = [300, 1000, 2000, 5000]; // milliseconds before each further attempt; the last one repeats
const MOST_FAILURES = 60; // in a row, without a byte that got through
const TRY_AGAIN = [0, 409, 429, 500, 502, 503, 504];

// The file that a text tells of, at this server whatever address it names; or null. The end of that address may be
// anything, such as a path to elsewhere, and the server takes any name.
export function toldIn(text) {
  const found = LINE.exec(text);
  return found && {name: found[1], size: found[2], path: `files/${found[3]}/${encodeURIComponent(found[1])}`};
}

const address = (path) => new URL(path, document.baseURI.replace(/[?#].*/, "")).href;
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// One request; `moved` is told how many bytes are sent.
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
  // actions: where(): the open conversation, announce(text)
  constructor(net, actions) {
    Object.assign(this, {net, actions});
    const input = $("file");
    $("attach").addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      this.send(input.files);
      input.value = "";
    });
    const middle = $("middle");
    const carries = (event) => event.dataTransfer?.types.includes("Files") && !$("composer").hidden;
    middle.addEventListener("dragover", (event) => {
      if (!carries(event)) return;
      event.preventDefault();
      middle.classList.add("dropping");
    });
    middle.addEventListener("dragleave", (event) => {
      if (!middle.contains(event.relatedTarget)) middle.classList.remove("dropping");
    });
    middle.addEventListener("drop", (event) => {
      middle.classList.remove("dropping");
      if (!carries(event)) return;
      event.preventDefault();
      this.send(event.dataTransfer.files);
    });
    $("text").addEventListener("paste", (event) => {
      if (!event.clipboardData?.files.length) return;
      event.preventDefault();
      this.send(event.clipboardData.files);
    });
  }

  send(files) {
    const one = this.actions.where();
    const openly = !this.net.seals.isOn(one.name);
    for (const file of [...files]) {
      if (openly) this._send(file, one.isRoom ? {room: one.name} : {to: one.name});
      else this._row(file).fail("what is said here is sealed, but a file would not be");
    }
  }

  async _send(file, where) {
    const row = this._row(file);
    try {
      if (this.net.seals.isOn(where.room || where.to))
        throw new Error("files are not sealed; unlock the conversation to send it all the same");
      const sha256 = await hashOf(file);
      const offer = await this._offer({do: "offer", name: file.name, size: file.size, sha256}, row);
      await this._put(file, offer, row);
      this.net.post({do: "share", ...where, file: offer.file, token: offer.token, text: offer.text});
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

  // As soon as there is a connection.
  async _offer(frame, row) {
    for (;;) {
      try {
        return await this.net.request(frame);
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

  // Above the field, while it is on its way, and after that if it was not taken.
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
        why.textContent = `${grouped(Math.floor((100 * sent) / file.size))} %`;
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

// What stands in the place of the text that tells of a file.
export function fileNode({name, size, path}) {
  const link = el("a", {href: address(path), download: name, rel: "noopener noreferrer"}, el("bdi", {textContent: name}));
  const node = el("div", {className: "file"}, icon("file"), link, el("span", {className: "aside", textContent: size}));
  if (!LOOKS_LIKE_ONE.test(name)) return node;
  const show = el("button", {
    type: "button",
    className: "link",
    textContent: "Show",
    "aria-label": `Show ${name}`,
    onclick: async () => {
      show.disabled = true;
      const picture = await pictureOf(path, name);
      show.replaceWith(picture ? "" : el("span", {className: "aside", textContent: "this is no picture"}));
      if (picture) node.after(picture);
    }
  });
  node.append(show);
  return node;
}

async function pictureOf(path, name) {
  try {
    const answer = await fetch(address(path), {credentials: "omit"});
    const kind = answer.headers.get("Content-Type");
    if (!answer.ok || !PICTURES.includes(kind)) return null;
    const picture = el("img", {alt: name, className: "picture"});
    picture.src = URL.createObjectURL(new Blob([await answer.arrayBuffer()], {type: kind}));
    await picture.decode();
    return picture;
  } catch {
    return null; // it is gone, or not what its first bytes say
  }
}
