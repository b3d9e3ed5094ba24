// What is drawn and how: every control changes one setting. What was changed holds for all methods.

const LOOKS = { heat: "heat", signed: "signed", outline: "outline", highlight: "highlight" };
const STEPS = 1000; // of the slider of thresholds
const WIDEST = 20; // letters of a name beside which there is room for another

/** A name for every row of explanations: the method, and what tells it from others of that name. */
const rows = (() => {
  const all = content.explanations;
  const several = (name) => new Set(all.map((one) => one[name])).size > 1;
  const models = several("model");
  const names = all.map((one) => (models && one.model ? `${one.method} · ${one.model}` : one.method));
  const found = [];
  all.forEach((one, i) => {
    let row = found.find(({ name, targets }) => name === names[i] && !targets.some(([, target]) => target === one.target));
    if (!row) {
      row = { name: names[i], targets: [], label: names[i] };
      found.push(row);
      const same = found.filter(({ name }) => name === names[i]);
      if (same.length > 1) same.forEach((other, k) => (other.label = `${names[i]} (${k + 1})`));
    }
    row.targets.push([i, one.target]);
  });
  return found;
})();

const rowOf = (explanation) => rows.findIndex(({ targets }) => targets.some(([i]) => i === explanation));

/** What the explanation on the screen is called among the others. */
const nameNow = () => rows[rowOf(now.explanation)].label;

/** Draws another method, for the same target where it has that. */
function chooseRow(row) {
  const { targets } = rows[row];
  const same = targets.find(([, target]) => target === told().target);
  return choose((same ?? targets[0])[0]);
}

/** Changes what is drawn; a game is left for it, as it would hide the change. */
function set(changes) {
  leaveGame();
  Object.assign(now.changed, changes);
  change();
}

/** Changes the look: lines and what is made pale cover the clip wholly at first. */
function setLook(look) {
  const { look: own, opacity } = told().look;
  const usual = look === "outline" || look === "highlight" ? 1 : 0.6;
  set({ look, opacity: look === own ? opacity : usual });
}

/** Changes the opacity: nothing has to be computed anew. */
function setOpacity(opacity) {
  leaveGame();
  now.changed.opacity = opacity;
  screen.overlay.style.opacity = opacity;
  tellSoon();
}

const largest = () => Math.max(greatest(importanceOf(field().scores, setting().look)), 0);

function showControls() {
  const look = setting();
  byId("method").value = rowOf(now.explanation);
  if (isNews(showControls)) options(byId("target"), rows[rowOf(now.explanation)].targets, now.explanation);
  for (const input of byId("looks").querySelectorAll("input")) {
    input.checked = input.value === look.look;
    input.parentElement.classList.toggle("chosen", input.checked);
  }
  for (const [id, value] of [["heat", look.heat], ["pair", look.pair], ["backs", look.back], ["scale", look.scale], ["show", look.show]]) byId(id).value = value;
  byId("opacity").value = Math.round(100 * look.opacity);
  byId("opacity-out").textContent = percent(look.opacity);
  byId("smooth").value = look.smooth;
  byId("smooth-out").textContent = look.smooth > 0 ? `${number(look.smooth)} px` : "none";
  byId("share").value = Math.round(100 * look.share);
  byId("share-out").textContent = percent(look.share);
  byId("share-name").textContent = look.show === "share" ? "Share" : "Held";
  byId("threshold").value = largest() > 0 ? (STEPS * look.threshold) / largest() : 0;
  byId("threshold-out").textContent = number(look.threshold);
  byId("threshold").setAttribute("aria-valuetext", `${number(look.threshold)} ${told().unit}`);
  const mapped = look.look === "heat" || look.look === "signed";
  const there = {
    "heat-row": look.look === "heat", "pair-row": look.look === "signed" || look.look === "outline",
    "back-row": look.look === "highlight", "scale-row": mapped, "smooth-row": mapped,
    "share-row": look.show === "share" || look.show === "accumulated", "threshold-row": look.show === "threshold",
  };
  for (const [id, is] of Object.entries(there)) byId(id).hidden = !is;
  byId("instead").textContent = told().instead;
  byId("instead").hidden = !told().instead;
  byId("reset").disabled = Object.keys(now.changed).length === 0;
  showCount();
}

function showCount() {
  const count = now.chosen.reduce((sum, is) => sum + is, 0);
  const which = { heat: " that support the target", highlight: " that support the target" }[setting().look] ?? "";
  byId("counted").textContent = `${count} of ${field().n} regions are shown${which}.`;
}

