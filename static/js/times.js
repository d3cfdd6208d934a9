// Relative times grow older without a request; the title gains the viewer's local time.
import { mount } from "./dom.js";

const STEPS = [[60, 1, "s"], [3600, 60, "min"], [86400, 3600, "h"], [86400 * 60, 86400, "d"]];

export function age(moment, now = Date.now()) {
  const seconds = (now - moment) / 1000;
  const distance = Math.abs(seconds);
  if (distance < 5) return "just now";
  for (const [limit, unit, word] of STEPS) {
    if (distance < limit) {
      const text = `${Math.floor(distance / unit)} ${word}`;
      return seconds >= 0 ? `${text} ago` : `in ${text}`;
    }
  }
  return null;
}

function refresh(element) {
  const text = age(Date.parse(element.dateTime));
  if (text && text !== element.textContent) element.textContent = text;
}

mount("time[data-relative]", (element) => {
  const local = new Date(element.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
  element.title = `${element.title}\n${local} local time`;
  refresh(element);
});
setInterval(() => {
  if (document.hidden) return;
  document.querySelectorAll("time[data-relative]").forEach(refresh);
}, 10000);
