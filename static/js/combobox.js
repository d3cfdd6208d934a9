// Type-ahead over values fetched from the server: ARIA combobox with a listbox; free text is allowed.
//
//   <span class="combobox" data-combobox data-url="/s/dev/suggest/events/" data-never-seen="No event of this name yet">
//     <input name="event" aria-label="Event">
//   </span>
//
// The URL is called with ?q=<text> and the pairs of data-params (JSON), and answers
// [{"value": "...", "label": "...", "hint": "...", "group": "..."}] (or {"results": [...]}). Choosing fires `input` and `change` on the
// input and `combobox:choose` (detail: the option) on the wrapper. While the text is none of the server's values,
// the wrapper has data-unknown and, with data-never-seen, a note beside it.
import { mount, place } from "./dom.js";

const DELAY_MS = 140;
let nextId = 0;

class Combobox {
  constructor(wrapper) {
    this.wrapper = wrapper;
    this.input = wrapper.querySelector("input");
    this.options = [];
    // The text that the options are the answer to.
    this.asked = null;
    this.active = -1;
    this.request = null;
    nextId += 1;
    this.list = document.createElement("div");
    this.list.className = "combobox__list";
    this.list.id = `combobox-${nextId}`;
    this.list.popover = "manual";
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", this.input.getAttribute("aria-label") || this.input.labels?.[0]?.textContent.trim() || "Suggestions");
    wrapper.append(this.list);
    for (const [name, value] of Object.entries({
      role: "combobox",
      autocomplete: "off",
      "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-controls": this.list.id,
    })) this.input.setAttribute(name, value);
    this.status = document.createElement("span");
    this.status.className = "visually-hidden";
    this.status.setAttribute("aria-live", "polite");
    wrapper.append(this.status);
    this.listen();
    if (this.input.value) this.check();
  }