/** Why there is nothing to see, or an empty text. */
function nothingInWords() {
  const { look, show, scale } = setting();
  if (field().map.flat) return "Nothing to show: the map is the same everywhere.";
  const supports = look === "heat" || look === "highlight";
  if ((supports && !field().supported) || (look === "heat" && field().map.high <= 0)) {
    return `Nothing to show: nothing supports ${told().target}. The signed look shows what opposes it.`;
  }
  if (!now.chosen.some((is) => is > 0)) {
    return show === "all" ? "Nothing to show: all scores are 0." : "Nothing to show: no region is among those chosen.";
  }
  if (now.ends.some || !now.ends.done || look === "outline" || look === "highlight" || scale !== "clip") return "";
  return `Nothing to show: the map is ${supports ? "nowhere above 0" : "0"} in the regions chosen.`;
}

function showLegend() {
  const look = setting();
  const heat = look.look === "heat";
  const scaled = heat || look.look === "signed";
  const nothing = now.game ? "" : nothingInWords();
  byId("nothing").textContent = nothing;
  byId("nothing").hidden = !nothing;
  byId("legend").hidden = !scaled || Boolean(nothing || now.game);
  const [least, high] = look.scale === "frame" ? [0, 1] : now.ends.span;
  const low = least > SAME * high ? least : 0;
  const pen = byId("bar").getContext("2d");
  const strip = pen.createImageData(256, 1);
  const colors = barColors(look);
  for (let i = 0; i < 256; i++) strip.data.set([colors[3 * i], colors[3 * i + 1], colors[3 * i + 2], 255], 4 * i);
  pen.putImageData(strip, 0, 0);
  const write = decimalsFor(high);
  byId("low").textContent = write(heat ? low : -high);
  byId("middle").textContent = heat ? "" : "0";
  byId("high").textContent = write(high);
  const timed = " The timeline shows the mean of the map over each frame.";
  byId("meaning").replaceChildren(...(nothing ? [] : [...meaningOf(look), timed]));
}

/** A spot of a colour, for eyes alone. */
function dotOf(color) {
  const dot = element("span", { class: "dot", "aria-hidden": "true" });
  dot.style.background = color;
  return dot;
}

/** What the picture shows, as texts and spots of colour. */
function meaningOf(look) {
  if (now.game) return [`The game of ${now.game.game.name}: what is gone is ${now.game.game.fill.words}.`];
  if (look.look === "outline") {
    const [up, down] = twoColors(look).map(dotOf);
    return ["Outlined: ", up, "what supports the target, ", down, "what opposes it."];
  }
  if (look.look === "highlight") return [`${{ grey: "Grey", dark: "Dark", blur: "Blurred" }[look.back]}: what matters less.`];
  if (look.scale === "frame") {
    const ends = look.look === "heat"
      ? "In each frame 0 is the lowest score shown, 1 the highest"
      : "Share of each frame\u2019s largest score";
    return [`${ends}: frames can\u2019t be compared.`];
  }
  const range = look.scale === "unit" ? "colours from 0 to 1" : "one scale for the whole clip";
  return [`Score in ${told().unit}, ${range}.${look.look === "signed" ? " Above 0 supports the target, below 0 opposes it." : ""}`];
}

function openControls() {
  options(byId("method"), rows.map(({ label }, i) => [i, label]));
  const names = rows.flatMap(({ label, targets }) => [label, ...targets.map(([, target]) => target)]);
  byId("method").closest(".pair").classList.toggle("stacked", names.some((name) => name.length > WIDEST));
  options(byId("heat"), Object.keys(content.palettes.heat).map((name) => [name, name]));
  options(byId("pair"), Object.keys(content.palettes.pair).map((name) => [name, name]));
  for (const [value, text] of Object.entries(LOOKS)) {
    byId("looks").append(element("label", {}, element("input", { type: "radio", name: "look", value }), text));
  }
  const on = (id, event, act) => byId(id).addEventListener(event, (happened) => act(happened.target.value));
  on("method", "change", (row) => chooseRow(Number(row)));
  on("target", "change", (i) => choose(Number(i)));
  on("looks", "change", setLook);
  for (const [id, name] of [["heat", "heat"], ["pair", "pair"], ["backs", "back"], ["scale", "scale"], ["show", "show"]]) {
    on(id, "change", (value) => set({ [name]: value }));
  }
  on("opacity", "input", (value) => setOpacity(value / 100));
  on("smooth", "input", (value) => set({ smooth: Number(value) }));
  on("share", "input", (value) => set({ share: value / 100 }));
  on("threshold", "input", (value) => set({ threshold: (largest() * value) / STEPS }));
  byId("reset").addEventListener("click", () => {
    leaveGame();
    now.changed = {};
    change();
  });
  byId("hide").addEventListener("click", () => hide(!now.hidden));
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  whenChanged.push(showControls, showLegend);
}

function hide(hidden) {
  leaveGame();
  now.hidden = hidden;
  byId("hide").setAttribute("aria-pressed", String(hidden));
  draw();
  tellSoon();
}
