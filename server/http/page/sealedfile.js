// Sealed files: client/seal/files.py has the same in Python, with the layout of every byte. Uses neither the DOM nor a
// socket. The fields of a file are {file, key, hash, size, name}: its id on the server, hexadecimal digits, hexadecimal
// digits, the number of bytes, and its name.

import {Unopened, hex, join, unhex} from "./seal.js";

const subtle = globalThis.crypto?.subtle;
const CHUNK = 65536; // bytes
const TAG = 16;
const TOGETHER = 64; // chunks that are read at once, and then are in the browser's memory and not in the script's
const MOST_NAME = 100; // characters of a name, and
const MOST_BYTES = 120;
const UNITS = ["B", "kB", "MB", "GB"];
const CHANGED = "the file is not the one that was sealed: somebody has changed it, or it was cut";

export const sealedSize = (size) => size + Math.ceil(size / CHUNK) * TAG;

// A number of bytes for people, in powers of 1000.
export function sizeOf(size) {
  let unit = 0;
  for (; size >= 999.5 && unit < UNITS.length - 1; unit++) size /= 1000;
  return `${size.toFixed(!unit || size >= 99.95 ? 0 : 1)} ${UNITS[unit]}`;
}

const isLong = (name) => [...name].length > MOST_NAME || new TextEncoder().encode(name).length > MOST_BYTES;

// The name of a file, with everything replaced that could make it more than a name: see server/files/shown.py.
export function cleanName(name) {
  const last = name.split(/[/\\]/).pop().normalize("NFC");
  const seen = last.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Cn}\p{Co}\p{Zl}\p{Zp}]/gu, "");
  let plain = seen.replace(/[<>:"/\\|?*]/g, "_").replace(/\s+/g, " ").replace(/^[. ]+|[. ]+$/g, "");
  if (/^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)/i.test(plain)) plain = `_${plain}`;
  if (isLong(plain)) {
    const [, front, ending] = /^(.+?)(\.[\p{L}\p{N}]{1,10})?$/u.exec(plain);
    const stem = [...front];
    while (isLong(stem.join("") + (ending || ""))) stem.pop();
    plain = stem.join("").replace(/[. ]+$/, "") + (ending || "");
  }
  return plain || "file";
}

// The text by which a message about the file is shown and found.
export const textOf = ({name, size}) => `[file] ${name}, ${sizeOf(size)}`;

const importKey = (key) => subtle.importKey("raw", key, "AES-GCM", false, ["encrypt", "decrypt"]);
const sha = async (bytes) => new Uint8Array(await subtle.digest("SHA-256", bytes));

function nonceOf(place, isLast) {
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setUint32(7, place);
  nonce[11] = Number(isLast);
  return nonce;
}

// {blob, told}: the sealed bytes of a file for the server, and its fields without the id. key: for test vectors only.
export async function sealFile(file, name, key = crypto.getRandomValues(new Uint8Array(32))) {
  const imported = await importKey(key);
  const digests = [];
  const blobs = [];
  for (let start = 0; start < file.size; start += TOGETHER * CHUNK) {
    const read = new Uint8Array(await file.slice(start, start + TOGETHER * CHUNK).arrayBuffer());
    const parts = [];
    for (let at = 0; at < read.length; at += CHUNK) {
      const iv = nonceOf((start + at) / CHUNK, start + at + CHUNK >= file.size);
      const sealed = await subtle.encrypt({name: "AES-GCM", iv}, imported, read.subarray(at, at + CHUNK));
      digests.push(await sha(sealed));
      parts.push(sealed);
    }
    blobs.push(new Blob(parts));
  }
  const hash = hex(await sha(join(...digests)));
  return {blob: new Blob(blobs), told: {key: hex(key), hash, size: file.size, name: cleanName(name)}};
}

// Opens a file as it comes, holding at most one chunk. Throws Unopened at the first chunk that is not valid.
export class Opening {
  constructor(told) {
    this.told = told;
    this.total = this._left = sealedSize(told.size);
    this._key = importKey(unhex(told.key));
    this._held = new Uint8Array(CHUNK + TAG);
    this._length = this._place = 0;
    this._digests = [];
  }

  // The pieces of the file that the next bytes from the server complete.
  async take(bytes) {
    const opened = [];
    for (let at = 0; at < bytes.length; ) {
      const wanted = Math.min(CHUNK + TAG, this._left);
      if (!wanted) throw new Unopened(CHANGED);
      const some = bytes.subarray(at, at + wanted - this._length);
      this._held.set(some, this._length);
      this._length += some.length;
      at += some.length;
      if (this._length === wanted) opened.push(await this._open(this._held.slice(0, wanted)));
    }
    return opened;
  }

  async _open(sealed) {
    this._left -= sealed.length;
    this._length = 0;
    this._digests.push(await sha(sealed));
    try {
      const iv = nonceOf(this._place++, !this._left);
      return new Uint8Array(await subtle.decrypt({name: "AES-GCM", iv}, await this._key, sealed));
    } catch {
      throw new Unopened(CHANGED);
    }
  }

  // All has come: throws Unopened if the file is not complete, or not the one that was announced.
  async end() {
    if (this._left || hex(await sha(join(...this._digests))) !== this.told.hash) throw new Unopened(CHANGED);
  }
}

// The media type by the first bytes of a file, if it is a harmless kind of picture; or null.
export function pictureKind(bytes) {
  const begins = (text, at = 0) => [...text].every((char, index) => bytes[at + index] === char.charCodeAt(0));
  if (begins("\x89PNG\r\n\x1a\n")) return "image/png";
  if (begins("\xff\xd8\xff")) return "image/jpeg";
  if (begins("GIF87a") || begins("GIF89a")) return "image/gif";
  return begins("RIFF") && begins("WEBP", 8) ? "image/webp" : null;
}