  listen() {
    this.input.addEventListener("input", (event) => {
      if (event.detail !== "combobox") this.schedule();
    });
    this.input.addEventListener("click", () => this.open());
    this.input.addEventListener("blur", () => setTimeout(() => this.close(), 0));
    this.input.addEventListener("keydown", (event) => this.key(event));
    // mousedown keeps the focus in the input
    this.list.addEventListener("mousedown", (event) => event.preventDefault());
    this.list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.choose(Number(option.dataset.index));
    });
    window.addEventListener("scroll", (event) => {
      if (this.isOpen && !this.list.contains(event.target)) this.place();
    }, { passive: true, capture: true });
  }

  get isOpen() {
    return this.list.matches(":popover-open");
  }

  schedule() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), DELAY_MS);
  }

  async fetch(query) {
    this.request?.abort();
    this.request = new AbortController();
    const url = new URL(this.wrapper.dataset.url, location.href);
    url.searchParams.set("q", query);
    const params = JSON.parse(this.wrapper.dataset.params || "{}");
    for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
    const response = await fetch(url, { signal: this.request.signal, headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(String(response.status));
    const answer = await response.json();
    return Array.isArray(answer) ? answer : answer.results;
  }

  async open() {
    const typed = this.input.value.trim();
    this.input.setAttribute("aria-busy", "true");
    try {
      // A chosen value shows the whole list again, so that it can be changed.
      const exact = this.options.some((option) => String(option.value) === typed);
      this.options = await this.fetch(exact && !this.isOpen ? "" : typed);
      this.asked = typed;
      this.failed = false;
    } catch (error) {
      if (error.name === "AbortError") return;
      this.options = [];
      this.failed = true;
    } finally {
      this.input.removeAttribute("aria-busy");
    }
    this.mark();
    if (document.activeElement !== this.input) return;
    this.render();
  }

  render() {
    const typed = this.input.value.trim();
    this.list.replaceChildren(...this.options.flatMap((option, index) => this.elements(option, index, typed)));
    const known = this.options.some((option) => String(option.value) === typed);
    if (this.failed || this.options.length === 0 || (typed && !known)) {
      const note = document.createElement("div");
      note.className = "combobox__status";
      note.setAttribute("role", "presentation");
      note.textContent = this.failed
        ? "Suggestions could not be loaded. You can still type a value."
        : typed
          ? `“${typed}” has not been seen. Press Enter to use it as it is.`
          : "Nothing seen yet. Type a value.";
      this.list.append(note);
    }
    this.status.textContent = this.failed ? "Suggestions could not be loaded" : `${this.options.length} suggestions`;
    if (!this.isOpen) this.list.showPopover();
    this.place();
    this.input.setAttribute("aria-expanded", "true");
    this.highlight(this.options.findIndex((option) => String(option.value) === typed));
  }

  /** The option, after the name of its group where one begins. */
  elements(option, index, typed) {
    const row = this.element(option, index, typed);
    if (!option.group || option.group === this.options[index - 1]?.group) return [row];
    const group = document.createElement("div");
    group.className = "combobox__group";
    group.setAttribute("role", "presentation");
    group.textContent = option.group;
    return [group, row];
  }

  element(option, index, typed) {
    const row = document.createElement("div");
    row.className = "combobox__option";
    row.id = `${this.list.id}-${index}`;
    row.dataset.index = String(index);
    row.setAttribute("role", "option");
    row.setAttribute("aria-selected", "false");
    const label = document.createElement("span");
    label.className = "combobox__label";
    const text = String(option.label ?? option.value);
    const at = typed ? text.toLowerCase().indexOf(typed.toLowerCase()) : -1;
    if (at >= 0) {
      const mark = document.createElement("mark");
      mark.textContent = text.slice(at, at + typed.length);
      label.append(text.slice(0, at), mark, text.slice(at + typed.length));
    } else {
      label.textContent = text;
    }
    row.append(label);
    if (option.hint) {
      const hint = document.createElement("span");
      hint.className = "combobox__hint";
      hint.textContent = option.hint;
      row.append(hint);
    }
    return row;
  }

  place() {
    place(this.list, this.input, { matchWidth: true });
  }

  close() {
    this.request?.abort();
    clearTimeout(this.timer);
    if (this.isOpen) this.list.hidePopover();
    this.active = -1;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
    this.mark();
    if (this.asked !== this.input.value.trim()) this.check();
  }

  highlight(index) {
    this.active = index;
    this.list.querySelectorAll("[role=option]").forEach((row, at) => {
      row.setAttribute("aria-selected", String(at === index));
      if (at === index) row.scrollIntoView({ block: "nearest" });
    });
    if (index >= 0) this.input.setAttribute("aria-activedescendant", `${this.list.id}-${index}`);
    else this.input.removeAttribute("aria-activedescendant");
  }

  key(event) {
    if (event.isComposing || event.altKey || event.ctrlKey || event.metaKey) return;
    const count = this.options.length;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!this.isOpen) this.open();
      else if (count) this.highlight(event.key === "ArrowDown" ? (this.active + 1) % count : (this.active - 1 + count) % count);
    } else if (event.key === "Enter" && this.isOpen) {
      event.preventDefault();
      if (this.active >= 0) this.choose(this.active);
      else {
        this.close();
        this.input.dispatchEvent(new Event("change", { bubbles: true }));
      }
    } else if (event.key === "Escape" && this.isOpen) {
      event.preventDefault();
      event.stopPropagation();
      this.close();
    } else if (event.key === "Tab" && this.isOpen && this.active >= 0) {
      this.choose(this.active);
    }
  }

  choose(index) {
    const option = this.options[index];
    this.input.value = String(option.value);
    this.asked = this.input.value.trim();
    this.close();
    this.input.dispatchEvent(new CustomEvent("input", { bubbles: true, detail: "combobox" }));
    this.input.dispatchEvent(new Event("change", { bubbles: true }));
    this.wrapper.dispatchEvent(new CustomEvent("combobox:choose", { bubbles: true, detail: option }));
  }

  /** Asks whether a value that nobody looked up has been seen. */
  async check() {
    const typed = this.input.value.trim();
    if (!typed) return;
    try {
      this.options = await this.fetch(typed);
      this.asked = typed;
      this.mark();
    } catch {
      // Unknown stays unmarked: a failed look-up is no proof that the value is new.
    }
  }

  /** A note that comes or goes moves what is below, so a value is new only once the server has said so. */
  mark() {
    const typed = this.input.value.trim();
    const unknown = typed !== "" && typed === this.asked && !this.failed && !this.options.some((option) => String(option.value) === typed);
    this.wrapper.toggleAttribute("data-unknown", unknown);
    const text = this.wrapper.dataset.neverSeen;
    let note = this.wrapper.nextElementSibling?.matches(".combobox__note") ? this.wrapper.nextElementSibling : null;
    if (!text || !unknown || this.isOpen) {
      if (note && !unknown) note.remove();
      return;
    }
    if (!note) {
      note = document.createElement("span");
      note.className = "combobox__note";
      note.id = `${this.list.id}-note`;
      this.wrapper.after(note);
      this.input.setAttribute("aria-describedby", note.id);
    }
    note.textContent = `⚠ ${text}`;
  }
}

const instances = new WeakMap();
mount("[data-combobox]", (wrapper) => {
  if (wrapper.querySelector("input")) instances.set(wrapper, new Combobox(wrapper));
});

/** The instance behind a wrapper, after the page changed its data-url or data-params. */
export function comboboxOf(wrapper) {
  return instances.get(wrapper);
}
