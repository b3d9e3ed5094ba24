// The keys. They are left to a control where it has the focus and needs them itself.

const KEYS = [
  [["Space", "K"], [" ", "k"], "play or pause", () => play(!now.playing)],
  [["\u2190", "\u2192"], ["ArrowLeft", "ArrowRight"], "one picture back or on", (key) => seek(now.picture + (key === "ArrowLeft" ? -1 : 1))],
  [["Shift \u2190", "Shift \u2192"], ["Shift ArrowLeft", "Shift ArrowRight"], "to the frame before or after that the model saw", (key) => step(key.endsWith("Left") ? -1 : 1)],
  [["Home", "End"], ["Home", "End"], "to the beginning or the end", (key) => seek(key === "Home" ? 0 : film.n - 1)],
  [["M", "Shift M"], ["m", "Shift M"], "next or last method", (key) => chooseRow(turned(rowOf(now.explanation), rows.length, key))],
  [["T", "Shift T"], ["t", "Shift T"], "next or last target", (key) => chooseTarget(key)],
  [["L", "Shift L"], ["l", "Shift L"], "next or last look", (key) => nextLook(key)],
  [["R", "Shift R"], ["r", "Shift R"], "mark the next or last region that matters most", (key) => visitNext(key === "r" ? 1 : -1)],
  [["H"], ["h"], "hide or show the map", () => hide(!now.hidden)],
  [["Esc"], ["Escape"], "mark no region, leave the game", () => letGo()],
  [["?"], ["?", "Shift ?"], "show these keys", () => showKeys()],
];

const turned = (i, n, key) => (i + (key.startsWith("Shift") ? n - 1 : 1)) % n;

function chooseTarget(key) {
  const { targets } = rows[rowOf(now.explanation)];
  const place = targets.findIndex(([i]) => i === now.explanation);
  choose(targets[turned(place, targets.length, key)][0]);
}

function nextLook(key) {
  const names = Object.keys(LOOKS);
  setLook(names[turned(names.indexOf(setting().look), names.length, key)]);
}

function letGo() {
  now.region = null;
  pointAt(null);
  showRegions();
  leaveGame();
}

function showKeys() {
  const details = byId("keys").closest("details");
  details.open = true;
  details.querySelector("summary").focus();
}

/** Whether a control with the focus takes a key itself. */
function isTaken(target, key) {
  if (target.id === "time") return false;
  if (target.matches("select, textarea")) return true;
  if (target.matches("input")) return /Arrow|Home|End|^ $/.test(key);
  if (target.matches("button, summary, a")) return key === " ";
  return target.matches(".scroll") && /Arrow|Home|End/.test(key);
}

/** The name of a key; a letter is the same with and without caps lock. */
function keyOf({ key, shiftKey }) {
  if (/^[a-z]$/i.test(key)) return shiftKey ? `Shift ${key.toUpperCase()}` : key.toLowerCase();
  return shiftKey ? `Shift ${key}` : key;
}

function openKeys() {
  const acts = new Map(KEYS.flatMap(([, names, , act]) => names.map((name) => [name, act])));
  document.addEventListener("keydown", (event) => {
    const key = keyOf(event);
    const act = acts.get(key);
    if (!act || event.ctrlKey || event.altKey || event.metaKey || isTaken(event.target, event.key)) return;
    event.preventDefault();
    if (/Arrow|Home|End/.test(key)) play(false);
    act(key);
  });
  for (const [shown, , meaning] of KEYS) {
    const names = shown.flatMap((name, i) => [...(i ? [" "] : []), element("kbd", {}, name)]);
    byId("keys").append(element("dt", {}, ...names), element("dd", {}, meaning));
  }
}
