// The overview: Refresh Audience asks the live region at once instead of loading the page anew.
import { announce, on } from "../js/dom.js";

on("click", "[data-refresh-live]", (event, link) => {
  const region = link.closest("[data-live]");
  if (!region || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  region.dispatchEvent(new CustomEvent("live:refresh"));
  announce("Counts, status and progress were read again");
});
