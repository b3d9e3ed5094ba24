// Which regions are shown. The same rules as in Python: vexplain/visualization/show.py.

const ALMOST = 1e-9;

/** How much a region counts: its support where a look shows only that, else its size. */
function importanceOf(scores, look) {
  const supports = look === "heat" || look === "highlight";
  return scores.map((score) => (supports ? Math.max(score, 0) : Math.abs(score)));
}

/** The numbers of the regions, the most important first; equal ones in their order. */
function rankedBy(importance) {
  const order = Array.from(importance, (_, i) => i);
  return order.sort((a, b) => importance[b] - importance[a] || a - b);
}

function howMany(importance, ranked, setting) {
  const n = importance.length;
  if (setting.show === "share") return Math.ceil(setting.share * n - ALMOST);
  if (setting.show === "threshold") return ranked.findIndex((i) => !(importance[i] > setting.threshold));
  if (setting.show !== "accumulated") return n;
  const wanted = setting.share * importance.reduce((a, b) => a + b, 0) * (1 - ALMOST);
  let held = 0;
  let count = 0;
  while (count < n && held < wanted) held += importance[ranked[count++]];
  return count;
}

/** 1 for each region that is shown, else 0; one of importance 0 never is. */
function chosenBy(scores, setting) {
  const importance = importanceOf(scores, setting.look);
  const ranked = rankedBy(importance);
  const found = howMany(importance, ranked, setting);
  const count = found < 0 ? ranked.length : found;
  const chosen = new Float32Array(scores.length);
  for (const i of ranked.slice(0, count)) chosen[i] = importance[i] > 0 ? 1 : 0;
  return chosen;
}
