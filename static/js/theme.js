// Light, dark or as the system: kept in a cookie so that the server renders the right theme at once.
import { mount, on } from "./dom.js";

const COOKIE = "engage_theme";

function current() {
  return document.documentElement.dataset.theme || "auto";
}

function show() {
  for (const button of document.querySelectorAll("[data-theme-set]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeSet === current()));
  }
}

export function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${COOKIE}=${theme}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
  show();
}

on("click", "[data-theme-set]", (_event, button) => setTheme(button.dataset.themeSet));
mount("[data-theme-set]", show);
