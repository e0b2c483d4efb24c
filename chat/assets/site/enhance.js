// What pages do with a script. Works on a whole page and on one that stands in a sheet.

import { usePause, useUnsent } from "./pause.js";
import { usePlan } from "./plan.js";
import { useLibrary } from "./library.js";
import { useOffline } from "./offline.js";

export function enhance(root) {
  for (const pause of root.querySelectorAll(".pause:has(.step)")) usePause(pause);
  for (const pause of root.querySelectorAll(".pause")) useUnsent(pause);
  for (const plan of root.querySelectorAll("form.plan")) usePlan(plan, root);
  for (const box of root.querySelectorAll("#narrow")) useLibrary(box, root);
  for (const offline of root.querySelectorAll(".offline")) useOffline(offline);
}
