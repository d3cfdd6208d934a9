// Loads every behaviour of the shell. Page modules import what they need from the files beside this one.
import "./theme.js";
import "./menus.js";
import "./dialogs.js";
import "./sheet.js";
import "./toasts.js";
import "./errors.js";
import "./busy.js";
import "./tooltips.js";
import "./code.js";
import "./polling.js";
import "./times.js";
import "./shortcuts.js";
import "./combobox.js";
import "./forms.js";
import "./rows.js";
import "./tabs.js";
