// What the model says, the seven choices, what they cost and how far the scores can be trusted.

const TONES = ["#4e79a7", "#f28e2b", "#59a14f", "#b07aa1", "#9c755f", "#76b7b2", "#e15759"];

const cells = (names) => names.map((name) => element("td", {}, name));

function meter(share) {
  return drawing("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
    drawing("rect", { width: 100 * clamp(share, 0, 1), height: 10 }));
}

function showClasses() {
  const { classes, exclusive, target, probability } = told();
  byId("classes-lead").textContent =
    `${nameNow()} explains \u201C${target}\u201D, P = ${likely(probability)} for the whole clip.${exclusive ? "" : " Each class has a probability of its own."}`;
  byId("classes").tBodies[0].replaceChildren(...classes.map(([name, value, is]) => element("tr", is ? { class: "target" } : {},
    element("th", { scope: "row" }, name),
    element("td", {}, element("div", { class: "meter" }, meter(value), element("span", { class: "number" }, likely(value)))))));
}

function showSteps() {
  byId("steps").tBodies[0].replaceChildren(...told().steps.map(([name, meaning, part], i) => element("tr", {},
    element("th", { scope: "row" }, `${i + 1} ${name}`),
    element("td", {}, element("code", {}, part), element("small", {}, meaning)))));
}

function showCost() {
  const { seconds: spent, rows: asked, planned } = told();
  const names = Object.keys(spent);
  const total = names.reduce((sum, name) => sum + spent[name], 0);
  const short = asked < planned ? `, of ${planned} planned` : "";
  byId("cost-lead").textContent = names.length
    ? `${number(total)} seconds for ${counted(asked, "sample")}${short}.`
    : `${counted(asked, "sample")}${short}; the seconds are not known.`;
  const bar = drawing("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none" });
  let left = 0;
  names.forEach((name, i) => {
    const width = total > 0 ? (100 * spent[name]) / total : 0;
    bar.append(drawing("rect", { x: left, width, height: 10, fill: TONES[i % TONES.length] }));
    left += width;
  });
  byId("cost").replaceChildren(bar);
  byId("cost").hidden = !names.length;
  const write = decimalsFor(total);
  byId("seconds").tBodies[0].replaceChildren(...names.map((name, i) => {
    const dot = dotOf(TONES[i % TONES.length]);
    return element("tr", {}, element("th", { scope: "row" }, dot, name), element("td", { class: "number" }, `${write(spent[name])} s`));
  }));
}

function showFit() {
  const { fit, seed, model, manifest, rows: asked } = told();
  const known = [
    ["R\u00B2", fit.r2, "share of the answers\u2019 variance that the scores explain"],
    ["reliability", fit.reliability, "agreement of two halves of the samples"],
    ["effective samples", fit.effective_rows, `what ${asked} weighted samples count as`],
  ].filter(([, value]) => value !== null);
  byId("fit").tBodies[0].replaceChildren(...known.map(([name, value, meaning]) => element("tr", {},
    element("th", { scope: "row" }, name), element("td", { class: "number" }, number(value)), element("td", {}, meaning))));
  const facts = [["seed", String(seed)], ...(model ? [] : [["model", "not told"]]), ...manifest.filter(([name]) => name !== "seed")];
  byId("manifest").tBodies[0].replaceChildren(...facts.map(([name, value]) =>
    element("tr", {}, element("th", { scope: "row" }, name), ...cells([value]))));
}

function openFacts() {
  const tell = () => {
    if (tell.of === told()) return;
    tell.of = told();
    for (const show of [showClasses, showSteps, showCost, showFit]) show();
  };
  whenChanged.push(tell);
}
