// Toasts confirm only. From Django messages in the page, or HX-Trigger: {"toast": {"text": "Saved", "level": "success"}}.
import { mount, on } from "./dom.js";

const STAY_MS = 6000;

export function toast(text, level = "success") {
  const template = document.getElementById("toast-template");
  const element = template.content.firstElementChild.cloneNode(true);
  element.classList.add(`toast--${level}`);
  element.querySelector(".toast__text").textContent = text;
  document.getElementById("toasts").append(element);
  expire(element);
}

function expire(element) {
  if (element.classList.contains("toast--error")) return;
  let timer;
  const start = () => (timer = setTimeout(() => element.remove(), STAY_MS));
  for (const type of ["mouseenter", "focusin"]) element.addEventListener(type, () => clearTimeout(timer));
  for (const type of ["mouseleave", "focusout"]) element.addEventListener(type, start);
  start();
}

mount("#toasts [data-toast]", expire);
on("click", "[data-toast-close]", (_event, button) => button.closest("[data-toast]").remove());
document.addEventListener("toast", (event) => {
  const detail = event.detail ?? {};
  toast(detail.text ?? detail.value ?? "", detail.level);
});
