// A request that failed says so in place: what failed, the request id, Retry. Never a vanishing toast.
import { announce } from "./dom.js";

function explain(xhr) {
  if (!xhr || xhr.status === 0) return ["The server did not answer", "Check the connection, then retry. Nothing was changed or lost."];
  if (xhr.status === 404) return ["This no longer exists", "It was removed, or your link is out of date. Reload the page."];
  if (xhr.status === 401) return ["You are signed out", "Reload the page to sign in again."];
  if (xhr.status === 413) return ["That is too large", "Send a smaller file or fewer rows."];
  if (xhr.status === 429) return ["Too many requests", "Wait a moment, then retry."];
  return ["Something went wrong on the server", `The answer was ${xhr.status}.`];
}

function show(event) {
  const { xhr, elt, requestConfig } = event.detail;
  const slot = elt?.closest("dialog[open]")?.querySelector("[data-error-slot], .sheet__body, .dialog__body") ?? document.getElementById("page-errors");
  if (!slot) return;
  for (const old of slot.querySelectorAll(":scope > .callout[data-test='page.error']")) old.remove();
  const box = document.getElementById("error-template").content.firstElementChild.cloneNode(true);
  const [title, text] = explain(xhr);
  const id = xhr?.getResponseHeader?.("X-Request-ID");
  box.querySelector(".callout__title").textContent = title;
  box.querySelector("[data-error-text]").textContent = id ? `${text} Request ${id}.` : text;
  box.querySelector("[data-error-dismiss]").addEventListener("click", () => box.remove());
  const retry = box.querySelector("[data-error-retry]");
  // Only reading is repeated blindly; a form is sent again by its own button, with its own one-time key.
  if (requestConfig?.verb === "get" && elt?.isConnected) {
    retry.addEventListener("click", () => {
      box.remove();
      window.htmx.ajax("GET", requestConfig.path, { source: elt, target: requestConfig.target ?? elt });
    });
  } else {
    retry.remove();
  }
  slot.prepend(box);
  box.scrollIntoView({ block: "nearest" });
  announce(title);
}

document.addEventListener("htmx:responseError", show);
document.addEventListener("htmx:sendError", show);
document.addEventListener("htmx:timeout", show);
