// What a function finds around it: fetch, console, errors, hashes. Evaluated before the function's own code; the value
// of this script is the one entry that the host calls: host(command, argument) -> JSON text.
(() => {
  "use strict";
  const LIMITS = { logs: 100, line: 4000, body: 1000000 };
  const { parse, stringify } = JSON;
  const outbox = [];
  const pending = new Map();
  const logs = [];
  const run = { done: false, error: null, value: undefined };
  let mostRequests = 0;
  let requests = 0;

  const define = (name, value) => Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });

  for (const name of ["EventNotSupported", "InvalidEventPayload", "ValidationError", "RetryError"]) {
    define(name, class extends Error {
      constructor(message) {
        super(message);
        this.name = name;
      }
    });
  }

  // --- console -------------------------------------------------------------------------------------------------------
  const shown = (value) => {
    if (typeof value === "string") return value;
    if (value instanceof Error) return `${value.name}: ${value.message}`;
    try {
      return stringify(value) ?? String(value);
    } catch {
      return String(value);
    }
  };
  const log = (level) => (...values) => {
    if (logs.length > LIMITS.logs) return;
    if (logs.length === LIMITS.logs) {
      logs.push({ level: "warn", text: `Only the first ${LIMITS.logs} lines are kept.` });
      return;
    }
    const text = values.map(shown).join(" ");
    logs.push({ level, text: text.length > LIMITS.line ? `${text.slice(0, LIMITS.line)}…` : text });
  };
  define("console", Object.freeze({ log: log("log"), info: log("info"), warn: log("warn"), error: log("error"), debug: log("debug") }));

  // --- bytes and text ------------------------------------------------------------------------------------------------
  const utf8 = (text) => {
    const bytes = [];
    for (const char of String(text)) {
      let code = char.codePointAt(0);
      if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd;
      if (code < 0x80) bytes.push(code);
      else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63));
      else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
      else bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    }
    return bytes;
  };
  const bytesOf = (value) => {
    if (value instanceof ArrayBuffer) return [...new Uint8Array(value)];
    if (ArrayBuffer.isView(value)) return [...new Uint8Array(value.buffer, value.byteOffset, value.byteLength)];
    return Array.isArray(value) ? value : utf8(value);
  };
  const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const base64 = (bytes) => {
    let out = "";
    for (let at = 0; at < bytes.length; at += 3) {
      const three = (bytes[at] << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
      out += BASE64[three >> 18] + BASE64[(three >> 12) & 63];
      out += at + 1 < bytes.length ? BASE64[(three >> 6) & 63] : "=";
      out += at + 2 < bytes.length ? BASE64[three & 63] : "=";
    }
    return out;
  };
  const hex = (bytes) => bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
  define("btoa", (text) => {
    const bytes = [...String(text)].map((char) => char.charCodeAt(0));
    if (bytes.some((byte) => byte > 255)) throw new TypeError("btoa takes text of single bytes; encode it first.");
    return base64(bytes);
  });
  define("atob", (text) => {
    const clean = String(text).replace(/[\s=]/g, "");
    let out = "";
    let bits = 0;
    let held = 0;
    for (const char of clean) {
      const value = BASE64.indexOf(char);
      if (value < 0) throw new TypeError("atob was given text that is no base64.");
      held = ((held << 6) | value) & 0xffffff;
      bits += 6;
      if (bits >= 8) {
        bits -= 8;
        out += String.fromCharCode((held >> bits) & 255);
      }
    }
    return out;
  });

  // --- hashes --------------------------------------------------------------------------------------------------------
  const K = [];
  const SHA256 = [];
  const fraction = (value) => ((value - Math.floor(value)) * 4294967296) | 0;
  const prepare = () => {
    for (let candidate = 2; K.length < 64; candidate += 1) {
      let isPrime = true;
      for (let factor = 2; factor * factor <= candidate; factor += 1) if (candidate % factor === 0) isPrime = false;
      if (!isPrime) continue;
      if (SHA256.length < 8) SHA256.push(fraction(Math.sqrt(candidate)));
      K.push(fraction(Math.cbrt(candidate)));
    }
  };
  const rotate = (value, by) => (value >>> by) | (value << (32 - by));
  const sha256 = (input) => {
    if (!K.length) prepare();
    const bytes = [...input, 0x80];
    while (bytes.length % 64 !== 56) bytes.push(0);
    const length = input.length * 8;
    for (let shift = 56; shift >= 0; shift -= 8) bytes.push(Math.floor(length / 2 ** shift) & 255);
    const state = [...SHA256];
    const words = new Int32Array(64);
    for (let start = 0; start < bytes.length; start += 64) {
      for (let at = 0; at < 16; at += 1) {
        const from = start + 4 * at;
        words[at] = (bytes[from] << 24) | (bytes[from + 1] << 16) | (bytes[from + 2] << 8) | bytes[from + 3];
      }
      for (let at = 16; at < 64; at += 1) {
        const [early, late] = [words[at - 15], words[at - 2]];
        const first = rotate(early, 7) ^ rotate(early, 18) ^ (early >>> 3);
        const second = rotate(late, 17) ^ rotate(late, 19) ^ (late >>> 10);
        words[at] = words[at - 16] + first + words[at - 7] + second;
      }
      let [a, b, c, d, e, f, g, h] = state;
      for (let at = 0; at < 64; at += 1) {
        const one = (h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + K[at] + words[at]) | 0;
        const two = ((rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
      }
      [a, b, c, d, e, f, g, h].forEach((value, at) => { state[at] = (state[at] + value) | 0; });
    }
    return state.flatMap((word) => [24, 16, 8, 0].map((shift) => (word >>> shift) & 255));
  };
  const hmac = (key, data) => {
    const padded = key.length > 64 ? sha256(key) : [...key];
    while (padded.length < 64) padded.push(0);
    return sha256([...padded.map((byte) => byte ^ 0x5c), ...sha256([...padded.map((byte) => byte ^ 0x36), ...data])]);
  };
  const digesting = (finish) => {
    const data = [];
    const hash = {
      update(value) {
        for (const byte of bytesOf(value)) data.push(byte);
        return hash;
      },
      digest(encoding) {
        const bytes = finish(data);
        if (encoding === "hex") return hex(bytes);
        return encoding === "base64" ? base64(bytes) : Uint8Array.from(bytes);
      },
    };
    return hash;
  };
  const known = (name) => {
    if (String(name).toLowerCase().replace("-", "") !== "sha256") throw new TypeError("Only sha256 is available.");
  };
  define("crypto", Object.freeze({
    createHash: (name) => { known(name); return digesting(sha256); },
    createHmac: (name, key) => { known(name); return digesting((data) => hmac(bytesOf(key), data)); },
  }));

  // --- URLs ----------------------------------------------------------------------------------------------------------
  const form = (text) => encodeURIComponent(text).replace(/%20/g, "+").replace(/[!'()~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  define("URLSearchParams", class URLSearchParams {
    #pairs = [];
    constructor(init = "") {
      if (typeof init === "string") {
        for (const pair of init.replace(/^\?/, "").split("&").filter(Boolean)) {
          const [name, ...rest] = pair.split("=");
          this.append(...[name, rest.join("=")].map((part) => decodeURIComponent(part.replace(/\+/g, " "))));
        }
      } else for (const [name, value] of typeof init[Symbol.iterator] === "function" ? init : Object.entries(init)) this.append(name, value);
    }
    append(name, value) { this.#pairs.push([String(name), String(value)]); }
    set(name, value) { this.delete(name); this.append(name, value); }
    delete(name) { this.#pairs = this.#pairs.filter(([one]) => one !== String(name)); }
    get(name) { return this.#pairs.find(([one]) => one === String(name))?.[1] ?? null; }
    has(name) { return this.#pairs.some(([one]) => one === String(name)); }
    [Symbol.iterator]() { return this.#pairs[Symbol.iterator](); }
    toString() { return this.#pairs.map(([name, value]) => `${form(name)}=${form(value)}`).join("&"); }
  });

  // --- fetch ---------------------------------------------------------------------------------------------------------
  class Headers {
    #values = new Map();
    constructor(init = {}) {
      for (const [name, value] of init && typeof init[Symbol.iterator] === "function" ? init : Object.entries(init ?? {})) this.set(name, value);
    }
    get(name) { return this.#values.get(String(name).toLowerCase()) ?? null; }
    has(name) { return this.#values.has(String(name).toLowerCase()); }
    set(name, value) { this.#values.set(String(name).toLowerCase(), String(value)); }
    forEach(each) { for (const [name, value] of this.#values) each(value, name, this); }
    entries() { return this.#values.entries(); }
    [Symbol.iterator]() { return this.entries(); }
  }
  define("Headers", Headers);

  class Response {
    #text;
    constructor(answer) {
      this.status = answer.status;
      this.ok = answer.status >= 200 && answer.status < 300;
      this.statusText = answer.reason;
      this.url = answer.url;
      this.headers = new Headers(answer.headers);
      this.#text = answer.body;
    }
    async text() { return this.#text; }
    async json() { return parse(this.#text); }
  }

  define("fetch", (resource, options = {}) => new Promise((resolve, reject) => {
    requests += 1;
    if (requests > mostRequests) throw new Error(`A function can make ${mostRequests} requests at most for one call.`);
    const headers = new Headers(options.headers);
    let body = options.body ?? null;
    if (body instanceof URLSearchParams) {
      body = body.toString();
      if (!headers.has("content-type")) headers.set("content-type", "application/x-www-form-urlencoded;charset=UTF-8");
    }
    if (body !== null && typeof body !== "string") throw new TypeError("body has to be a text: use JSON.stringify.");
    if (body !== null && body.length > LIMITS.body) throw new TypeError(`body is longer than ${LIMITS.body} characters.`);
    if (body !== null && !headers.has("content-type")) headers.set("content-type", "text/plain;charset=UTF-8");
    const method = String(options.method ?? "GET").toUpperCase();
    pending.set(requests, { resolve, reject });
    outbox.push({ id: requests, method, url: String(resource), headers: Object.fromEntries(headers), body });
  }));

  // --- what the host asks --------------------------------------------------------------------------------------------
  const own = (name) => {
    try {
      return (0, eval)(`typeof ${name} === "function" ? ${name} : undefined`);
    } catch {
      return undefined;
    }
  };
  const described = (error) => {
    if (error === null) return { name: "Error", message: "null was thrown, or the memory ran out.", stack: "" };
    if (typeof error !== "object") return { name: "Error", message: shown(error), stack: "" };
    return {
      name: String(error.name ?? "Error"),
      message: String(error.message ?? ""),
      stack: String(error.stack ?? ""),
      network: error.network,
    };
  };
  const plain = (value) => {
    try {
      return value === undefined ? null : parse(stringify(value) ?? "null");
    } catch {
      return null;
    }
  };
  const commands = {
    handlers: (names) => names.filter((name) => own(name) !== undefined),
    start: ({ handler, input, settings, most }) => {
      mostRequests = most;
      const work = async () => own(handler)(input, settings);
      work().then(
        (value) => { run.done = true; run.value = value; },
        (error) => { run.done = true; run.error = described(error); },
      );
    },
    settle: ({ id, answer }) => {
      pending.get(id)?.resolve(new Response(answer));
      pending.delete(id);
    },
    fail: ({ id, message, network }) => {
      const error = new TypeError(message);
      error.network = network;
      pending.get(id)?.reject(error);
      pending.delete(id);
    },
    state: () => ({ done: run.done, error: run.error, value: plain(run.value), requests: outbox.splice(0) }),
    logs: () => logs.splice(0),
  };
  return (command, argument) => stringify(commands[command](parse(argument)) ?? null);
})()
