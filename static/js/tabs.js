// A row of tabs that is wider than the window shows the current one.
import { mount } from "./dom.js";

const PEEK = 32; // of the tab before it, so that there are more is seen

mount(".tabs, .segmented", (row) => {
  const current = row.querySelector("[aria-current]");
  if (!current || row.scrollWidth <= row.clientWidth) return;
  row.scrollLeft += current.getBoundingClientRect().left - row.getBoundingClientRect().left - PEEK;
});
